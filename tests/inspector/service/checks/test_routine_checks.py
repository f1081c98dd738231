"""Tests routine checks on a running line: results, alarms, the lock of release, and restarts."""

import getpass
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_parts import (
    results,
    wait_for_results,
    write_checked_line,
    write_samples,
)
from line_rig import LIVE, LineRig
from waiting import wait_for

from inspector.config import load_config
from inspector.core.errors import ConfigError, SinkError
from inspector.service.checks import routine_check
from inspector.service.checks.options import CheckOptions, check_entries
from inspector.service.line import Line
from inspector.store.alarms import find_alarms
from inspector.store.audit import find_changes
from inspector.store.history import HistoryFilter, find_inspections
from tools.line import main as ask

BY_FRAME = {"enabled": True, "by": "frame", "rule": "any"}


def fail_everything(**more: Any) -> dict[str, Any]:
    return {"verdict": {"image_threshold": -1, "pixel_threshold": 9}} | more


def is_locked(rig: LineRig) -> bool:
    return rig.line.state().release_locked


def test_a_missed_check_locks_the_release_until_it_is_acknowledged(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "samples")
    check = {"name": "daily", "kind": "folder", "folder": str(folder)}
    config = write_checked_line(tmp_path, check, verdict={"image_threshold": 2})
    with LineRig(config) as rig:
        assert not is_locked(rig)
        assert ask(["--config", str(config), "check", "daily"]) == 0
        (result,) = wait_for_results(rig, 1)
        assert (result.passed, result.who) == (False, getpass.getuser())
        assert result.text == (
            "0 of 2 pictures with defects are FAIL, 1 of 1 good ones are PASS: a.png is PASS; "
            "b.png is PASS"
        )
        assert is_locked(rig)
        assert rig.ask("status").text.count("the release of products is locked") == 1
        store = rig.line.store.store
        with store.transaction() as db:  # as if it had been done yesterday
            db.execute("UPDATE checks SET slot_ms = slot_ms - 86400000")
    config = write_checked_line(tmp_path, check | {"every_h": 8})
    with LineRig(config) as rig:
        assert is_locked(rig)
        _, result = wait_for_results(rig, 2)
        assert (result.passed, result.who) == (True, None)
        assert "; it was due at 20" in result.text
        wait_for(lambda: rig.line.state().checks[0].last_passed)
        (state,) = rig.line.state().checks
        assert (state.state, state.last_passed, state.last_text) == ("idle", True, result.text)
        assert (state.next_utc or "") > result.wall_time_utc
        assert is_locked(rig)
        store = rig.line.store.store
        (alarm,) = find_alarms(store)
        assert (alarm.kind, alarm.count, alarm.locks_release) == ("check daily", 1, True)
        argv = ["--config", str(config), "--who", "a.kaya", "--why", "lamp was old"]
        assert ask([*argv, "acknowledge", str(alarm.number)]) == 0
        assert not is_locked(rig)
        (closed,) = find_alarms(store, open_only=False)
        assert (closed.who, closed.note) == ("a.kaya", "lamp was old")
        change = find_changes(store)[0]
        assert (change.who, change.what, change.new) == ("a.kaya", "alarm 1", "closed")
        wait_for(lambda: len(find_inspections(store, HistoryFilter(kind="check"))) == 6)
        production = find_inspections(store, HistoryFilter(kind="production"))
        assert {row.folder.parent.name for row in production} == {"runs"}
        checks = find_inspections(store, HistoryFilter(kind="check"))
        assert {row.name for row in checks} == {"a.png", "b.png", "0.png"}
    assert rig.code == 0


