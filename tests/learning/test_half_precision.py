"""Half precision: only where the graph allows it, and checked."""

import dataclasses

import numpy as np
import onnx
import pytest
from engine_parts import HW, fit_parts, parts
from glass_parts import model
from onnx import TensorProto

from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.spec import CONVERTED_FROM
from engines.spec_file import graph_hash, read_engine, write_engine
from inspector.core.errors import EngineError, ParityError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions
from learning import checking
from learning.backbones.zoo import DEFAULT, resolve
from learning.converting import convert_to_half
from learning.finishing import make_engine
from learning.fitting import fit_engine
from learning.graph.half_marks import HALF
from learning.half_precision import halve_graph
from learning.job import FitOptions, MakeOptions
from learning.methods.glass.method import Glass
from learning.methods.registry import make_method


def converted(source, out):
    spec, _ = read_engine(source)
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)
    return convert_to_half(source, out, measuring, threads=1)


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """Tensor -> element type."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.output)}


@pytest.fixture(scope="session")
def halves(engine_file):
    return halve_graph(read_engine(engine_file)[1])


def test_products_of_the_backbone_are_half_and_of_the_head_are_not(halves):
    types = types_of(halves)
    convolutions = [n for n in halves.graph.node if n.op_type == "Conv"]
    products = [n for n in halves.graph.node if n.op_type == "MatMul" and n.doc_string != HALF]
    assert len(convolutions) > 30
    assert {types[n.output[0]] for n in convolutions} == {TensorProto.FLOAT16}
    assert {types[n.output[0]] for n in products} == {TensorProto.FLOAT}


@pytest.mark.parametrize("operator", ["ReduceL2", "Div", "ReduceMax", "TopK", "ReduceMean", "Sub"])
def test_norms_distances_and_scores_stay_float32(halves, operator):
    types = types_of(halves)
    types_found = [types[n.output[0]] for n in halves.graph.node if n.op_type == operator]
    assert types_found
    assert set(types_found) == {TensorProto.FLOAT}


def test_inputs_and_outputs_keep_the_format(halves, engine_file):
    _, model = read_engine(engine_file)
    assert list(halves.graph.input) == list(model.graph.input)
    assert list(halves.graph.output) == list(model.graph.output)
    onnx.checker.check_model(halves, full_check=True)


def test_the_bank_is_stored_in_half_and_read_as_float32(halves, engine_file):
    shapes = OnnxEngine(engine_file).spec.parameters["bank_shapes"].values()
    stored = {
        node.output[0]: node.attribute[0].t
        for node in halves.graph.node
        if node.op_type == "Constant" and len(node.attribute[0].t.dims) == 3
    }
    banks = [n for n, t in stored.items() if sorted(t.dims) in [sorted(shape) for shape in shapes]]
    assert len(banks) == 2
    for name in banks:
        readers = [node for node in halves.graph.node if name in node.input]
        assert stored[name].data_type == TensorProto.FLOAT16
        assert [node.op_type for node in readers] == ["Cast"]
        assert types_of(halves)[readers[0].output[0]] == TensorProto.FLOAT


def test_no_constant_is_kept_twice(halves):
    read = {name for node in halves.graph.node for name in node.input}
    assert all(n.output[0] in read for n in halves.graph.node if n.op_type == "Constant")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("rad", {}),
        ("rad", {"radius": None}),
        ("patchcore", {}),
        ("patchcore", {"coreset": 0.8}),
        ("patchcore", {"variant": "official"}),
        ("patchcore", {"precision": "float16"}),
        ("padim", {}),
        ("whitened", {}),
        ("ensemble", {}),
    ],
)
def test_every_method_passes_the_gate_in_half_precision(method, options, tmp_path):
    made = FitOptions("parts", make_method(method, options), resolve(DEFAULT), threads=1)
    source, out = tmp_path / "e.onnx", tmp_path / "e16.onnx"
    before = fit_engine(parts(8), made, source, lambda *_: None).spec
    done = converted(source, out)
    after = OnnxEngine(out).spec
    assert done.findings.failures == ()
    assert after == done.spec
    assert after.precision == "float16"
    assert after.graph_hash != before.graph_hash
    assert after.parameters[CONVERTED_FROM] == before.graph_hash
    assert after.parity["pictures"] == 32
    for name in ("image_threshold", "pixel_threshold", "left_out", "golden", "threshold_rule"):
        assert getattr(after, name) == getattr(before, name)
    assert out.stat().st_size < source.stat().st_size


def test_a_trained_engine_passes_the_gate_in_half_precision(tmp_path):
    options = MakeOptions("glass", Glass(), resolve(DEFAULT), threads=1)
    source = tmp_path / "e.onnx"
    make_engine(model(48, 32, HW), parts(8), options, source, lambda *_: None)
    done = converted(source, tmp_path / "e16.onnx")
    assert done.findings.failures == ()
    types = types_of(read_engine(tmp_path / "e16.onnx")[1])
    assert {types[name] for name in types if name.startswith("Sigmoid")} == {TensorProto.FLOAT}


def test_a_verdict_that_half_precision_flips_is_refused_and_leaves_no_file(engine_file, tmp_path):
    """The threshold is set between the two scores of a picture."""
    spec, model = read_engine(engine_file)
    converted(engine_file, tmp_path / "first.onnx")
    examples = golden.unpack(spec)
    exact, rounded = (
        examples.scores[1],
        OnnxEngine(tmp_path / "first.onnx").infer(examples.pixels)[1][1],
    )
    assert exact != rounded
    between = dataclasses.replace(spec, image_threshold=float(exact + rounded) / 2)
    write_engine(tmp_path / "edge.onnx", model, between)
    with pytest.raises(ParityError, match="the verdict of 1 of 2 pictures"):
        converted(tmp_path / "edge.onnx", tmp_path / "e16.onnx")
    assert not list(tmp_path.glob("e16*"))


def test_scores_of_altered_pictures_may_differ_no_more_than_those_of_the_golden_ones(
    engine_file, tmp_path, monkeypatch
):
    """A map may differ by 0.04 of the largest value, but a score may not."""
    outputs = checking.run_engine

    def altered(engine, pixels):
        maps, scores = outputs(engine, pixels)
        return maps, scores + 0.04 * max(maps.max(), scores.max())

    monkeypatch.setattr(checking, "run_engine", altered)
    with pytest.raises(ParityError, match="in float16 the engine differs"):
        converted(engine_file, tmp_path / "e16.onnx")
    assert not list(tmp_path.glob("e16*"))


def test_values_beyond_float16_inside_the_backbone_are_refused(engine_file, tmp_path):
    """Every weight fits float16, but the values after the first layers do not."""
    spec, model = read_engine(engine_file)
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    tensor = _weights(model, convolutions[0].input[1])
    values = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values * (60_000 / np.abs(values).max())))
    for node in model.graph.node:
        if node.op_type == "Clip":
            del node.input[1:]
    write_engine(
        tmp_path / "large.onnx", model, dataclasses.replace(spec, graph_hash=graph_hash(model))
    )
    with pytest.raises(ParityError, match="golden pictures it differs"):
        converted(tmp_path / "large.onnx", tmp_path / "e16.onnx")
    assert not list(tmp_path.glob("e16*"))


def _weights(model: onnx.ModelProto, name: str) -> TensorProto:
    return next(n.attribute[0].t for n in model.graph.node if name in n.output)


def test_a_weight_that_does_not_fit_is_refused(engine_file):
    _, model = read_engine(engine_file)
    node = next(n for n in model.graph.node if n.op_type == "Conv")
    tensor = _weights(model, node.input[1])
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e6
    tensor.CopyFrom(onnx.numpy_helper.from_array(values))
    with pytest.raises(EngineError, match="does not fit float16"):
        halve_graph(model)


def test_a_graph_without_marks_is_refused(engine_file):
    _, model = read_engine(engine_file)
    for node in model.graph.node:
        node.ClearField("doc_string")
    with pytest.raises(EngineError, match="marks nothing for half precision"):
        halve_graph(model)


def test_a_converted_engine_is_not_converted_again(engine_file, tmp_path):
    converted(engine_file, tmp_path / "e16.onnx")
    with pytest.raises(EngineError, match="converted already"):
        converted(tmp_path / "e16.onnx", tmp_path / "again.onnx")


def test_an_engine_without_golden_pictures_is_refused(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    write_engine(tmp_path / "old.onnx", model, dataclasses.replace(spec, golden={}))
    with pytest.raises(EngineError, match="no golden pictures"):
        converted(tmp_path / "old.onnx", tmp_path / "e16.onnx")


def test_softmax_and_layer_norm_of_a_backbone_stay_float32():
    """A block as in a vision transformer: attention, then a normalisation, then a linear layer."""
    nodes = [
        ("MatMul", ["x", "w"], ["q"]),
        ("MatMul", ["q", "w"], ["similar"]),
        ("Softmax", ["similar"], ["share"]),
        ("MatMul", ["share", "w"], ["mixed"]),
        ("Add", ["mixed", "q"], ["sum"]),
        ("LayerNormalization", ["sum", "scale"], ["normed"]),
        ("MatMul", ["normed", "w"], ["last"]),
        ("Relu", ["last"], ["y"]),
        ("Sqrt", ["y"], ["score"]),
    ]
    random = np.random.default_rng(0)
    constants = {"w": random.normal(size=(4, 4)), "scale": np.ones(4)}
    made = [
        onnx.helper.make_node(
            "Constant",
            [],
            [name],
            value=onnx.numpy_helper.from_array(values.astype(np.float32), name),
        )
        for name, values in constants.items()
    ]
    for operator, inputs, outputs in nodes:
        made.append(onnx.helper.make_node(operator, inputs, outputs))
        made[-1].doc_string = "" if operator == "Sqrt" else HALF
    graph = onnx.helper.make_graph(
        made,
        "g",
        [onnx.helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 4])],
        [onnx.helper.make_tensor_value_info("score", TensorProto.FLOAT, [4, 4])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    types = types_of(halve_graph(model))
    half = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    assert {"q", "similar", "mixed", "sum", "last", "y"} <= half
    assert types["share"] == types["normed"] == types["score"] == TensorProto.FLOAT


def test_a_fitted_engine_of_float16_says_so(tmp_path):
    spec = fit_parts(tmp_path / "e.onnx", options={"precision": "float16"}).spec
    assert spec.precision == "float16"
