"""Malicious graphs with valid checksums are refused in one sentence and use little memory."""

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_values import copy_model, encode_varint, move_outside, read_refused, write_signed
from onnx import ModelProto, TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[2]


def constant(model: ModelProto) -> TensorProto:
    return next(n.attribute[0].t for n in model.graph.node if n.op_type == "Constant")


def add_nested(model: ModelProto, change: Any) -> None:
    """Adds a constant inside two nested graphs."""
    inner = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3)))
    change(inner.attribute[0].t)
    for level in range(2):
        graph = helper.make_graph([inner], f"g{level}", [], [])
        inner = helper.make_node("If", ["x"], [], then_branch=graph, else_branch=graph)
    model.graph.node.append(inner)


def add_sparse_outside(model: ModelProto) -> None:
    tensor = model.graph.sparse_initializer.add()
    move_outside(tensor.values)


def operator(name: str) -> Any:
    return lambda model: model.graph.node.append(helper.make_node(name, ["pixels"], ["unused"]))


def add_huge_constant(model: ModelProto) -> None:
    """Adds a constant of 3e10 values, stored as its shape only."""
    shape = numpy_helper.from_array(np.array([1, 100_000, 100_000, 3], np.int64))
    model.graph.node.append(helper.make_node("Constant", [], ["large"], value=shape))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["large"], ["unused"]))


def add_doublings(model: ModelProto) -> None:
    """Adds a vector of 4 whole numbers that is doubled 27 times."""
    four = numpy_helper.from_array(np.arange(4))
    model.graph.node.append(helper.make_node("Constant", [], ["d0"], value=four))
    for i in range(27):
        node = helper.make_node("Concat", [f"d{i}"] * 2, [f"d{i + 1}"], axis=0)
        model.graph.node.append(node)


def add_range(model: ModelProto) -> None:
    """Adds the whole numbers up to 5e8."""
    for name, value in (("c0", 0), ("c1", 500_000_000), ("c2", 1)):
        constant = numpy_helper.from_array(np.array(value))
        model.graph.node.append(helper.make_node("Constant", [], [name], value=constant))
    model.graph.node.append(helper.make_node("Range", ["c0", "c1", "c2"], ["c3"]))


def add_casts(model: ModelProto) -> None:
    """Adds a thousand whole numbers that are cast 10 000 times."""
    many = numpy_helper.from_array(np.arange(1000))
    model.graph.node.append(helper.make_node("Constant", [], ["r0"], value=many))
    for i in range(10_000):
        model.graph.node.append(helper.make_node("Cast", [f"r{i}"], [f"r{i + 1}"], to=7))


def add_outer_product(model: ModelProto) -> None:
    """Adds two vectors of 4 MB whose product has 1e12 values."""
    column = numpy_helper.from_array(np.zeros((1_000_000, 1), np.float32))
    row = numpy_helper.from_array(np.zeros((1, 1_000_000), np.float32))
    for name, value in (("column", column), ("row", row)):
        model.graph.node.append(helper.make_node("Constant", [], [name], value=value))
    model.graph.node.append(helper.make_node("MatMul", ["column", "row"], ["unused"]))