def test_parts_that_people_present_are_a_run_of_the_line(tmp_path: Path) -> None:
    options = {"name": "shift", "kind": "recipe", "parts": 3, "minutes": 5}
    sections = fail_everything(parts=BY_FRAME, fail_on_anomaly=True)
    config = write_checked_line(tmp_path, options, source=LIVE | {"fps": 3}, **sections)
    with LineRig(config) as rig:
        rig.wait_for_frames()
        answer = rig.ask("check", name="shift")
        assert answer.text == "the check shift runs: present 3 challenge parts within 5 min"
        (result,) = wait_for_results(rig, 1)
        assert (result.passed, result.who) == (True, "m.weber")
        assert result.text == "3 of 3 parts came, 3 are FAIL"
        rig.wait_for_frames()
        assert rig.line.state().message == "the check shift is over"
        assert not is_locked(rig)
    before, check, after = rig.runs()
    assert [run.summary["check"] for run in (before, check, after)] == [None, "shift", None]
    assert {record["check"] for record in check.records} == {"shift"}
    assert {record["check"] for record in (*before.records, *after.records)} == {None}
    assert result.run_id == check.summary["run_id"]
    assert after.records[0]["continues"] == {"run_id": result.run_id}
    assert [run.summary["exit_code"] for run in (before, check, after)] == [3, 0, 3]
    for run in (before, check, after):
        counts = run.summary
        assert counts["captured"] == counts["inspected"] + counts["dropped"] + counts["errored"]


def nothing(rig: LineRig) -> None:
    pass


def stop_early(rig: LineRig) -> None:
    wait_for(lambda: rig.line.plan.check == "shift")
    assert rig.ask("stop").done
    assert rig.ask("start").done


@pytest.mark.parametrize(
    ("options", "act", "text"),
    [
        ({"parts": 4, "failed": 2, "minutes": 5}, nothing, "4 are FAIL and 2 should be"),
        ({"parts": 10**6, "minutes": 0.01}, nothing, "of 1000000 frames came"),
        ({"parts": 10**6, "minutes": 5}, stop_early, "of 1000000 frames came"),
    ],
    ids=["wrong verdicts", "too few", "stopped"],
)
def test_presented_parts_that_are_not_as_expected_are_a_miss(
    tmp_path: Path, options: dict[str, Any], act: Callable[[LineRig], None], text: str
) -> None:
    config = write_checked_line(
        tmp_path, {"name": "shift", "kind": "recipe"} | options, **fail_everything()
    )
    with LineRig(config) as rig:
        assert rig.ask("check", name="shift").done
        act(rig)
        (result,) = wait_for_results(rig, 1)
        assert not result.passed
        assert text in result.text
        assert is_locked(rig)
        wait_for(lambda: rig.line.plan.check is None)
        rig.wait_for_frames()
        assert json.loads((rig.runs()[-2].folder / "summary.json").read_text())["check"] == "shift"


def test_presented_parts_that_nobody_presents_are_a_miss(tmp_path: Path) -> None:
    options = {"name": "shift", "kind": "recipe", "every_h": 8, "grace_min": 0.02}
    with LineRig(write_checked_line(tmp_path, options)) as rig:
        wait_for(lambda: rig.line.state().checks[0].state == "waiting")
        task = rig.line.state().checks[0].task
        (result,) = wait_for_results(rig, 1)
    assert task == "start the check shift with 1 challenge part within 0.02 min"
    assert result.text == "nobody started it within 0.02 min"
    assert not result.passed


def test_a_check_needs_a_running_line_and_a_known_name(tmp_path: Path) -> None:
    checks = (
        {"name": "shift", "kind": "recipe"},
        {"name": "hourly", "kind": "part_id", "part_id": "CH-*", "every_h": 1},
    )
    with LineRig(write_checked_line(tmp_path, *checks)) as rig:
        assert "needs no start" in rig.ask("check", name="hourly").text
        text = rig.ask("check", name="shif").text
        assert text == "there is no check 'shif': shift, hourly; did you mean shift?"
        assert rig.ask("stop").done
        assert rig.ask("check", name="shift").text == "the line is stopped; start it first"


def test_challenge_parts_that_fail_pass_the_check_and_stay_apart(tmp_path: Path) -> None:
    options = {"name": "hourly", "kind": "part_id", "part_id": "*", "parts": 2, "every_h": 1}
    sections = fail_everything(parts=BY_FRAME, source=LIVE | {"fps": 3})
    config = write_checked_line(tmp_path, options, **sections)
    with LineRig(config) as rig:
        (result,) = wait_for_results(rig, 1)
        assert result.passed
        assert result.text.endswith("challenge parts are FAIL")
        assert not is_locked(rig)
        store = rig.line.store.store
        assert find_inspections(store, HistoryFilter(kind="production")) == []
        assert find_inspections(store, HistoryFilter(kind="check", verdicts=("FAIL",)))
    (run,) = rig.runs()
    assert run.summary["check"] is None
    assert {record["check"] for record in run.of_type("part")} == {"hourly"}
    assert "check" in (run.folder / "parts.csv").read_text().splitlines()[0]


