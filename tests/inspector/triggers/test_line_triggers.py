"""Tests verdicts on parts of two cameras of a line: late and double triggers, other recipes."""

from pathlib import Path

import pytest
from line_rig import LineRig
from triggered_line import check_parts, make_rig, read_parts
from waiting import wait_for

from inspector.core.clock import now_ns
from inspector.machine.controls import TriggerMessage
from inspector.triggers.gate import Outcome

HTTP = "http:127.0.0.1"


def count_frames(rig: LineRig) -> list[int]:
    return [s.inspected + s.errored + s.dropped for s in rig.line.state().sources]


def wait_for_more(rig: LineRig, frames: int = 7) -> None:
    """Waits until each camera of the current run has so many more frames. Counts of a new run
    begin at 0."""
    before = count_frames(rig)
    wait_for(
        lambda: all(
            now >= was + frames or frames <= now < was
            for was, now in zip(before, count_frames(rig), strict=True)
        )
    )


def test_every_part_has_one_verdict_while_recipes_change(tmp_path: Path) -> None:
    part_ids = [f"p{number}" for number in range(24)]
    with make_rig(tmp_path) as rig:
        rig.wait_for_frames()
        for number, part_id in enumerate(part_ids):
            message = TriggerMessage(part_id, serial=f"S{number}", lot="L7")
            outcomes = [rig.line.receive_trigger(message, HTTP).outcome for _ in range(2)]
            assert outcomes == [Outcome.ACCEPTED, Outcome.REPEATED]
            if number % 8 == 5:
                assert rig.ask("recipe", name="bad" if number % 16 == 5 else "good").done
            wait_for_more(rig)
        wait_for(lambda: len(read_parts(rig)) == len(part_ids))
    lines = read_parts(rig)
    verdicts = check_parts(lines, part_ids)
    assert verdicts["PASS"]
    assert verdicts["FAIL"]
    assert {line["part_id"]: line["serial"] for line in lines} == {
        part_id: f"S{number}" for number, part_id in enumerate(part_ids)
    }
    assert {line["lot"] for line in lines} == {"L7"}


def test_late_triggers_get_a_verdict_too(tmp_path: Path) -> None:
    with make_rig(tmp_path, window_s=1.0) as rig:
        start_s = now_ns() / 1e9
        wait_for(lambda: now_ns() / 1e9 > start_s + 1.5)
        now_s = now_ns() / 1e9
        times = {"late": now_s - 1.5, "too_late": now_s - 3600.0, "next": now_s + 0.1}
        for part_id, time_s in times.items():
            rig.line.trigger(part_id, time_s)
        wait_for(lambda: len(read_parts(rig)) == 3)
    lines = read_parts(rig)
    check_parts(lines, list(times))
    causes = {line["part_id"]: line["cause"] for line in lines}
    assert causes["too_late"] == "not_seen"
    assert causes["late"] is None
    warnings = [run.summary["warnings"] for name in ("left", "right") for run in rig.runs(name)]
    assert all(any("triggers came late" in text for text in texts) for texts in warnings)


@pytest.mark.parametrize("kind", ["stop", "start"])
def test_a_stopped_line_takes_no_trigger(tmp_path: Path, kind: str) -> None:
    with make_rig(tmp_path, service={"enabled": True, "when_sources_end": "wait"}) as rig:
        rig.wait_for_frames()
        assert rig.ask("stop").done
        outcome = rig.line.receive_trigger(TriggerMessage("A"), HTTP).outcome
        assert outcome is Outcome.NOT_TAKEN
        if kind == "start":
            assert rig.ask("start").done
            rig.wait_for_frames()
            outcome = rig.line.receive_trigger(TriggerMessage("A"), HTTP).outcome
            assert outcome is Outcome.ACCEPTED
            wait_for(lambda: len(read_parts(rig)) == 1)
    assert len(read_parts(rig)) == (kind == "start")
