"""Tests of the size of the pictures that go to the video encoder."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_parts import run_info, times

from inspector.core.types import Frame, Inspection, Verdict
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_file import VideoFileSink
from inspector.render.side_by_side import SideBySide
from inspector.render.size_limit import MAX_PIXELS, MAX_SIDE, largest_scale


def inspect(number: int, hw: tuple[int, int]) -> Inspection:
    image = np.full((*hw, 3), 90 + number, np.uint8)
    frame = Frame(number, "line", image, number, number / 25, "2026-01-31T12:00:00.123Z")
    return Inspection(frame, Verdict.PASS, 1.5, 2.0, score=1.0)


@given(st.integers(1, 16384), st.integers(1, 16384), st.floats(0.1, 1))
def test_both_panels_always_fit_the_encoder(height: int, width: int, scale: float) -> None:
    reduced = largest_scale((height, width), scale)
    sides = (2 * (round(width * reduced) + 1), round(height * reduced) + 1)
    assert 0 < reduced <= scale
    assert max(sides) <= MAX_SIDE
    assert sides[0] * sides[1] <= MAX_PIXELS


@pytest.mark.parametrize("hw", [(1, 1), (7, 5), (480, 640), (3000, 4096), (64, 8000)])
def test_a_size_that_fits_is_not_scaled(hw: tuple[int, int]) -> None:
    render = SideBySide(display_range=(0, 1), unit="mm", frame_hw=hw, max_side=MAX_SIDE)
    assert render.warnings == []


@pytest.mark.parametrize("hw", [(16, 8200), (9, 12_288), (6, 16_384), (16_384, 5)])
@pytest.mark.parametrize("known", [True, False])
def test_a_size_that_does_not_fit_is_scaled_with_one_warning(
    tmp_path: Path, hw: tuple[int, int], known: bool
) -> None:
    """known: the size is known before the first frame."""
    render = SideBySide(
        display_range=(0, 1), unit="mm", frame_hw=hw if known else None, max_side=MAX_SIDE
    )
    assert len(render.warnings) == known
    sink = VideoFileSink(tmp_path / "out.mp4", VideoOptions())
    sink.open(run_info(time_base=Fraction(1, 25), frame_hw=hw if known else None))
    for number, size in enumerate((hw, hw, (40, 60))):
        inspection = inspect(number, size)
        sink.write(inspection, render(inspection))
    sink.close()
    assert len(times(tmp_path / "out.mp4")) == 3
    assert len(render.warnings) == 1
    assert f"{hw[1]}x{hw[0]}" in render.warnings[0]
    assert "output.video.scale" in render.warnings[0]


@pytest.mark.parametrize(
    ("hw", "scale"),
    [
        ((360, 640), 1),
        ((719, 1280), 1),
        ((720, 1280), 0.5),
        ((1080, 1920), 0.5),
        ((2160, 3840), 0.25),
        ((512, 8192), 0.25),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_panels_of_large_frames_are_reduced_by_default(
    hw: tuple[int, int], scale: float, known: bool
) -> None:
    """known: the size is known before the first frame."""
    frame_hw = hw if known else None
    render = SideBySide(display_range=(0, 1), unit="mm", scale=None, frame_hw=frame_hw)
    shape = render(inspect(0, hw)).i420().shape
    assert shape[1] == 2 * hw[1] * scale
    assert render.warnings == []


def test_without_a_video_nothing_is_scaled() -> None:
    render = SideBySide(display_range=(0, 1), unit="mm", frame_hw=(9, 12_288))
    assert render.warnings == []
    assert render(inspect(0, (9, 12_288))).bgr().shape[1] == 2 * 12_288
