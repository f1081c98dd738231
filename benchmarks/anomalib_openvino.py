"""Inspects a clip with anomalib's OpenVINO inferencer and the same engine and drawing as the loop.

`make peers` installs anomalib in a separate environment (5.5 GB), and benchmarks.pipeline then runs
python -m benchmarks.anomalib_openvino CLIP ENGINE OUT there. It prints one JSON line.
"""

import contextlib
import json
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from benchmarks.plain_loop import PlainEngine, run
from engines.spec import EngineSpec
from engines.spec_file import read_engine
from inspector.core.arrays import Image, Map


class AnomalibEngine(PlainEngine):
    """The engine in the form that the inferencer takes. out: .xml file of this form."""

    def __init__(self, path: str, out: Path) -> None:
        import openvino
        from anomalib.deploy import OpenVINOInferencer

        self.spec, model = read_engine(Path(path))
        content = wrap(model, self.spec).SerializeToString()
        converted = openvino.Core().read_model(content)
        # The inferencer takes the first of several names.
        converted.output("anomaly_map").set_names({"anomaly_map"})
        converted.output("score").set_names({"pred_score"})
        openvino.save_model(converted, out, compress_to_fp16=False)
        with contextlib.chdir(out.parent):  # it makes a folder for its cache
            self._inferencer = OpenVINOInferencer(out.name, device="CPU")

    def infer(self, frame: Image) -> tuple[Map, float]:
        batch = self._inferencer.predict(self.prepare(frame))
        return batch.anomaly_map[0], float(batch.pred_score[0])


def wrap(model: onnx.ModelProto, spec: EngineSpec) -> onnx.ModelProto:
    """The graph with the input of an export of anomalib, (1, 3, H, W) float32 RGB from 0 to 1.
    It changes the model."""
    graph = model.graph
    levels = helper.make_tensor("levels", TensorProto.FLOAT, [], [255.0])
    before = [
        helper.make_node("Mul", ["image", "levels"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["pixels"], perm=[0, 2, 3, 1]),
    ]
    nodes = [*before, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.initializer.append(levels)
    shape = [1, 3, *spec.resize.input_hw]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    return model


if __name__ == "__main__":
    clip, engine, out = sys.argv[1:4]
    wrapped = AnomalibEngine(engine, Path(out).with_suffix(".xml"))
    print(json.dumps(run(clip, wrapped, out)))
