"""Tests the requests to a running line, SIGHUP, signals during a change, and attendants."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from line_rig import LIVE, LineRig, RecordedRun, write_line
from waiting import wait_for

from engines.backends.fake import FakeEngine
from inspector.app import main
from inspector.core.errors import ConfigError
from inspector.service.line_requests import Reply
from inspector.service.line_state import NextSource, NextStart
from inspector.service.settings import Settings, ThresholdSetting, write_settings
from inspector.store.alarms import find_alarms, raise_alarm
from inspector.store.audit import find_changes
from inspector.store.requests import Request
from tools.line import main as ask

WEB = {"uri": "synthetic", "frame_size": "64x48", "fps": 100}


def test_a_line_stops_and_starts_again(tmp_path: Path) -> None:
    with LineRig(write_line(tmp_path)) as rig:
        rig.wait_for_frames()
        assert rig.ask("stop").done
        wait_for(lambda: (rig.runs()[0].folder / "summary.json").exists())
        wait_for(lambda: rig.line.state().sources[0].state == "stopped")
        assert rig.line.state().state == "stopped"
        assert rig.ask("stop").text == "the line is stopped already"
        assert rig.ask("thresholds", source="main", image_threshold=7.5).text == (
            "the thresholds of main are changed from the next start on"
        )
        next_source = NextSource("main", None, 7.5, 9.0)
        assert rig.line.state().next_start == NextStart(None, (next_source,))
        assert "main: image threshold 7.5, pixel threshold 9" in rig.ask("status").text
        assert rig.ask("start").done
        assert rig.ask("start").text == "the line is inspecting already"
        rig.wait_for_frames()
        assert rig.line.state().next_start is None
        whats = [change.what for change in find_changes(rig.line.store.store)]
    assert whats == ["start", "verdict.image_threshold", "stop"]
    second = rig.runs()[1]
    (changed,) = second.of_type("config_changed")
    assert (changed["key"], changed["new"]) == ("verdict.image_threshold", 7.5)
    assert (changed["who"], changed["why"]) == ("m.weber", "a test")
    assert second.records[0]["continues"] is None
    assert second.summary["image_threshold"] == 7.5
    assert rig.code == 0


@pytest.mark.parametrize("who", ["m.weber", "unknown: changed while the line did not run"])
def test_a_change_between_two_processes_is_recorded(tmp_path: Path, who: str) -> None:
    config = write_line(tmp_path, store={"enabled": True})
    with LineRig(config) as rig:
        rig.wait_for_frames()
        assert rig.ask("stop").done
        if who == "m.weber":
            assert rig.ask("thresholds", source="main", image_threshold=7.5).done
    if who != "m.weber":
        setting = ThresholdSetting("main", image_threshold=7.5)
        write_settings(rig.folder / "settings.yaml", Settings(thresholds=(setting,)))
    with LineRig(config) as rig:
        rig.wait_for_frames()
        store = rig.line.store.store
        wait_for(lambda: [c for c in find_changes(store) if c.new == 7.5])
        change = find_changes(store)[0]
    assert (change.who, change.what, change.new) == (who, "verdict.image_threshold", 7.5)
    (changed,) = rig.runs()[1].of_type("config_changed")
    assert (changed["who"], changed["key"]) == (who, "verdict.image_threshold")


def test_a_line_waits_when_its_sources_have_ended(tmp_path: Path) -> None:
    source = WEB | {"synthetic": {"frames": 4}}
    service = {"enabled": True, "when_sources_end": "wait"}
    with LineRig(write_line(tmp_path, source=source, service=service)) as rig:
        wait_for(lambda: rig.line.state().state == "ended")
        assert rig.ask("start").done
        wait_for(lambda: rig.line.state().state == "ended")
    assert [len(run.of_type("measured")) for run in rig.runs()] == [4, 4]
    assert rig.runs()[1].summary["status"] == "finished"


def test_another_source_needs_a_new_start_of_the_program(tmp_path: Path) -> None:
    config = write_line(tmp_path)
    with LineRig(config) as rig:
        rig.wait_for_frames()
        assert rig.ask("stop").done
        values = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump(values | {"source": LIVE | {"fps": 7}}))
        answer = rig.ask("reload")
        assert not answer.done
        assert "source.fps can change only with a new start" in answer.text
        assert rig.ask("start").done


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        ("dance", {}, "this line cannot do 'dance'"),
        ("thresholds", {"source": "left"}, "thresholds.source must be one of main"),
        ("thresholds", {"source": ["main"]}, "thresholds.source must be one of main"),
        ("thresholds", {"source": "main", "pixel_threshold": "high"}, "thresholds.pixel_threshold"),
        ("thresholds", {"source": "main", "colour": 3}, "unknown key thresholds.colour"),
        ("recipe", {}, "missing key recipe.name"),
        ("recipe", {"name": "lid"}, "there are no recipes: set recipes.dir"),
        ("acknowledge", {"alarm": 99}, "there is no such alarm"),
        ("acknowledge", {}, "missing key acknowledge.alarm"),
        (
            "thresholds",
            {"source": "main", "image_threshold": 8, "expected": {"image_threshold": 3.0}},
            "the image threshold changed since this page was loaded",
        ),
        ("stop", {"when": "now"}, "unknown key stop.when"),
    ],
)
def test_bad_requests_are_refused_with_a_sentence(
    tmp_path: Path, kind: str, arguments: dict[str, Any], sentence: str, rig: LineRig
) -> None:
    answer = rig.ask(kind, **arguments)
    assert not answer.done
    assert sentence in answer.text


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with LineRig(write_line(tmp_path_factory.mktemp("line"))) as rig:
        yield rig
    assert len(rig.runs()) == 1


def test_a_locked_line_refuses_thresholds(tmp_path: Path) -> None:
    with LineRig(write_line(tmp_path, mode="locked")) as rig:
        answer = rig.ask("thresholds", source="main", image_threshold=1)
        assert not answer.done
        assert answer.text.startswith("the mode is locked")
        assert rig.ask("reload").done


def test_a_person_acknowledges_an_alarm_by_name(tmp_path: Path) -> None:
    with LineRig(write_line(tmp_path)) as rig:
        store = rig.line.store.store
        number = raise_alarm(store, kind="check", text="missed", locks_release=True)
        assert rig.line.state().release_locked
        assert rig.ask("acknowledge", alarm=number).done
        assert not rig.line.state().release_locked
        (alarm,) = find_alarms(store, open_only=False)
        assert (alarm.who, alarm.note) == ("m.weber", "a test")


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    config = write_line(tmp_path)
    values = yaml.safe_load(config.read_text())
    with LineRig(config) as rig:
        rig.wait_for_frames()
        config.write_text(yaml.safe_dump(values | {"verdict": {"image_threshold": 5}}))
        rig.line._operator._on_signal(signal.SIGHUP, None)
        wait_for(lambda: rig.line.state().message == "the configuration was read again")
        config.write_text(yaml.safe_dump(values | {"source": LIVE | {"fps": 7}}))
        rig.line._operator._on_signal(signal.SIGHUP, None)
        wait_for(lambda: rig.line.desk._reloads_done == 2)
        config.write_text("verdict: {image_threshold: 4")
        assert "is not YAML" in rig.ask("reload").text
        rig.wait_for_frames()
    assert [run.summary["image_threshold"] for run in rig.runs()] == [9, 5]
    changed = {event["key"]: event["who"] for event in rig.runs()[1].of_type("config_changed")}
    assert changed == {
        "verdict.image_threshold": "line-inspector",
        "verdict.pixel_threshold": "line-inspector",
    }


@pytest.mark.usefixtures("usual_signal_stack")
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_a_signal_ends_the_line_while_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: list[int]
) -> None:
    warm_up, release, opened = FakeEngine.warm_up, threading.Event(), threading.Event()
    engines: list[FakeEngine] = []

    def wait(engine: FakeEngine) -> None:
        engines.append(engine)
        if len(engines) > 1:
            opened.set()
            release.wait(20)
        warm_up(engine)

    monkeypatch.setattr(FakeEngine, "warm_up", wait)
    config = write_line(tmp_path, service={"enabled": True, "rotate_hours": 0.2 / 3600})

    def press() -> None:
        opened.wait(20)
        for number in signals:
            os.kill(os.getpid(), number)
            threading.Event().wait(0.3)
        release.set()

    keys = threading.Thread(target=press)
    keys.start()
    assert main(["--config", str(config)]) == (130 if signal.SIGINT in signals else 0)
    keys.join()
    assert opened.is_set()
    folders = sorted((tmp_path / "runs").glob("[0-9]*"))
    assert [path.name for path in folders] == ["0001"]
    summary = RecordedRun(folders[0]).summary
    assert summary["status"] == "stopped"
    assert summary["captured"] > 0


class Attendant:
    turns = 0
    stopped = False

    def turn(self) -> None:
        self.turns += 1

    def stop(self) -> None:
        self.stopped = True


def test_other_parts_attend_the_line_and_do_their_kinds_of_requests(tmp_path: Path) -> None:
    undone: list[str] = []

    def accept(request: Request) -> Reply:
        if request.arguments["candidate"] == "worse":
            raise ConfigError("it is worse")
        undo = lambda: undone.append(request.arguments["candidate"])  # noqa: E731
        return Reply("the engine is in use", renews=True, undo=undo)

    rig = LineRig(write_line(tmp_path))
    attendant = Attendant()
    rig.line.attendants.add(attendant)
    rig.line.desk.add_kind("accept_engine", accept)
    with rig:
        assert rig.ask("accept_engine", candidate="worse").text == "it is worse"
        assert rig.ask("accept_engine", candidate="better").text == "the engine is in use"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FakeEngine, "warm_up", lambda _: 1 / 0)
            assert not rig.ask("accept_engine", candidate="broken").done
        assert undone == ["broken"]
        assert rig.ask("thresholds", source="main", image_threshold=1).done
        assert undone == ["broken"]
    assert len(rig.runs()) == 3
    assert attendant.turns > 1
    assert attendant.stopped


def test_the_command_sends_requests_from_another_process(tmp_path: Path) -> None:
    config = write_line(tmp_path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tools", "line", "--config", str(config), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    with LineRig(config) as rig:
        rig.wait_for_frames()
        done = run("--who", "ann", "--why", "seam", "thresholds", "--image", "7.5")
        assert (done.returncode, done.stdout) == (0, "the thresholds of main are changed\n")
        refused = run("recipe", "lid")
        assert refused.returncode == 1
        assert "refused: nothing was changed: there are no recipes" in refused.stderr
        change = find_changes(rig.line.store.store)[0]
        assert (change.who, change.new, change.why) == ("ann", 7.5, "seam")


def test_the_command_explains_what_it_cannot_send(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(write_line(tmp_path))]
    assert ask([*config, "status"]) == 2
    assert "has the line ever run?" in capsys.readouterr().err
    with LineRig(Path(config[1])):
        for text in ("high", "nan", "inf"):
            assert ask([*config, "thresholds", "--image", text]) == 2
            assert "a threshold is a number or default" in capsys.readouterr().err
        assert ask([*config, "thresholds"]) == 2
        assert ask([*config, "status"]) == 0
        out = capsys.readouterr().out
        assert "running since" in out
        assert "main: running, captured" in out
    assert ask([*config, "--timeout", "0.1", "status"]) == 1
    assert "no line took the request" in capsys.readouterr().err
