"""Tests that all commands read pictures with more than 8 bits by the same rule."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flow_rig import RunResult, good_picture, inspect

import learning
from engines.spec_file import read_spec
from inspector.core.errors import DataError
from tools.evaluate import main as evaluate
from tools.fit import main as fit

__all__ = ["inspect"]

FIT = ("--method", "rad", "--size", "128x96")


def write(folder: Path, pictures: list[Any], bits: int, suffix: str = ".png") -> Path:
    """Writes pictures of 8 bits as a camera with `bits` bits gives them."""
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        deep = picture if bits == 8 else picture.astype(np.uint16) << (bits - 8)
        assert cv2.imwrite(str(folder / f"{index}{suffix}"), deep)
    return folder


def bad_picture(seed: int) -> Any:
    picture = good_picture(seed)
    picture[60:110, 100:150] = 20
    return picture


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Depth of the good pictures -> engine."""
    folder = tmp_path_factory.mktemp("depths")
    result = {}
    for bits in (8, 12):
        normal = write(folder / f"good{bits}", [good_picture(n) for n in range(10)], bits)
        result[bits] = folder / f"{bits}.onnx"
        depth = [] if bits == 8 else ["--bit-depth", str(bits)]
        assert fit([*FIT, "--normal", str(normal), "--out", str(result[bits]), *depth]) == 0
    return result


def scores(run: RunResult) -> list[tuple[str, float]]:
    return [(record["verdict"], record["score"]) for record in run.records]


def test_an_engine_stores_the_depth_of_its_good_pictures(engines: dict[int, Path]) -> None:
    for bits, path in engines.items():
        statistics = read_spec(path).good_pictures
        assert statistics is not None
        assert statistics.bit_depth == bits
    assert read_spec(engines[8]).left_out == read_spec(engines[12]).left_out


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_depth_gives_the_same_verdicts(
    engines: dict[int, Path], tmp_path: Path, inspect: Any, suffix: str
) -> None:
    pictures = [good_picture(50), bad_picture(51)]
    results = []
    for bits in (8, 10, 12, 14):
        folder = write(tmp_path / f"in{bits}", pictures, bits, suffix)
        options = ["--set", f"source.bit_depth={bits}", "--overwrite", "--no-video"]
        run = inspect(folder, engines[8], *options)
        assert run.code == 0
        results.append(scores(run))
    assert results == 4 * [results[0]]
    assert [verdict for verdict, _ in results[0]] == ["PASS", "FAIL"]


def test_a_doubtful_depth_ends_each_command_with_a_sentence(
    engines: dict[int, Path], tmp_path: Path, inspect: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "in", [good_picture(50), bad_picture(51)], 12)
    run = inspect(folder, engines[8])
    assert run.code == 2
    assert "source.bit_depth" in run.stderr
    assert fit([*FIT, "--normal", str(folder), "--out", str(tmp_path / "e.onnx")]) == 2
    assert "--bit-depth" in capsys.readouterr().err


def test_a_dark_picture_among_16_bit_pictures_is_no_pass(
    engines: dict[int, Path], tmp_path: Path, inspect: Any
) -> None:
    folder = write(tmp_path / "in", [good_picture(n) for n in range(3)], 16)
    cv2.imwrite(str(folder / "9.png"), good_picture(9).astype(np.uint16) << 4)
    run = inspect(folder, engines[8])
    assert [record["verdict"] for record in run.records][-1] == "ERROR"
    assert run.records[-1]["cause"] == "decode"


def test_the_depth_of_the_engine_is_the_default(
    engines: dict[int, Path], tmp_path: Path, inspect: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    write(data / "train/good", [good_picture(n) for n in range(4)], 12)
    test = write(data / "test/good", [good_picture(50), good_picture(51)], 12)
    write(data / "test/hole", [bad_picture(52), bad_picture(53)], 12)
    assert inspect(test, engines[12]).code == 0
    out = tmp_path / "metrics"
    arguments = ["--data", str(data), "--out", str(out), "--no-report"]
    assert evaluate([*arguments, "--engine", str(engines[12])]) == 0
    assert evaluate([*arguments, "--engine", str(engines[8])]) != 0
    assert "--bit-depth" in capsys.readouterr().err
    assert evaluate([*arguments, "--engine", str(engines[8]), "--bit-depth", "12"]) == 0


def test_the_python_api_takes_the_depth(tmp_path: Path) -> None:
    folder = write(tmp_path / "good", [good_picture(n) for n in range(8)], 12)
    with pytest.raises(DataError, match="--bit-depth"):
        learning.fit(folder, out=tmp_path / "e.onnx", size=(96, 128))
    result = learning.fit(folder, out=tmp_path / "e.onnx", size=(96, 128), bit_depth=12)
    assert result.spec.good_pictures is not None
    assert result.spec.good_pictures.bit_depth == 12
