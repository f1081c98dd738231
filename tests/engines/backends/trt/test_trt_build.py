"""Building plans for engines of every method with TensorRT RTX (no GPU needed)."""

import ctypes.util
import dataclasses
import importlib.util
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import HW, fit_parts
from int8_parts import convert_parts, fit_teachable
from spox import Tensor, argument
from spox import build as build_graph
from trt_engines import ENGINES, make_engine

from engines.backends.trt import build as trt_build
from engines.backends.trt import library as trt_library
from engines.backends.trt.build import BuildResult, build_plan, make_purpose, plan_for
from engines.backends.trt.driver import Gpu
from engines.backends.trt.library import Library, load_tensorrt
from engines.spec_file import graph_hash, read_engine, read_spec, write_engine
from inspector.core.errors import EngineError, SpecError
from learning.methods.registry import fitted_methods, trained_methods
from tools.convert import main as convert
from tools.threshold import main as threshold

RTX = importlib.util.find_spec("tensorrt_rtx") is not None
needs_rtx = pytest.mark.skipif(not RTX, reason="tensorrt_rtx is missing: pip install '.[trt]'")

SM86 = ("SM86",)
CARD = Gpu("RTX 3060", (8, 6), "580.65.06")


def test_every_method_is_built_here():
    assert {name for name, _ in ENGINES.values()} == {*fitted_methods(), *trained_methods()}


@pytest.fixture(scope="module")
def engine_and_plan(request, tmp_path_factory) -> tuple[Path, BuildResult]:
    folder = tmp_path_factory.mktemp("built")
    make_engine(*ENGINES[request.param], folder / "engine.onnx")
    return folder / "engine.onnx", build_plan(folder / "engine.onnx", SM86, folder=folder)


@needs_rtx
@pytest.mark.parametrize("engine_and_plan", ENGINES, indirect=True)
def test_tensorrt_builds_every_method(engine_and_plan):
    path, built = engine_and_plan
    assert built.fresh
    made, spec = built.plan.record, read_spec(path)
    assert made.purpose.graph_hash == spec.graph_hash
    assert made.purpose.precision == spec.precision
    assert made.purpose.tensorrt == load_tensorrt().version
    assert made.purpose.targets == SM86
    assert made.options.batches == (1, 1, 8)
    assert made.spec["image_threshold"] == spec.image_threshold
    if spec.backbone:
        assert made.layers > 20
        # The weights of the backbone alone are 3 MB.
        assert len(built.plan.read()) > 2_500_000


@needs_rtx
def test_tensorrt_builds_an_int8_engine(tmp_path):
    int8 = tmp_path / "int8.onnx"
    convert_parts(fit_teachable(tmp_path / "e.onnx"), int8)
    plan = build_plan(int8, SM86, folder=tmp_path).plan
    assert plan.record.purpose.precision == "int8"
    assert plan.record.layers > 100


WITH_DEFAULTS = [name for name, (_, options) in ENGINES.items() if not options]
"""All of them have a backbone, which makes an engine large enough to compare."""


@needs_rtx
@pytest.mark.parametrize("engine_and_plan", WITH_DEFAULTS, indirect=True)
def test_tensorrt_builds_what_was_converted_to_half_precision(engine_and_plan, tmp_path):
    path, built = engine_and_plan
    half = tmp_path / "half.onnx"
    assert convert([str(path), "--precision", "fp16", "--out", str(half)]) == 0
    plan = build_plan(half, SM86, folder=tmp_path / "plans").plan
    assert plan.record.purpose.precision == "float16"
    assert len(plan.read()) < 0.85 * len(built.plan.read())


