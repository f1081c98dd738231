"""The command build-trt: plans, printed lines and refusals."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.backends.trt import driver as cuda_driver
from engines.backends.trt import library as trt_library
from engines.spec import ResizeRule
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.normals import Normals
from tools.build_trt import main

HW = (64, 64)

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="tensorrt_rtx is missing: pip install '.[trt]'",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (8, *HW, 3)).astype(np.uint8)
    normals = Normals("noise", pixels, tuple("abcdefgh"), HW, ResizeRule(HW), ordered=False)
    recipe = FitOptions("noise", make_method("padim", {}), resolve(DEFAULT), threads=1)
    path = tmp_path_factory.mktemp("trt") / "noise.onnx"
    fit_engine(normals, recipe, path, lambda *_: None)
    return path


@needs_rtx
def test_a_plan_is_built_once_and_described(engine, tmp_path, capsys):
    argv = [str(engine), "--targets", "sm86, SM89", "--out", str(tmp_path), "--max-batch", "4"]
    assert main(argv) == 0
    (plan,) = tmp_path.glob("*.plan")
    record = json.loads(plan.with_name(plan.name + ".json").read_text())
    first = capsys.readouterr().out
    assert f"{plan}: built in " in first
    assert f"{plan.stat().st_size / 1e6:.1f} MB, {record['layers']} layers" in first
    assert "float32, batches of 1 to 4" in first
    assert "for any GPU of SM86, SM89" in first
    assert record["engine"] == "noise.onnx"
    assert main(argv) == 0
    assert f"{plan}: built at {record['built_utc']}" in capsys.readouterr().out


@needs_rtx
def test_an_unknown_target_is_refused_by_name(engine, tmp_path, capsys):
    assert main([str(engine), "--targets", "SM86,turing", "--out", str(tmp_path)]) == 2
    assert "does not build for TURING, only for SM75" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--max-batch", "0", "'0' is not a whole number from 1 to 1024"),
        ("--max-batch", "-1", "'-1' is not a whole number from 1 to 1024"),
        ("--max-batch", "100000", "'100000' is not a whole number from 1 to 1024"),
        ("--max-batch", "eight", "'eight' is not a whole number from 1 to 1024"),
        ("--workspace", "0", "'0' is not a whole number from 1 to 1048576"),
        ("--workspace", "99999999999999", "is not a whole number from 1 to 1048576"),
    ],
)
def test_sizes_out_of_range_are_refused(option, value, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["none.onnx", f"{option}={value}"])
    assert caught.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {option}: " in error
    assert error.endswith(sentence)


def test_without_a_gpu_or_targets_the_error_names_both(engine, monkeypatch, capsys):
    monkeypatch.setattr(cuda_driver, "LIBRARY", "no_such_libcuda.so.1")
    for argv in ([str(engine)], [str(engine), "--this-gpu"]):
        assert main(argv) == 2
        error = capsys.readouterr().err
        assert "needs an NVIDIA GPU and its driver" in error
        assert "to build without a GPU, name its type, such as --targets SM86" in error


def test_without_tensorrt_the_error_says_what_to_install(engine, tmp_path, monkeypatch, capsys):
    trt_library.load_tensorrt.cache_clear()
    for module in trt_library.FLAVOURS:
        monkeypatch.setitem(sys.modules, module, None)
    assert main([str(engine), "--targets", "SM86", "--out", str(tmp_path / "plans")]) == 2
    assert "pip install '.[trt]'" in capsys.readouterr().err
    assert not (tmp_path / "plans").exists()
    trt_library.load_tensorrt.cache_clear()
