"""Tests that a defect is refined a few times, not in every frame, and is judged all the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from web_scenes import IMAGE, SIDE, Box, ScriptedMotion, split

from inspector.core.arrays import Image, Map
from inspector.core.events import DefectClosed, Event
from inspector.core.geometry import Affine
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Frame, Inspection, Verdict
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.budget import Budget, Term
from inspector.measure.contours import MapRegion
from inspector.measure.options import MeasureOptions
from inspector.measure.outline import Outline
from inspector.processing.postprocess import Judge
from inspector.processing.size_rule import SizeRule
from inspector.tracking.motion import Motion, MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.setup import TrackingSetup
from inspector.tracking.stage import TrackingStage

TO_FRAME = Affine(2.0, 2.0)
SPOT = (40.0, 150.0, 52.0, 158.0)
OTHER = (70.0, 158.0, 78.0, 170.0)
STEP = 4.0


@dataclass
class Line:
    """A web that is judged by the real analyzer; refining counts its calls and adds noise."""

    rule: SizeRule | None = None
    tracked: bool = True
    u: float = 0.3
    refined: list[int] = field(default_factory=list)
    inspections: list[Inspection] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def run(
        self, webs: Sequence[Sequence[Box]], steps: Mapping[int, Any], positions: Sequence[float]
    ) -> None:
        """webs: the defects of each frame on the web."""
        rng = np.random.default_rng(1)

        def refine(_: Image, region: MapRegion, *__: Any) -> Any:
            self.refined[-1] += 1
            outer = tuple(TO_FRAME.apply(p) for p in region.polygons)
            middle = outer[0].mean(axis=0)
            scale = 1 + 0.01 * abs(rng.standard_normal())
            moved = tuple(middle + scale * (p - middle) for p in outer)
            return (Outline(moved, region.holes, Budget((Term("edge", 3.0, self.u, self.u),))),)

        options = TrackingOptions(enabled=True, direction="up")
        setup = TrackingSetup(
            options=options,
            calibration=None,
            prefix="run",
            live=False,
            decide=self.rule and self.rule.decide,
        )
        stage = TrackingStage(setup, ScriptedMotion(steps))
        judge = Judge(
            MapAnalyzer(None, MeasureOptions(opening_px=0)).analyze,
            image_threshold=100.0,
            pixel_threshold=0.5,
            rule="score" if self.rule is None else "defects",
            size_rule=self.rule or SizeRule(),
            recall=stage.follower.recall if self.tracked else None,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("inspector.measure.candidates.refine", refine)
            for number, (boxes, position) in enumerate(zip(webs, positions, strict=True)):
                self.refined.append(0)
                output = EngineOutput(make_frame(number), draw_map(boxes, position), TO_FRAME, 1.0)
                followed = stage.follower.follow(judge(output))
                self.inspections.append(followed)
                self.events += stage.see(followed)[1]
        self.events += stage.flush()

    @property
    def sources(self) -> list[str]:
        return [d.size_source for i in self.inspections for d in i.defects]

    @property
    def closed(self) -> list[DefectClosed]:
        return split(self.events)[0]


def make_frame(number: int) -> Frame:
    return Frame(number, "web", IMAGE, number * 10**8, number / 10, f"t{number}")


def draw_map(boxes: Sequence[Box], position: float) -> Map:
    values = np.zeros((SIDE // 2, SIDE // 2), np.float32)
    for x0, y0, x1, y1 in boxes:
        rows = slice(max(0, round((y0 - position) / 2)), max(0, round((y1 - position) / 2)))
        values[rows, round(x0 / 2) : round(x1 / 2)] = 1.0
    return values


def run_line(
    boxes: Sequence[Box], count: int = 60, *, unknown: Sequence[int] = (), **options: Any
) -> Line:
    positions = [STEP * n for n in range(count)]
    steps: dict[int, Any] = dict.fromkeys(range(count), STEP)
    for frame in unknown:
        steps[frame] = Motion(STEP, 0.0, 0.1, MotionState.ASSUMED)
    line = Line(**options)
    line.run([boxes] * count, steps, positions)
    return line


def test_a_defect_is_refined_until_five_views_show_it_whole() -> None:
    line = run_line([SPOT])
    without = run_line([SPOT], tracked=False)
    assert len(line.sources) == len(without.sources)
    assert set(without.sources) == {"refined"}
    whole = [d for i in line.inspections for d in i.defects if d.size_source == "refined"]
    assert sum(not d.truncated for d in whole) == 5
    assert line.sources.count("track") > 12
    assert [i.verdict for i in line.inspections] == [i.verdict for i in without.inspections]


def test_a_known_defect_has_the_size_of_its_track_and_its_place_in_the_frame() -> None:
    line = run_line([SPOT])
    (closed,) = line.closed
    assert closed.defect is not None
    for inspection in line.inspections:
        for defect in inspection.defects:
            if defect.size_source != "track":
                continue
            assert defect.length_px == pytest.approx(closed.defect.length_px, rel=1e-9)
            assert defect.length_u_px == pytest.approx(closed.defect.length_u_px, rel=1e-9)
            assert defect.web is not None
            assert defect.web.track_id == "run/d1"
            position = STEP * inspection.frame_id
            if defect.box_px[1] > 0:
                assert defect.centroid_px[0] == pytest.approx(46, abs=0.5)
                assert defect.centroid_px[1] == pytest.approx(154 - position, abs=0.5)
    assert closed.sightings == sum(bool(i.defects) for i in line.inspections)
    assert closed.defect.size_source == "refined"


def test_two_defects_side_by_side_are_known_one_by_one() -> None:
    line = run_line([SPOT, OTHER])
    assert len(line.closed) == 2
    whole = [d for i in line.inspections for d in i.defects if d.size_source == "refined"]
    assert sum(not d.truncated for d in whole) == 10


def test_a_region_that_grows_is_refined_again() -> None:
    """After frame 25 the region of the spot contains a second defect beside it."""
    count = 60
    grown = (52.0, 150.0, 64.0, 158.0)
    webs = [[SPOT] if n <= 24 else [SPOT, grown] for n in range(count)]
    line = Line()
    line.run(webs, dict.fromkeys(range(count), STEP), [STEP * n for n in range(count)])
    assert [d.size_source for d in line.inspections[24].defects] == ["track"]
    assert [d.size_source for d in line.inspections[25].defects] == ["refined"]


def test_a_second_defect_at_another_place_is_refined_from_its_first_frame() -> None:
    webs = [[SPOT] if n <= 24 else [SPOT, OTHER] for n in range(60)]
    line = Line()
    line.run(webs, dict.fromkeys(range(60), STEP), [STEP * n for n in range(60)])
    new = [d for d in line.inspections[25].defects if d.centroid_px[0] > 60]
    assert [d.size_source for d in new] == ["refined"]


def test_after_motion_that_is_not_known_every_defect_is_refined() -> None:
    line = run_line([SPOT], unknown=[25])
    assert {d.size_source for d in line.inspections[24].defects} == {"track"}
    assert {d.size_source for d in line.inspections[25].defects} == {"refined"}
    assert {d.size_source for d in line.inspections[26].defects} == {"track"}


def test_a_size_near_a_limit_is_measured_in_every_frame() -> None:
    (closed,) = run_line([SPOT]).closed
    assert closed.defect is not None
    line = run_line([SPOT], rule=SizeRule(min_length_px=closed.defect.length_px))
    assert "track" not in line.sources
    (closed,) = line.closed
    assert closed.defect is not None
    assert closed.defect.decision == "cannot_be_decided"


@pytest.mark.parametrize(("limit", "decision"), [(8.0, "does_not_conform"), (30.0, "conforms")])
def test_known_sizes_decide_the_verdict_as_measured_ones_do(limit: float, decision: str) -> None:
    rule = SizeRule(min_length_px=limit)
    line = run_line([SPOT], rule=rule)
    without = run_line([SPOT], rule=rule, tracked=False)
    assert line.sources.count("track") > 12
    for known, measured in zip(line.inspections, without.inspections, strict=True):
        if all(not d.truncated for d in measured.defects):
            assert known.verdict is measured.verdict
        elif known.verdict is not measured.verdict:
            # A defect that leaves the frame is cut off there, but its track knows its size.
            assert (known.verdict, measured.verdict) == (Verdict.PASS, Verdict.FAIL)
            assert all(d.size_source == "track" for d in known.defects)
    (closed,) = line.closed
    assert closed.defect is not None
    assert closed.defect.decision == decision
    assert [limit.limit_name for limit in closed.defect.limits] == ["min_length_px"]


def test_a_defect_that_no_frame_shows_whole_is_measured_in_every_frame_and_undecided() -> None:
    long = (40.0, 150.0, 44.0, 420.0)
    line = run_line([long], 130, rule=SizeRule(min_length_px=500.0))
    assert set(line.sources) == {"refined"}
    (closed,) = line.closed
    assert closed.defect is not None
    assert closed.defect.decision == "cannot_be_decided"


def test_a_line_that_stands_does_not_measure_the_same_defects_again_and_again() -> None:
    positions = [STEP * min(n, 30) for n in range(300)]
    steps = {n: positions[n] - positions[n - 1] if n else 0.0 for n in range(300)}
    line = Line()
    line.run([[SPOT]] * 300, steps, positions)
    assert sum(line.refined) < 12
    assert line.closed[0].sightings > 250
