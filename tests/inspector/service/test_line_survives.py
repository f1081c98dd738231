"""An error of a request, a check or an attendant does not end the line."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from check_parts import results, write_checked_line
from line_rig import LineRig, write_line
from log_lines import warnings_of
from waiting import wait_for

from engines.backends.fake import FakeEngine
from inspector.core.errors import EngineError, SinkError
from inspector.module_process import start_module
from inspector.service import completing, line
from inspector.service.attendants import Attendants
from inspector.service.checks import folder_check, routine_check
from inspector.service.checks.folder_check import FolderJob
from inspector.service.checks.options import CheckOptions
from inspector.service.line_config import LineConfig
from inspector.service.line_requests import Reply
from inspector.service.settings import Settings
from inspector.store.alarms import find_alarms
from inspector.store.follower import Follower
from inspector.store.requests import Request, add_request, wait_for_answer

FILE = {"uri": "synthetic", "frame_size": "64x48", "fps": 100, "synthetic": {"frames": 10**6}}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LineRig]:
    with LineRig(write_line(tmp_path)) as running:
        running.wait_for_frames()
        yield running
    assert (running.code, running.error) == (0, None)


class Part:
    """An attendant. error: what its turn raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.turns = 0
        self.is_stopped = False

    def turn(self) -> None:
        self.turns += 1
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.is_stopped = True
        if self.error is not None:
            raise self.error


def test_an_attendant_that_fails_says_so_once_and_the_others_go_on() -> None:
    attendants, bad, good = Attendants(), Part(PermissionError(13, "no access")), Part()
    attendants.add(good)
    attendants.add(bad)
    attendants.add(good)
    with warnings_of() as lines:
        attendants.turn()
        attendants.turn()
        bad.error = SinkError("the disk is full")
        attendants.turn()
        attendants.stop()
    assert (good.turns, bad.turns) == (6, 3)
    assert good.is_stopped
    assert len([line for line in lines if "no access" in line]) == 1
    assert len([line for line in lines if "Part failed, the line goes on: the disk" in line]) == 1
    assert bad.is_stopped


def test_a_refused_file_refuses_only_the_request(rig: LineRig) -> None:
    def handle(request: Request) -> Reply:
        raise PermissionError(13, "Permission denied", "bolt.candidate.log")

    rig.line.desk.add_kind("refit", handle)
    answer = rig.ask("refit")
    assert not answer.done
    assert "Permission denied: 'bolt.candidate.log'" in answer.text
    answer = rig.ask("acknowledge", alarm=99999999999999999999)
    assert not answer.done
    assert "there is no such alarm" in answer.text
    rig.wait_for_frames(6)


def test_an_unexpected_error_of_a_preparation_changes_nothing(
    rig: LineRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(LineConfig, "compose", lambda *_: 1 / 0)
        answer = rig.ask("thresholds", source="main", image_threshold=3)
    assert not answer.done
    assert answer.text.startswith("nothing was changed: stage preparation failed")
    assert rig.ask("thresholds", source="main", image_threshold=3).done


def test_a_change_that_cannot_be_stored_is_refused_and_leaves_no_folder(
    rig: LineRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, settings: Settings) -> None:
        assert (rig.folder / "0002" / "inspections.jsonl").exists()  # its outputs are open
        raise SinkError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(line, "write_settings", refuse)
        answer = rig.ask("thresholds", source="main", image_threshold=3)
    assert (answer.done, answer.text) == (False, "nothing was changed: the disk is full")
    assert sorted(path.name for path in rig.folder.glob("0*")) == ["0001"]


def test_a_start_whose_engine_cannot_be_opened_is_refused(
    rig: LineRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.ask("stop").done
    with monkeypatch.context() as patch:
        patch.setattr(FakeEngine, "warm_up", lambda _: 1 / 0)
        answer = rig.ask("start")
        assert not answer.done
        assert "division by zero" in answer.text
        assert rig.line.state().state == "stopped"
    assert rig.ask("start").done
    rig.wait_for_frames()


def test_a_stop_during_a_change_lets_the_line_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose, is_waiting, go_on = LineConfig.compose, threading.Event(), threading.Event()

    def wait(*arguments: Any) -> Any:
        is_waiting.set()
        go_on.wait(20)
        return compose(*arguments)

    with LineRig(write_line(tmp_path, source=FILE)) as rig:
        rig.wait_for_frames()
        store = rig.line.store.store
        with monkeypatch.context() as patch:
            patch.setattr(LineConfig, "compose", wait)
            change = {"source": "main", "image_threshold": 3}
            number = add_request(store, "thresholds", change, who="ann", why="seam")
            assert is_waiting.wait(20)
            assert rig.ask("stop").done
            go_on.set()
            assert not wait_for_answer(store, number, 20).done
        assert rig.ask("start").done
        rig.wait_for_frames()


def test_a_check_that_cannot_be_stored_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_alarm = routine_check.raise_alarm

    def fail(*arguments: Any, kind: str, **more: Any) -> int:
        if kind == "check first":
            raise SinkError("the disk is full")
        return raise_alarm(*arguments, kind=kind, **more)

    monkeypatch.setattr(routine_check, "raise_alarm", fail)
    missing = {"kind": "folder", "folder": str(tmp_path / "missing")}
    checks = [{"name": name} | missing for name in ("first", "second")]
    with LineRig(write_checked_line(tmp_path, *checks)) as rig:
        assert rig.ask("check", name="first").done
        wait_for(lambda: rig.line._checks.has_unsaved_miss)
        assert rig.ask("check", name="second").done
        wait_for(lambda: [result.name for result in results(rig)] == ["second"])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_store_that_gets_no_inspections_any_more_raises_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineRig(write_line(tmp_path, store={"enabled": True})) as rig:
        rig.wait_for_frames()
        monkeypatch.setattr(Follower, "_pass", lambda _: 1 / 0)
        wait_for(lambda: find_alarms(rig.line.store.store))
        (alarm,) = find_alarms(rig.line.store.store)
    assert alarm.kind == "store"
    assert "the thread that reads the logs ended with an error" in alarm.text


def refuse(*_: Any, **__: Any) -> None:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_a_process_that_cannot_start_has_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(EngineError, match=r"cannot start: .*temporarily unavailable"):
        start_module("inspector.service.checks.pictures", stdin=subprocess.DEVNULL)
    with warnings_of() as lines:
        completing.Completion([tmp_path]).close()
    assert any("`line-inspector recover` can do it: the process" in line for line in lines)


def print_nonsense(text: str) -> Callable[..., "subprocess.Popen[str]"]:
    command = [sys.executable, "-c", f"print({text!r})"]
    pipe = subprocess.PIPE
    return lambda *_, **__: subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


@pytest.mark.parametrize("text", ["a warning of a library", '{"passed": true}', "[]"])
def test_a_check_without_a_readable_outcome_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(folder_check, "start_module", print_nonsense(text))
    line = LineRig(write_line(tmp_path)).line
    options = CheckOptions("daily", "folder", folder=str(tmp_path))
    job = FolderJob(line.config.base, replace(options), None, None)
    wait_for(lambda: job._process.poll() is not None)
    outcome = job.poll()
    assert outcome is not None
    assert not outcome.passed
    assert outcome.text.startswith("the process of the check wrote no outcome: ")
    line.store.close()