def add_functions(calls: list[tuple[str, ...]]) -> Any:
    """Adds functions F0, F1, ...; calls: for each, the functions that it calls."""

    def change(model: ModelProto) -> None:
        sets = [helper.make_opsetid("", 17), helper.make_opsetid("custom", 1)]
        for index, names in enumerate(calls):
            nodes = [helper.make_node(name, ["x"], ["y"], domain="custom") for name in names]
            function = helper.make_function("custom", f"F{index}", ["x"], ["y"], nodes, sets)
            model.functions.append(function)
        model.opset_import.append(sets[1])
        model.graph.node.append(helper.make_node("F0", ["pixels"], ["unused"], domain="custom"))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_functions([("F0",)]), "functions that call each other"),
        (add_functions([("F1",), ("F0",)]), "functions that call each other"),
        (add_functions([(f"F{i + 1}",) * 2 for i in range(30)]), "functions that call each other"),
        (add_functions([(f"F{i + 1}",) for i in range(5000)]), "functions that call each other"),
        (lambda m: move_outside(constant(m)), "keeps weights in another file"),
        (lambda m: add_nested(m, move_outside), "keeps weights in another file"),
        (add_sparse_outside, "keeps weights in another file"),
        (lambda m: constant(m).dims.append(10**9), "but its shape has"),
        (lambda m: constant(m).dims.extend([2**62, 2**62]), "an impossible dimension"),
        (lambda m: constant(m).dims.append(-1), "an impossible dimension"),
        (lambda m: setattr(constant(m), "data_type", 8), "of a type that an engine must not have"),
        (lambda m: setattr(constant(m), "raw_data", b"abc"), "but its shape has"),
        (lambda m: add_nested(m, lambda t: t.dims.append(7)), "but its shape has 21"),
        (operator("Clear\x1b[2J"), "names that are not text"),
        (operator("Add\nTraceback"), "names that are not text"),
        (lambda m: m.training_info.add(), "instructions for training"),
        (operator("Loop"), "operator Loop"),
        (operator("Scan"), "operator Scan"),
        (operator("RandomNormalLike"), "operator RandomNormalLike"),
        (add_huge_constant, "would compute a tensor of 3e+10 values"),
        (add_outer_product, "would compute a tensor of 1e+12 values"),
    ],
)
def test_a_malicious_graph_with_valid_checksums_is_refused(parsed, tmp_path, change, message):
    model = copy_model(parsed[1])
    change(model)
    assert message in read_refused(write_signed(model, parsed[0], tmp_path / "e.onnx"))


@pytest.mark.parametrize("levels", [40, 5000])
def test_deeply_nested_graphs_are_refused(tmp_path, levels):
    content = b""
    for _ in range(levels):
        for field in (ATTRIBUTE_GRAPH, NODE_ATTRIBUTE, GRAPH_NODE):
            content = bytes([field << 3 | 2]) + encode_varint(len(content)) + content
    path = tmp_path / "e.onnx"
    path.write_bytes(bytes([MODEL_GRAPH << 3 | 2]) + encode_varint(len(content)) + content)
    assert "truncated or damaged" in read_refused(path)


GRAPH_NODE, NODE_ATTRIBUTE, ATTRIBUTE_GRAPH, MODEL_GRAPH = 1, 5, 6, 7
"""Field numbers of onnx.proto."""


LIMITED = """
import resource, sys
from pathlib import Path
from engines import golden
from engines.spec_file import read_spec
from inspector.core.errors import InspectorError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for name in sys.argv[1:]:
    try:
        golden.unpack(read_spec(Path(name)))
    except InspectorError as exc:
        print("refused", exc)
    else:
        print("accepted")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux only")
def test_bombs_use_little_memory(parsed, tmp_path):
    """Golden maps of 500 MB and pictures of 13 GB, in a process whose memory is measured."""
    spec, model = parsed
    squeezed = zlib.compressobj(9)
    parts = [squeezed.compress(b"\0" * 50_000_000) for _ in range(10)]
    bomb = base64.b64encode(b"".join(parts) + squeezed.flush()).decode()
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\0\0\0"
    picture = base64.b64encode(head + bytes(16)).decode()
    paths = []
    for key, value in (("maps", bomb), ("pictures", picture)):
        changed = json.loads(json.dumps(spec))
        changed["golden"][key] = [value] * len(changed["golden"][key])
        paths.append(write_signed(copy_model(model), changed, tmp_path / f"{key}.onnx"))
    for name, change in (("huge", add_huge_constant), ("outer", add_outer_product)):
        large = copy_model(model)
        change(large)
        paths.append(write_signed(large, spec, tmp_path / f"{name}.onnx"))
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    *lines, growth = process.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["refused"] * 4
    assert int(growth) < 150, "MB more than before, with files of up to 13 MB"


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux only")
@pytest.mark.parametrize("change", [add_doublings, add_range, add_casts])
def test_computed_shapes_use_little_memory(parsed, tmp_path, change):
    spec, model = parsed
    large = copy_model(model)
    change(large)
    path = write_signed(large, spec, tmp_path / "e.onnx")
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *_, growth = process.stdout.splitlines()
    assert int(growth) < 150, "MB more than before"
