"""Inspects a clip with anomalib's OpenVINO inferencer and the same engine and drawing as the loop.

`make peers` installs anomalib in a separate environment (6.7 GB), and benchmarks.pipeline then runs
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
    """The engine in the form that the inferencer takes. out: file of this form."""

    def __init__(self, path: str, out: Path) -> None:
        from anomalib.deploy import OpenVINOInferencer

        self.spec, model = read_engine(Path(path))
        onnx.save(wrap(model, self.spec), out)
        with contextlib.chdir(out.parent):  # it makes a folder for its cache
            self._inferencer = OpenVINOInferencer(out.name, device="CPU")

    def infer(self, frame: Image) -> tuple[Map, float]:
        batch = self._inferencer.predict(self.prepare(frame))
        return batch.anomaly_map[0], float(batch.pred_score[0])


def wrap(model: onnx.ModelProto, spec: EngineSpec) -> onnx.ModelProto:
    """The graph with the input and the outputs of an export of anomalib: (1, 3, H, W) float32 RGB
    from 0 to 1 -> anomaly_map and pred_score. It changes the model."""
    graph = model.graph
    levels = helper.make_tensor("levels", TensorProto.FLOAT, [], [255.0])
    before = [
        helper.make_node("Mul", ["image", "levels"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["pixels"], perm=[0, 2, 3, 1]),
    ]
    # OpenVINO gives the outputs of other operators several names, and the inferencer takes any.
    # No value is negative, so this one changes nothing.
    after = [
        helper.make_node("Relu", ["found_map"], ["anomaly_map"]),
        helper.make_node("Relu", ["score"], ["pred_score"]),
    ]
    for node in graph.node:
        node.output[:] = ["found_map" if name == "anomaly_map" else name for name in node.output]
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.initializer.append(levels)
    shape = [1, 3, *spec.resize.input_hw]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    for output in graph.output:
        if output.name == "score":
            output.name = "pred_score"
    return model


if __name__ == "__main__":
    clip, engine, out = sys.argv[1:4]
    wrapped = AnomalibEngine(engine, Path(out).with_suffix(".onnx"))
    print(json.dumps(run(clip, wrapped, out)))
