"""Tests of the limits of time for refining regions of a live source."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger
from slow_refining import (
    CENTRES,
    THRESHOLD,
    make_frame,
    make_map,
    run_live,
    slow_refine,
)

from inspector.core.clock import now_ns
from inspector.core.geometry import Affine
from inspector.core.refining import NOT_REACHED
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Verdict
from inspector.measure import live
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.live import LiveMeasuring, RecordedPlan
from inspector.measure.options import MeasureOptions

BOXES = tuple((float(x), float(y), x + 4.0, y + 4.0) for x, y in CENTRES)


def output(inferred_ns: int | None = None) -> EngineOutput:
    at = now_ns() if inferred_ns is None else inferred_ns
    return EngineOutput(make_frame(0), make_map(6), Affine(4, 4), 9.0, inferred_ns=at)


def make_measuring(**options: Any) -> LiveMeasuring:
    return LiveMeasuring(**({"budget_ms": None, "deadline_ms": None} | options))


class Clock:
    """Only work moves this clock, so that a busy machine does not change what is refined."""

    def __init__(self) -> None:
        self.ns = now_ns()

    def spend(self, seconds: float) -> str:
        self.ns += round(seconds * 1e9)
        return "done"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live, "now_ns", lambda: clock.ns)
    return clock


def refine_frame(
    measuring: LiveMeasuring, work: Callable[[], str] = lambda: "done", most: int = 8
) -> list[int]:
    plan = measuring(output())
    for rank in plan.order(BOXES, most):
        if plan.attempt(rank, work) is None:
            break
    return plan.refined


@pytest.mark.usefixtures("clock")
def test_the_strongest_regions_come_first_and_at_most_the_set_number() -> None:
    assert refine_frame(make_measuring(), most=4) == [0, 1, 2, 3]


@pytest.mark.usefixtures("clock")
def test_new_regions_come_before_those_that_were_refined() -> None:
    measuring = make_measuring()
    assert refine_frame(measuring, most=2) == [0, 1]
    assert refine_frame(measuring, most=2) == [2, 3]
    assert refine_frame(measuring, most=3) == [4, 5, 0]
    moved = tuple((x0 + 100, y0, x1 + 100, y1) for x0, y0, x1, y1 in BOXES)
    assert list(measuring(output()).order(moved, 3)) == [0, 1, 2]


def test_a_place_is_forgotten_after_a_while(clock: Clock) -> None:
    measuring = make_measuring()
    assert refine_frame(measuring, most=2) == [0, 1]
    clock.spend(live.SEEN_S + 0.001)
    assert refine_frame(measuring, most=2) == [0, 1]


def test_a_slow_frame_takes_the_time_of_the_next_ones(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(live, "MOST_SHARE", 0.0)  # no time is gained
    measuring = make_measuring()
    assert refine_frame(measuring, lambda: clock.spend(0.03)) == [0, 1]  # START_S is 0.05
    assert refine_frame(measuring) == []


def test_time_is_gained_up_to_a_limit(clock: Clock) -> None:
    measuring = make_measuring()
    assert len(refine_frame(measuring, lambda: clock.spend(0.03))) < 6
    clock.spend(60)
    assert measuring.may_begin()
    assert measuring._left_s == live.SAVED_S
    measuring.waiting = lambda: None  # the source holds its frames
    clock.spend(60)
    assert measuring.may_begin()
    assert measuring._left_s == live.PATIENT_S


def test_no_region_is_begun_while_frames_wait_and_the_share_shrinks(clock: Clock) -> None:
    measuring = make_measuring()
    measuring.waiting = lambda: 1
    shares = []
    for _ in range(12):
        assert refine_frame(measuring) == []
        shares.append(measuring._share)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == live.LEAST_SHARE
    measuring.waiting = lambda: 0
    clock.spend(0.5)
    assert refine_frame(measuring)
    assert measuring._share == pytest.approx(live.LEAST_SHARE + 0.5 * live.RECOVERY_PER_S)


def test_a_region_is_given_up_when_frames_wait_and_blocks_the_next_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measuring = make_measuring()
    waiting, release = [0], threading.Event()
    measuring.waiting = lambda: waiting[0]

    def hang() -> str:
        waiting[0] = live.FULL
        release.wait(20)
        return "too late"

    monkeypatch.setattr(live, "LONG_S", 0.0)
    lines: list[str] = []
    handle = logger.add(lambda text: lines.append(str(text)), level="WARNING")
    plan = measuring(output())
    assert plan.attempt(plan.order(BOXES, 8)[0], hang) is None
    assert plan.refined == []
    assert measuring._share == live.LEAST_SHARE
    waiting[0] = 0
    assert refine_frame(measuring) == refine_frame(measuring) == []
    logger.remove(handle)
    assert len(lines) == 1
    assert "refining a region takes more than" in lines[0]
    release.set()
    end = time.monotonic() + 20
    while not refine_frame(measuring) and time.monotonic() < end:
        time.sleep(0.01)
    assert time.monotonic() < end


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_error_of_a_region_is_raised_also_after_it_was_given_up() -> None:
    def fail() -> str:
        raise KeyError("boom")

    measuring = make_measuring()
    plan = measuring(output())
    plan.order(BOXES, 8)
    with pytest.raises(KeyError, match="boom"):
        plan.attempt(0, fail)

    measuring = make_measuring(budget_ms=1.0)
    plan = measuring(output())
    plan.order(BOXES, 8)
    assert plan.attempt(0, lambda: time.sleep(0.05) or fail()) is None
    time.sleep(0.2)
    with pytest.raises(KeyError, match="boom"):
        refine_frame(measuring)


def test_a_frame_has_its_own_limit_and_the_deadline_of_its_verdict() -> None:
    measuring = make_measuring(budget_ms=1.0)
    start = time.monotonic()
    assert refine_frame(measuring, lambda: time.sleep(3.0) or "done") == []
    assert time.monotonic() - start < 2.0
    late = make_measuring(deadline_ms=100.0)
    plan = late(output(now_ns() - 70_000_000))
    assert plan.attempt(plan.order(BOXES, 8)[0], lambda: "done") is None
    in_time = make_measuring(deadline_ms=10_000.0)
    assert refine_frame(in_time)


@pytest.mark.usefixtures("clock")
def test_what_was_not_reached_keeps_its_size_on_the_map_and_a_replay_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow_refine(monkeypatch, 0.0)
    image, anomaly_map, to_frame = make_frame(0).image, make_map(6), Affine(4, 4)
    analyzer = MapAnalyzer(None, MeasureOptions(max_refined=3))
    measuring = make_measuring()
    plan = measuring(output())
    analyzer.analyze(image, anomaly_map, to_frame, THRESHOLD, plan)
    second = measuring(output())
    defects = analyzer.analyze(image, anomaly_map, to_frame, THRESHOLD, second)
    assert (plan.refined, second.refined) == ([0, 1, 2], [3, 4, 5])
    assert [d.size_source for d in defects] == ["map"] * 3 + ["refined"] * 3
    assert {d.size_note for d in defects if d.size_source == "map"} == {NOT_REACHED}
    recorded = RecordedPlan(second.refined)
    again = analyzer.analyze(image, anomaly_map, to_frame, THRESHOLD, recorded)
    assert recorded.refined == second.refined
    assert [str(d) for d in again] == [str(d) for d in defects]


@pytest.mark.parametrize("cost_s", [0.01, 0.22, 1.2])
def test_measuring_costs_no_frames_of_a_live_source(
    monkeypatch: pytest.MonkeyPatch, cost_s: float
) -> None:
    """10 frames per s with 5 defects each. Without the limit, 0.22 s loses most of them."""
    calls = slow_refine(monkeypatch, cost_s)
    result = run_live(frames=30, fps=10.0)
    assert result.pipeline.stats.dropped == 0
    assert len(result.sink.inspections) == 30
    refined = [len(i.refined_regions or ()) for i in result.sink.inspections]
    assert sum(refined) == sum(
        d.size_source == "refined" for i in result.sink.inspections for d in i.defects
    )
    assert (sum(refined) > 0) is (cost_s < 1)
    assert len(calls) >= sum(refined)
    assert result.latencies_ms[15] < 200


def test_without_the_limit_the_same_source_loses_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_refine(monkeypatch, 0.22)
    result = run_live(frames=30, fps=10.0, limited=False)
    assert result.pipeline.stats.dropped > 15


def test_a_size_that_is_not_measured_in_time_fails_by_default_within_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow_refine(monkeypatch, 0.3)
    result = run_live(frames=20, fps=10.0, rule="defects", min_length_px=28.0, deadline_s=0.5)
    assert result.pipeline.stats.dropped == 0
    verdicts = {i.verdict for i in result.sink.inspections}
    assert verdicts == {Verdict.FAIL}
    undecided = [i for i in result.sink.inspections if "cannot be decided" in (i.reason or "")]
    assert len(undecided) >= 10
    pending = {v.frame_id: v.judged_ns for v in result.sink.pending}
    waits = [(v.judged_ns - pending[v.frame_id]) / 1e9 for v in result.sink.verdicts]
    assert len(waits) == 20
    assert max(waits) < 0.5
