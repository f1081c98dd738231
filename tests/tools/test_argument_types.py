"""Sizes on the command line are WIDTHxHEIGHT everywhere."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from tools import _argument_types as types
from tools import calibrate, export_backbone, fit, import_checkpoint, import_engine, train
from tools._fit_report import warn_of_turned_input

TOOLS = Path(fit.__file__).parent


def test_a_size_is_width_by_height_and_becomes_height_and_width() -> None:
    assert types.frame_size("1280x720") == (720, 1280)
    assert types.input_size("448x256") == (256, 448)
    assert types.input_size_or_side("448X256") == (256, 448)
    assert types.input_size_or_side("288") == 288
    assert types.squares("9x6") == (9, 6)


@pytest.mark.parametrize(
    "text",
    ["", "8", "8x", "x8", "0x8", "8x0", "-8x8", "8x8x8", "8 x 8", "axb", "٣x٣", "9" * 7 + "x1"],
)
@pytest.mark.parametrize("read", [types.frame_size, types.input_size, types.squares])
def test_anything_else_is_refused(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)


@pytest.mark.parametrize("text", ["31x64", "64x31", "4097x64", "31", "4097", "0", "big", ""])
def test_an_input_has_limits(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        types.input_size_or_side(text)


@pytest.mark.parametrize(
    ("main", "argv"),
    [
        (fit.main, ["--method", "rad", "--help"]),
        (train.main, ["--help"]),
        (import_engine.main, ["--help"]),
        (import_checkpoint.main, ["--help"]),
        (export_backbone.main, ["--help"]),
        (calibrate.main, ["scale", "--help"]),
        (calibrate.main, ["two-point", "--help"]),
    ],
)
def test_the_help_shows_the_form(
    main: Callable[[list[str]], int], argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert re.search(r"--(frame-)?size WxH", capsys.readouterr().out)


def test_no_tool_mentions_height_by_width() -> None:
    for path in TOOLS.glob("*.py"):
        assert "HxW" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("input_hw", "frame_hw", "count"),
    [
        ((448, 256), (720, 1280), 1),
        ((256, 448), (1280, 720), 1),
        ((256, 448), (720, 1280), 0),
        ((256, 256), (720, 1280), 0),
        ((256, 448), (512, 512), 0),
    ],
)
def test_an_input_turned_against_the_frames_is_a_warning(
    input_hw: tuple[int, int], frame_hw: tuple[int, int], count: int
) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING")
    try:
        warn_of_turned_input(input_hw, frame_hw)
    finally:
        logger.remove(sink)
    assert len(lines) == count
    if lines:
        width, height = input_hw[1], input_hw[0]
        assert f"{width}x{height} px (width x height)" in lines[0]