@pytest.fixture(scope="module")
def rad_engine(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("rad") / "parts.onnx"
    fit_parts(out, options={"radius": None})
    return out


@needs_rtx
def test_a_plan_is_built_once_and_thresholds_change_nothing(rad_engine, tmp_path, capsys):
    engine, plans = tmp_path / "e.onnx", tmp_path / "plans"
    shutil.copy(rad_engine, engine)
    first = build_plan(engine, SM86, folder=plans)
    before = read_spec(engine)
    assert threshold([str(engine), "--set", "image=0.5"]) == 0
    assert read_spec(engine).image_threshold == 0.5 != before.image_threshold
    again = build_plan(engine, SM86, folder=plans)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.plan == first.plan


@needs_rtx
def test_other_targets_batches_or_workspaces_are_other_plans(rad_engine, tmp_path):
    paths = {
        build_plan(
            rad_engine, targets, folder=tmp_path, max_batch=most, workspace_mb=limit
        ).plan.path
        for targets, most, limit in (
            (SM86, 8, None),
            (("SM89", "SM86"), 8, None),
            (("SM86", "SM89", "SM86"), 8, None),
            (SM86, 2, None),
            (SM86, 8, 64),
        )
    }
    assert len(paths) == 4


@needs_rtx
def test_an_altered_plan_is_built_again(rad_engine, tmp_path):
    plan = build_plan(rad_engine, SM86, folder=tmp_path).plan
    plan.path.write_bytes(plan.path.read_bytes()[:-1])
    again = build_plan(rad_engine, SM86, folder=tmp_path)
    assert again.fresh
    again.plan.read()


@needs_rtx
def test_a_plan_beside_the_engine_file_is_taken_before_one_is_built(rad_engine, tmp_path):
    plans = tmp_path / "plans"
    engine = tmp_path / "line" / "e.onnx"
    engine.parent.mkdir()
    shutil.copy(rad_engine, engine)
    shipped = build_plan(engine, ("SM86", "SM80"), folder=engine.parent, max_batch=2).plan
    assert plan_for(engine, CARD, plans) == shipped
    assert not plans.exists()
    other = Gpu("RTX 4090", (8, 9), "580.65.06")
    on_site = plan_for(engine, other, plans)
    assert on_site.path.parent == plans
    assert on_site.record.purpose.gpu == "RTX 4090"
    assert plan_for(engine, other, plans) == on_site


STOPS_ONCE_BUILT = """
import signal, sys, time
from engines.backends.trt.library import Library
from tools.build_trt import main

make = Library.make

def stop_once_built(self, purpose, *arguments):
    result = make(self, purpose, *arguments)
    if purpose.startswith("build"):
        print("built", flush=True)
        time.sleep(30)
    return result

Library.make = stop_once_built
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


@needs_rtx
def test_a_build_that_is_interrupted_ends_at_once_and_leaves_no_plan(rad_engine, tmp_path):
    command = [sys.executable, "-c", STOPS_ONCE_BUILT, str(rad_engine), "--targets", "SM86"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "built\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    again = build_plan(rad_engine, SM86, folder=tmp_path)
    assert again.fresh
    again.plan.read()


def write_engine_with(out: Path, rad_engine: Path, add_nodes) -> None:
    """Writes an engine file whose map is max(add_nodes(float pixels))."""
    spec = read_spec(rad_engine)
    pixels = argument(Tensor(np.uint8, ("N", *HW, 3)))
    values = add_nodes(op.cast(pixels, to=np.float32))
    count = op.slice(op.shape(pixels), op.const([0]), op.const([1]))
    shape = op.concat([count, op.const(list(spec.map_hw))], axis=0)
    anomaly_map = op.expand(op.reduce_max(values, keepdims=True), shape)
    score = op.reduce_max(anomaly_map, axes=[1, 2], keepdims=False)
    model = build_graph({"pixels": pixels}, {"anomaly_map": anomaly_map, "score": score})
    for value, dims in zip(model.graph.output, ([*spec.map_hw], []), strict=True):
        shape_proto = onnx.helper.make_tensor_value_info(
            value.name, onnx.TensorProto.FLOAT, ["N", *dims]
        )
        value.CopyFrom(shape_proto)
    write_engine(out, model, dataclasses.replace(spec, graph_hash=graph_hash(model)))


@needs_rtx
def test_the_error_names_the_refused_node_and_its_operator(rad_engine, tmp_path):
    path = tmp_path / "odd.onnx"
    write_engine_with(path, rad_engine, lambda x: op.det(op.reshape(x, op.const([-1, 2, 2]))))
    with pytest.raises(
        EngineError, match=r"refuses the node Det_\d+ \(Det\) of .*odd\.onnx: "
    ) as e:
        build_plan(path, SM86, folder=tmp_path / "plans")
    assert "\n" not in str(e.value)
    assert not list((tmp_path / "plans").glob("*.plan*.json"))


@needs_rtx
def test_the_error_for_a_turing_card_names_the_other_package(rad_engine, tmp_path):
    """If a later TensorRT RTX supports this, remove the message and the note in the docs."""
    with pytest.raises(EngineError, match=r"on Turing cards \(SM75\), .*install tensorrt-cu13"):
        build_plan(rad_engine, ("SM75",), folder=tmp_path)


@needs_rtx
def test_the_error_names_an_unsupported_compute_capability(rad_engine, tmp_path):
    with pytest.raises(EngineError, match=r"does not build for SM35, only for SM75, SM80"):
        build_plan(rad_engine, ("SM86", "SM35"), folder=tmp_path)
    with pytest.raises(EngineError, match=r"does not build for SM90.*; install tensorrt instead"):
        build_plan(rad_engine, Gpu("H100", (9, 0), "580.65.06"), folder=tmp_path)


@needs_rtx
def test_a_file_that_is_no_engine_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "e.onnx").write_bytes(b"no engine")
    with pytest.raises(SpecError, match=r"e\.onnx"):
        build_plan(tmp_path / "e.onnx", SM86, folder=tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


@pytest.fixture
def fresh_load(monkeypatch):
    load_tensorrt.cache_clear()
    yield monkeypatch
    load_tensorrt.cache_clear()


def test_the_error_for_a_missing_tensorrt_says_what_to_install(rad_engine, fresh_load, tmp_path):
    for module in trt_library.FLAVOURS:
        fresh_load.setitem(sys.modules, module, None)
    with pytest.raises(EngineError, match=r"needs TensorRT: pip install '\.\[trt\]'"):
        build_plan(rad_engine, SM86, folder=tmp_path)


def test_a_broken_installation_has_another_error_than_a_missing_one(
    rad_engine, fresh_load, tmp_path
):
    (tmp_path / "tensorrt.py").write_text("raise OSError('libnvinfer.so.10: no such file')")
    fresh_load.syspath_prepend(str(tmp_path))
    with pytest.raises(EngineError, match=r"TensorRT is installed, but .* libnvinfer\.so\.10"):
        build_plan(rad_engine, SM86, folder=tmp_path)


def test_plain_tensorrt_builds_only_for_the_gpu_of_the_machine(rad_engine, tmp_path, monkeypatch):
    plain = Library(SimpleNamespace(__version__="10.9.0"), "TensorRT", log=None)
    monkeypatch.setattr(trt_build, "load_tensorrt", lambda: plain)
    with pytest.raises(EngineError, match="builds for the GPU of this machine only"):
        build_plan(rad_engine, SM86, folder=tmp_path)
    purpose = make_purpose(read_engine(rad_engine)[0], Gpu("H100", (9, 0), "580.65.06"))
    assert purpose.targets == ("SM90",)
    assert purpose.gpu == "H100"


@needs_rtx
def test_without_a_driver_the_error_says_to_install_one(rad_engine, tmp_path):
    if ctypes.util.find_library("cuda"):
        pytest.skip("this machine has an NVIDIA driver")
    plan = build_plan(rad_engine, SM86, folder=tmp_path).plan
    library = load_tensorrt()
    runtime = library.make("start", library.api.Runtime, library.log)
    with pytest.raises(EngineError, match=r"cannot load it: .*; install a newer NVIDIA driver$"):
        library.make("load it", runtime.deserialize_cuda_engine, plan.read())
