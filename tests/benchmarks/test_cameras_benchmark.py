"""The parts of the benchmarks with several cameras do what the benchmarks need."""

import contextlib
from typing import Any

import pytest

from benchmarks.desk_cameras import web_frames
from benchmarks.desk_checks import Camera
from benchmarks.jpeg_camera import JpegCamera, encode_jpegs
from benchmarks.line_figures import LineFigures, median_ratio, median_row
from inspector.core.types import Frame
from inspector.sources.opening import open_source
from inspector.sources.options import SourceOptions


def test_a_jpeg_camera_sends_its_pictures_in_turn() -> None:
    pictures = encode_jpegs(web_frames("64x48", 3, defect_rate=0.0))
    with (
        JpegCamera(pictures, rate=200.0) as camera,
        contextlib.closing(open_source(SourceOptions(uri=camera.url))) as source,
    ):
        frames = [source.read() for _ in range(6)]
    assert source.info.live
    assert all(isinstance(frame, Frame) for frame in frames)
    means = [frame.image.mean() for frame in frames if isinstance(frame, Frame)]
    assert means[:3] == means[3:]
    assert len(set(means)) == 3


def frame(latency: float) -> dict[str, Any]:
    return {"timings_ms": {"latency": latency}}


def test_figures_are_those_of_all_cameras_or_of_one() -> None:
    frames = {"left": [frame(1.0), frame(2.0)], "right": [frame(9.0)]}
    cameras = {name: Camera(name) for name in frames}
    figures = LineFigures(cpu_ms=30.0, seconds=2.0, frames=frames, cameras=cameras)
    assert figures.row() == {"cpu_ms": 30.0, "p50_ms": 2.0, "p99_ms": 9.0, "frames": 3}
    assert figures.latency_ms(0.99, "left") == 2.0
    assert (figures.rate("left"), figures.rate("right")) == (1.0, 0.5)


def test_ratios_are_those_of_pairs() -> None:
    plain = [{"cpu_ms": 10.0}, {"cpu_ms": 20.0}, {"cpu_ms": 40.0}]
    other = [{"cpu_ms": 11.0}, {"cpu_ms": 21.0}, {"cpu_ms": 80.0}]
    assert median_ratio(other, plain, "cpu_ms") == pytest.approx(1.1)
    assert median_row(other) == {"cpu_ms": 21.0}
