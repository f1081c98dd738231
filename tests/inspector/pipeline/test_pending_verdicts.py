"""Tests of verdicts that depend on sizes: pending first, then final within the deadline."""

import threading
import time
from typing import Any

import pytest
from pipeline_rig import (
    Announced,
    ListSink,
    ListSource,
    RigEngine,
    bad,
    fails_at,
    frame,
    judge,
    make_pipeline,
    run,
    stage_threads,
)

from inspector.core.decisions import VerdictState
from inspector.core.errors import InspectorError, SinkError, StageError
from inspector.core.events import VerdictEvent
from inspector.core.protocols import Picture
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Inspection, Verdict

DEADLINE_S = 0.5


class Machine(Announced):
    """Stores each event with its time of arrival in ns."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[int, VerdictEvent]] = []

    def announce(self, verdict: VerdictEvent) -> None:
        self.events.append((time.monotonic_ns(), verdict))
        super().announce(verdict)

    def seconds_to_final(self) -> dict[int, float]:
        """Frame -> seconds from its pending to its final event."""
        starts = {e.frame_id: at for at, e in self.events if e.state is VerdictState.PENDING}
        ends = {e.frame_id: at for at, e in self.events if e.state is VerdictState.FINAL}
        return {frame_id: (ends[frame_id] - at) / 1e9 for frame_id, at in starts.items()}


def judge_late(output: EngineOutput) -> Inspection:
    """What cannot be decided fails."""
    return Inspection(output.frame, Verdict.FAIL, 0.5, 0.5, score=output.score, reason="late")


def only_at(*frame_ids: int) -> Any:
    """Sizes decide these frames; the map decides the others."""
    return lambda output: None if output.frame.frame_id in frame_ids else judge(output)


def test_a_pending_verdict_leaves_before_the_sizes_are_measured() -> None:
    machine = Machine()
    seen: list[int] = []

    def measure(output: EngineOutput) -> Inspection:
        end = time.monotonic() + 10
        while len(machine.pending) <= output.frame.frame_id and time.monotonic() < end:
            time.sleep(0.001)
        seen.append(len(machine.pending) - len(machine.verdicts))
        return judge(output)

    stages = {"judge": measure, "judge_map": lambda _: None}
    run(make_pipeline(ListSource([frame(0), frame(1)]), [machine], fails_at(1), stages=stages))
    assert min(seen) >= 1
    assert [(v.frame_id, v.verdict, v.state) for v in machine.pending] == [
        (0, None, "pending"),
        (1, None, "pending"),
    ]
    assert [(v.frame_id, v.verdict, v.state) for v in machine.verdicts] == [
        (0, "PASS", "final"),
        (1, "FAIL", "final"),
    ]
    assert [i.judged_ns for i in machine.inspections] == [v.judged_ns for v in machine.verdicts]
    assert machine.written_before[0] == 0


def test_final_verdicts_are_in_order_also_if_the_map_decides_a_later_frame() -> None:
    machine = Machine()
    released = threading.Event()

    def measure(output: EngineOutput) -> Inspection:
        if output.frame.frame_id == 0:
            released.wait(10)
        return judge(output)

    class Releases(RigEngine):
        def infer(self, pixels: Any) -> Any:
            if sum(self.sizes) == 2:  # frames 0 to 2 left, and there is no room for more
                released.set()
            return super().infer(pixels)

    stages = {"judge": measure, "judge_map": only_at(0, 4)}
    items = [frame(0), frame(1), bad(2), frame(3), frame(4), frame(5)]
    run(make_pipeline(ListSource(items), [machine], Releases(), stages=stages))
    assert [v.frame_id for v in machine.verdicts] == list(range(6))
    assert [str(v.verdict) for v in machine.verdicts][2] == "ERROR"
    assert {v.frame_id for v in machine.pending} >= {0, 1, 4}
    for events in ([e.frame_id for _, e in machine.events if e.state == s] for s in VerdictState):
        assert events == sorted(set(events))


@pytest.mark.parametrize("slow", ["measuring", "writing"])
def test_a_frame_that_is_late_is_judged_at_its_deadline(slow: str) -> None:
    """Measuring or writing of frame 1 takes longer than the deadline. No frame waits longer."""

    class Slow(Machine):
        def write(self, inspection: Inspection, picture: Picture) -> None:
            if slow == "writing" and inspection.frame_id == 1:
                time.sleep(2.5 * DEADLINE_S)
            super().write(inspection, picture)

    def measure(output: EngineOutput) -> Inspection:
        if slow == "measuring" and output.frame.frame_id == 1:
            time.sleep(2.5 * DEADLINE_S)
        return judge(output)

    machine = Slow()
    stages = {"judge": measure, "judge_map": lambda _: None, "judge_late": judge_late}
    source = ListSource((frame(i) for i in range(8)), live=True, pace_s=0.02)
    run(make_pipeline(source, [machine], stages=stages, deadline_s=DEADLINE_S))
    times = machine.seconds_to_final()
    assert len(times) == len(machine.verdicts) == len(machine.inspections) >= 4
    assert max(times.values()) < DEADLINE_S
    late = [i.frame_id for i in machine.inspections if i.reason == "late"]
    assert (1 in late) is (slow == "measuring")
    assert late
    # The log says what the machine got.
    assert [(i.frame_id, i.verdict, i.judged_ns) for i in machine.inspections] == [
        (v.frame_id, v.verdict, v.judged_ns) for v in machine.verdicts
    ]


def test_a_file_has_no_deadline() -> None:
    machine = Machine()

    def measure(output: EngineOutput) -> Inspection:
        time.sleep(0.05)
        return judge(output)

    stages = {"judge": measure, "judge_map": lambda _: None, "judge_late": judge_late}
    run(make_pipeline(ListSource(frame(i) for i in range(4)), [machine], stages=stages))
    assert [str(v.verdict) for v in machine.verdicts] == ["PASS"] * 4


def test_measuring_cannot_change_a_final_verdict() -> None:
    def measure(output: EngineOutput) -> Inspection:
        return Inspection(output.frame, Verdict.FAIL, 0.5, 0.5, score=output.score)

    stages = {"judge": measure, "judge_map": judge}
    pipeline = make_pipeline(ListSource([frame(0)]), [ListSink()], stages=stages)
    pipeline.start()
    with pytest.raises(InspectorError, match="changed the final verdict of frame 0 from PASS to"):
        pipeline.finish()
    assert pipeline.stats.balanced


@pytest.mark.parametrize("part", ["judge_late", "announce"])
def test_an_error_at_the_deadline_ends_the_run(part: str) -> None:
    class Breaks(Announced):
        def announce(self, verdict: VerdictEvent) -> None:
            if part == "announce" and verdict.state is VerdictState.FINAL:
                raise SinkError("no line to the machine")

    def fail(output: EngineOutput) -> Inspection:
        if part == "judge_late":
            raise KeyError("boom")
        return judge_late(output)

    def measure(output: EngineOutput) -> Inspection:
        time.sleep(0.3)
        return judge(output)

    stages = {"judge": measure, "judge_map": lambda _: None, "judge_late": fail}
    source = ListSource((frame(i) for i in range(9)), live=True)
    pipeline = make_pipeline(source, [Breaks()], stages=stages, deadline_s=0.05)
    pipeline.start()
    expected = StageError if part == "judge_late" else SinkError
    with pytest.raises(expected, match=r"deadline failed at frame|no line to the machine"):
        pipeline.finish()
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_no_verdict_is_sent_at_a_deadline_after_an_abort() -> None:
    machine = Machine()
    entered = threading.Event()

    def measure(output: EngineOutput) -> Inspection:
        entered.set()
        time.sleep(0.3)
        return judge(output)

    stages = {"judge": measure, "judge_map": lambda _: None, "judge_late": judge_late}
    source = ListSource([frame(0)], live=True, endless=True)
    pipeline = make_pipeline(source, [machine], stages=stages, deadline_s=0.2)
    pipeline.start()
    assert entered.wait(10)
    pipeline.abort()
    pipeline.finish()
    assert machine.verdicts == []
    assert pipeline.stats.balanced
    assert not stage_threads()


def test_a_run_with_a_deadline_ends_at_once_when_its_source_ends() -> None:
    stages = {"judge_map": lambda _: None, "judge_late": judge_late}
    source = ListSource((frame(i) for i in range(3)), live=True, pace_s=0.01)
    pipeline = make_pipeline(source, [Machine()], stages=stages, deadline_s=30.0)
    start = time.monotonic()
    run(pipeline)
    assert time.monotonic() - start < 5
    assert not [t for t in threading.enumerate() if t.name == "deadline"]
