"""Tests that runs and lines pass their verdicts to the state outputs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from line_rig import LIVE, LineRig, write_line
from log_lines import warnings_of
from machine_parts import RecordingOutput, append_signal, read_signals
from output_parts import run_info
from part_runs import write_belt
from run_process import PACED, start
from waiting import wait_for

from inspector.config import load_config
from inspector.core.errors import ConfigError
from inspector.core.types import Verdict
from inspector.machine.controls import TriggerMessage
from inspector.machine.kinds import STATE_OUTPUTS
from inspector.machine.state import Signal
from inspector.service.attending import attend
from inspector.service.notify import Notifier
from inspector.session import Session
from inspector.sources.synthetic import SyntheticSource
from inspector.state_outputs import StateOutputs, make_state_outputs

STATE = {"kind": "recording", "expiry_ms": 60_000}
FRAMES = 20
OF_FILE = {"source.uri": "synthetic", "source.synthetic.frames": FRAMES}


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RecordingOutput]]:
    """The state outputs that were made."""
    monkeypatch.setitem(STATE_OUTPUTS, "recording", "machine_parts:RecordingOutput")
    RecordingOutput.made.clear()
    yield RecordingOutput.made
    RecordingOutput.made.clear()


def run(folder: Path, settings: dict[str, Any]) -> int:
    keys = {
        "source.frame_size": "64x48",
        "engine.backend": "fake",
        "verdict.pixel_threshold": 9,
        "output.dir": str(folder / "out"),
        "output.video.enabled": False,
        "log.path": None,
        "outputs": [STATE],
    }
    config = load_config(None, keys | settings)
    return Session(config, states=make_state_outputs(config)).run()


def line_rig(folder: Path, **sections: Any) -> LineRig:
    rig = LineRig(write_line(folder, outputs=[STATE], **sections))
    attend(rig.line, Notifier())
    return rig


class Camera:
    """The run of a camera, as far as the state outputs use it."""

    def __init__(self) -> None:
        self.connected = self.is_capturing = True
        self.conditions = ("dirt",)
        self.info = replace(run_info(), config={"parts": {"join": False}})
        self.source = self.pipeline = self.health = self


def test_a_lost_camera_is_not_ready(made: list[RecordingOutput]) -> None:
    camera = Camera()
    states = StateOutputs([STATE], ["main"])
    states.start(SimpleNamespace(runs=[camera], trigger=None))  # type: ignore[arg-type]
    states.turn()
    assert (made[0].state().signal, made[0].state().conditions) == (Signal.REJECT, ("dirt",))
    camera.connected = False
    states.turn()
    assert made[0].state().signal is Signal.NOT_READY
    camera.connected = True
    states.turn()
    assert made[0].state().cause == "waiting"
    camera.is_capturing = False
    states.turn()
    assert made[0].state().signal is Signal.NOT_READY


def test_a_run_shows_each_frame(tmp_path: Path, made: list[RecordingOutput]) -> None:
    assert run(tmp_path, OF_FILE | {"verdict.image_threshold": 9}) == 0
    output = made[0]
    assert [state.heartbeat for state in output.shown] == list(range(1, FRAMES + 1))
    # The first frames can be judged before the board knows that they are captured.
    passed = next(state for state in output.shown if state.signal is Signal.PASS)
    assert (passed.verdict, passed.frame_id) == (Verdict.PASS, passed.heartbeat - 1)
    state = output.state()
    assert (state.signal, state.sequence, state.verdict) == (Signal.NOT_READY, FRAMES, None)
    assert output.is_stopped
    assert not output.controls.counts()[0].waiting


def test_a_run_is_not_ready_while_its_report_is_written(
    tmp_path: Path, made: list[RecordingOutput], monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[Signal] = []
    monkeypatch.setattr(
        "inspector.session.write_session_report", lambda *_: signals.append(made[0].state().signal)
    )
    run(tmp_path, OF_FILE | {"report.enabled": True, "verdict.image_threshold": 9})
    assert signals == [Signal.NOT_READY]


def test_a_run_with_parts_shows_each_part(tmp_path: Path, made: list[RecordingOutput]) -> None:
    belt = write_belt(tmp_path / "belt.mkv", bad_parts=(1, 3))
    settings = {"source.uri": str(belt), "parts.enabled": True, "parts.by": "zone"}
    zone = {"parts.zone": [0.2, 0.2, 0.8, 0.8], "source.frame_size": None}
    run(tmp_path, settings | zone)
    shown = {state.sequence: state for state in made[0].shown if state.sequence}
    assert [shown[number].verdict for number in range(1, 7)] == [
        *(Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.PASS)
    ]
    assert all(shown[number].part_id for number in range(1, 7))
    assert made[0].state().heartbeat == 6 * 15 + 9


def test_joined_parts_are_shown_at_the_station_line(
    tmp_path: Path, made: list[RecordingOutput]
) -> None:
    sources = [{"name": name, "source": {"uri": "synthetic"}} for name in ("left", "right")]
    parts = {"parts.enabled": True, "parts.join": True, "source.synthetic.frames": FRAMES}
    settings = {"sources": sources, "verdict.image_threshold": 9}
    assert run(tmp_path, settings | parts) == 0
    states = made[0].board.states()
    assert list(states) == ["left", "right", "line"]
    assert [states[name].heartbeat for name in states] == [FRAMES, FRAMES, 2 * FRAMES]
    assert [states[name].sequence for name in states] == [0, 0, FRAMES]
    passed = {state.station for state in made[0].shown if state.signal is Signal.PASS}
    assert passed <= {"line"}


def test_a_line_keeps_the_outputs_open_over_a_change(
    tmp_path: Path, made: list[RecordingOutput]
) -> None:
    with line_rig(tmp_path) as rig:
        rig.wait_for_frames()
        wait_for(lambda: made[0].state().signal is Signal.PASS)
        before = made[0].state()
        assert rig.ask("reload").done
        rig.wait_for_frames()
        wait_for(lambda: made[0].state().run_id != before.run_id)
        after = made[0].state()
        made[0].controls.counts()
    first, second = rig.runs()
    assert len(made) == 1
    assert (after.heartbeat > before.heartbeat, after.signal) == (True, Signal.PASS)
    frames = sum(run.summary["captured"] - run.summary["dropped"] for run in (first, second))
    assert made[0].state().heartbeat == frames
    assert made[0].is_stopped
    signals = [state.signal for state in made[0].shown if state.sequence > before.sequence]
    assert Signal.REJECT not in signals


def test_a_line_that_stops_inspecting_is_not_ready(
    tmp_path: Path, made: list[RecordingOutput]
) -> None:
    with line_rig(tmp_path) as rig:
        wait_for(lambda: made[0].state().signal is Signal.PASS)
        assert rig.ask("stop").done
        wait_for(lambda: made[0].state().signal is Signal.NOT_READY)
        assert rig.ask("start").done
        wait_for(lambda: made[0].state().signal is Signal.PASS)


def test_state_outputs_cannot_change_while_a_line_runs(tmp_path: Path) -> None:
    with line_rig(tmp_path) as rig:
        write_line(tmp_path, outputs=[STATE | {"expiry_ms": 500}])
        answer = rig.ask("reload")
    assert not answer.done
    assert "the state outputs in outputs can change only with a new start" in answer.text


def test_the_program_rejects_when_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "signals"
    entry = {"kind": "command", "expiry_ms": 5000, "command": append_signal(path)}
    settings = ["--no-video", "--set", f"outputs={json.dumps([entry])}"]
    settings += ["--set", "verdict.image_threshold=9"]
    process = start(tmp_path / "out", *PACED, *settings)
    try:
        wait_for(lambda: read_signals(path)[-1:] == ["pass"], 60)
        process.kill()
        wait_for(lambda: read_signals(path)[-1] == "reject")
    finally:
        process.kill()
        process.communicate()


def test_a_trigger_reaches_the_runs(tmp_path: Path, made: list[RecordingOutput]) -> None:
    parts = {"enabled": True, "by": "trigger", "frames": 1}
    with line_rig(tmp_path, parts=parts) as rig:
        rig.wait_for_frames()
        made[0].controls.trigger(TriggerMessage("p7"), "plc")
        wait_for(lambda: made[0].state().part_id == "p7")


def test_a_trigger_for_a_source_reaches_that_source_only(
    tmp_path: Path, made: list[RecordingOutput]
) -> None:
    sources = [{"name": name, "source": LIVE} for name in ("left", "right")]
    parts = {"enabled": True, "by": "trigger", "frames": 1}
    with line_rig(tmp_path, source={}, sources=sources, parts=parts) as rig:
        rig.wait_for_frames()
        made[0].controls.trigger(TriggerMessage("p8", source="right"), "plc")
        made[0].controls.trigger(TriggerMessage("p9"), "plc")
        wait_for(lambda: made[0].state("left").part_id and made[0].state("right").sequence == 2)
        assert (made[0].state("left").part_id, made[0].state("left").sequence) == ("p9", 1)


def test_a_trigger_that_is_not_taken_is_an_error(
    tmp_path: Path, made: list[RecordingOutput]
) -> None:
    with line_rig(tmp_path, parts={"enabled": True}) as rig:
        rig.wait_for_frames()
        with pytest.raises(ValueError, match="no run takes triggers now"):
            made[0].controls.trigger(TriggerMessage("p7"), "plc")
        with pytest.raises(ValueError, match="serial has more than 200 characters"):
            made[0].controls.trigger(TriggerMessage(serial="x" * 201), "plc")
        assert rig.line.triggers.counts()["not_taken"] == 1


def test_an_output_that_cannot_open_closes_everything(
    tmp_path: Path, made: list[RecordingOutput], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[SyntheticSource] = []
    monkeypatch.setattr(SyntheticSource, "close", lambda source: closed.append(source))
    broken = {"kind": "command", "expiry_ms": 100, "command": ["no-such-program"]}
    with pytest.raises(ConfigError, match=r"outputs\[1\].command"):
        run(tmp_path, OF_FILE | {"outputs": [STATE, broken]})
    assert made[0].is_stopped
    assert closed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "recording"}, r"missing key outputs\[0\].expiry_ms"),
        ({**STATE, "expiry_ms": 0}, r"outputs\[0\].expiry_ms must lie between 1"),
        ({**STATE, "speed": 1}, r"unknown key outputs\[0\].speed"),
        (
            {"kind": "command", "command": ["true"], "expiry_ms": 9, "station": "left"},
            r"outputs\[0\].station must be one of main, not left",
        ),
        ({"kind": ["mqtt"]}, r"outputs\[0\].kind must be one of mqtt.*, not \['mqtt'\]"),
        ({"kind": "no_kind"}, r"outputs\[0\].kind must be one of .*mqtt_state"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(
    tmp_path: Path, entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, OF_FILE | {"outputs": [entry]})


def test_a_source_cannot_have_the_name_of_the_joined_parts(tmp_path: Path) -> None:
    sources = [{"name": name, "source": {"uri": "synthetic"}} for name in ("left", "line")]
    with pytest.raises(ConfigError, match="the name line is that of the parts"):
        run(tmp_path, {"sources": sources})


def test_without_state_outputs_a_run_has_no_link(tmp_path: Path) -> None:
    settings = OF_FILE | {"engine.backend": "fake", "output.dir": str(tmp_path / "out")}
    config = load_config(None, settings)
    session = Session(config, states=make_state_outputs(config))
    try:
        assert "machine" not in [output.sink.name for output in session.runs[0].outputs]
    finally:
        session.runs[0].source.close()
        session.close()


@pytest.mark.parametrize(("keys", "count"), [({}, 1), ({"parts.window_s": 0.2}, 0)])
def test_a_part_that_only_the_next_trigger_ends_gives_a_warning(keys, count) -> None:
    server = {"kind": "modbus_server", "port": 5020, "expiry_ms": 500}
    parts = {"parts.enabled": True, "parts.by": "trigger"}
    with warnings_of() as lines:
        make_state_outputs(load_config(None, {"outputs": [server]} | parts | keys))
    assert sum("always late" in line for line in lines) == count