def test_a_challenge_part_that_passes_is_a_miss_at_once_and_once(tmp_path: Path) -> None:
    parts = {"enabled": True, "by": "trigger", "window_s": 0.05}
    options = {"name": "hourly", "kind": "part_id", "part_id": "CH-*", "every_h": 1}
    config = write_checked_line(tmp_path, options, parts=parts)
    with LineRig(config) as rig:
        rig.wait_for_frames()
        rig.line.trigger("P-1")
        rig.line.trigger("CH-7")
        (result,) = wait_for_results(rig, 1)
        assert (result.passed, result.slot_ms) == (False, None)
        assert result.text == "the challenge part CH-7 is PASS"
        assert is_locked(rig)
    with LineRig(config) as rig:
        wait_for(lambda: rig.line.state().checks[0].state == "waiting")
        assert len(results(rig)) == 1


def test_challenge_parts_that_do_not_come_are_a_miss(tmp_path: Path) -> None:
    options = {"name": "hourly", "kind": "part_id", "part_id": "CH-*", "every_h": 1, "parts": 2}
    config = write_checked_line(tmp_path, options | {"grace_min": 0.02})
    with LineRig(config) as rig:
        (result,) = wait_for_results(rig, 1)
        assert not result.passed
        assert result.text == "0 of 2 challenge parts came as FAIL"
        assert result.slot_ms is not None


def test_a_missed_check_locks_the_release_also_if_the_store_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise SinkError("the disk is full")

    options = {"name": "daily", "kind": "folder", "folder": str(tmp_path / "missing")}
    with monkeypatch.context() as patch:
        patch.setattr(routine_check, "raise_alarm", fail)
        with LineRig(write_checked_line(tmp_path, options)) as rig:
            assert rig.ask("check", name="daily").done
            wait_for(lambda: is_locked(rig))
            assert results(rig) == []
            patch.undo()
            (result,) = wait_for_results(rig, 1)
            assert "could not be done" in result.text
            assert is_locked(rig)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"kind": "folder"}, "checks, c: folder: no folder is named"),
        ({"kind": "folder", "folder": "f", "source": "left"}, "there is only one source"),
        ({"kind": "folder", "folder": "f", "parts": 2}, "of the kind folder has no key parts"),
        ({"kind": "recipe", "folder": "f"}, "of the kind recipe has no key folder"),
        ({"kind": "recipe", "parts": 2, "failed": 3}, "failed is 3, but there are only 2 parts"),
        ({"kind": "recipe", "every_h": 1, "at": ["06:00"]}, "cannot be used together"),
        ({"kind": "recipe", "at": ["6:00"]}, "checks[0].at[0] must be a time in quotes"),
        ({"kind": "recipe", "at": [360]}, "checks[0].at[0] must be a time in quotes"),
        ({"kind": "recipe", "every_h": 0}, "checks[0].every_h must be above 0"),
        ({"kind": "part_id", "every_h": 1}, "part_id: no pattern is named"),
        ({"kind": "part_id", "part_id": "CH"}, "every_h or at must say when"),
        ({"kind": "other"}, "checks[0].kind must be one of folder, recipe, part_id"),
    ],
)
def test_a_check_that_cannot_work_is_refused(
    tmp_path: Path, values: dict[str, Any], text: str
) -> None:
    config = write_checked_line(tmp_path, {"name": "c"} | values)
    with pytest.raises(ConfigError) as error:
        Line(lambda: load_config(config))
    assert text in str(error.value)


def test_checks_need_the_store_different_names_and_a_source_of_the_line() -> None:
    check = CheckOptions("Daily", "folder", folder="f", source="left")
    other = CheckOptions("daily", "recipe")
    check_entries([check], ["left", "right"], stored=True)
    for entries, sources, stored, text in (
        ([check], ["left"], False, "set store.enabled"),
        ([check, other], ["left"], True, "two checks have this name"),
        ([check], ["right"], True, "source must name whose engine judges: right"),
    ):
        with pytest.raises(ConfigError, match=text):
            check_entries(entries, sources, stored=stored)
