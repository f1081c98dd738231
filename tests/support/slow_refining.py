"""A live source whose frames all have defects, measured with refining that takes a set time."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pipeline_rig import Announced, ListSource, RigEngine, make_pipeline

from inspector.core.arrays import Image, Map, freeze
from inspector.core.clock import now_ns
from inspector.core.geometry import Affine
from inspector.core.types import Frame
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.budget import Budget, Term
from inspector.measure.contours import MapRegion
from inspector.measure.live import LiveMeasuring
from inspector.measure.network import load_graphs
from inspector.measure.options import MeasureOptions
from inspector.measure.outline import Outline
from inspector.pipeline.runner import Pipeline
from inspector.processing.postprocess import Judge
from inspector.processing.size_rule import SizeRule

MAP_HW = (48, 64)
FRAME_HW = (192, 256)
CENTRES = ((8, 8), (40, 8), (24, 24), (8, 40), (40, 40), (56, 24))
THRESHOLD = 0.5


def make_map(defects: int) -> Map:
    """Squares of 4 x 4 map pixels. The first is the strongest."""
    values = np.zeros(MAP_HW, np.float32)
    for number, (x, y) in enumerate(CENTRES[:defects]):
        values[y : y + 4, x : x + 4] = 10.0 - number
    return values


def make_frame(frame_id: int, *, name: str = "rig") -> Frame:
    image = freeze(np.full((*FRAME_HW, 3), 100, np.uint8))
    return Frame(frame_id, name, image, now_ns(), None, "2026-01-01T00:00:00.000Z")


def slow_refine(monkeypatch: pytest.MonkeyPatch, cost_s: float) -> list[int]:
    """Replaces refining by a wait. Returns a list with one entry for each call."""
    calls: list[int] = []

    def refine(image: Image, region: MapRegion, _: Map, to_frame: Affine, *__: Any) -> Any:
        calls.append(1)
        time.sleep(cost_s)
        outer = tuple(to_frame.apply(p) for p in region.polygons)
        return (Outline(outer, region.holes, Budget((Term("edge", 1.0, 0.5, 0.5),))),)

    monkeypatch.setattr("inspector.measure.candidates.refine", refine)
    return calls


class MapEngine(RigEngine):
    """Gives every picture the same map."""

    def __init__(self, anomaly_map: Map) -> None:
        super().__init__()
        self._map = anomaly_map

    def infer(self, pixels: Image) -> tuple[Map, Map]:
        super().infer(pixels)
        return self._map[None].copy(), np.array([self._map.max()], np.float32)


@dataclass
class LiveRun:
    """A finished run over a live source."""

    pipeline: Pipeline
    sink: Announced
    measuring: LiveMeasuring | None

    @property
    def latencies_ms(self) -> list[float]:
        return sorted(i.timings_ms["latency"] for i in self.sink.inspections)


def run_live(
    *,
    frames: int,
    defects: int = 5,
    fps: float = 20.0,
    limited: bool = True,
    rule: str = "score",
    deadline_s: float | None = None,
    sink: Announced | None = None,
    **limits: float,
) -> LiveRun:
    """limited: with LiveMeasuring. limits: of the size rule."""
    load_graphs()  # as for every live source
    analyzer = MapAnalyzer(None, MeasureOptions())
    deadline_ms = None if deadline_s is None else 1e3 * deadline_s
    measuring = LiveMeasuring(budget_ms=None, deadline_ms=deadline_ms) if limited else None
    judge = Judge(
        analyzer.analyze,
        image_threshold=THRESHOLD,
        pixel_threshold=THRESHOLD,
        rule=rule,
        size_rule=SizeRule(**limits),
        make_plan=measuring,
    )
    sink = sink or Announced()
    pipeline = make_pipeline(
        PacedSource(frames, fps),
        [sink],
        MapEngine(make_map(defects)),
        stages={
            "judge": judge,
            "judge_map": judge.judge_map,
            "judge_late": judge.judge_unrefined,
        },
        deadline_s=deadline_s,
    )
    if measuring is not None:
        measuring.waiting = lambda: pipeline.waiting
    pipeline.start()
    pipeline.finish()
    return LiveRun(pipeline, sink, measuring)


class PacedSource(ListSource):
    """A live source that gives a frame at every tick of a clock, like a camera."""

    def __init__(self, frames: int, fps: float) -> None:
        super().__init__(self._make_frames(frames, fps), live=True)

    @staticmethod
    def _make_frames(frames: int, fps: float) -> Iterator[Frame]:
        start_s = time.monotonic()
        for number in range(frames):
            time.sleep(max(0.0, start_s + number / fps - time.monotonic()))
            yield make_frame(number)
