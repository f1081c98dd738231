"""Tests what a line says and leaves when it ends, stops or fails."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from line_rig import LineRig, write_line
from log_lines import warnings_of
from waiting import wait_for

from inspector.config import load_config
from inspector.core.errors import InspectorError
from inspector.core.events import Event
from inspector.core.types import Inspection
from inspector.interruption import InterruptionStage
from inspector.service import resuming as resuming_module
from inspector.service.attending import attend
from inspector.service.notify import Notifier
from inspector.service.resuming import Resuming
from inspector.service.unfinished import FILE, MarkedRun, read_marker, write_marker
from inspector.store.alarms import find_alarms
from inspector.store.database import Store
from tools.replay import main as replay


class ResumedLine(LineRig):
    """A line with its attendants."""

    def __init__(self, config: Path) -> None:
        super().__init__(config)
        attend(self.line, Notifier())

    @property
    def marker(self) -> Path:
        return self.folder / FILE


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a line whose frames can be judged again."""
    output = {"dir": str(tmp_path / "runs" / "{number}"), "video": {"enabled": False}}
    output |= {"originals": {"enabled": True, "format": "bmp"}}
    return write_line(tmp_path, output=output)


@pytest.fixture
def store(config: Path) -> Iterator[Store]:
    store = Store(config.parent / "runs" / "store.sqlite")
    yield store
    store.close()


def test_a_line_that_ends_in_order_leaves_no_marker(config: Path, store: Store) -> None:
    with ResumedLine(config) as rig:
        wait_for(rig.marker.exists)
        assert str(rig.folder / "0001") in rig.marker.read_text()
        assert rig.ask("reload").done
        wait_for(lambda: str(rig.folder / "0002") in rig.marker.read_text())
    assert rig.code == 0
    assert not rig.marker.exists()
    with ResumedLine(config) as rig:
        rig.wait_for_frames()
    assert rig.runs()[-1].of_type("health") == []
    assert find_alarms(store) == []


def test_a_line_that_is_stopped_by_a_request_is_not_interrupted(config: Path) -> None:
    with ResumedLine(config) as rig:
        wait_for(rig.marker.exists)
        assert rig.ask("stop").done
        wait_for(lambda: not rig.marker.exists())
        assert rig.ask("start").done
        wait_for(rig.marker.exists)


def test_after_an_error_the_next_start_says_how_long_nothing_was_inspected(
    config: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = ResumedLine(config)
    fails = threading.Event()
    turn = rig.line.attendants.turn

    def fail() -> None:
        turn()
        if fails.is_set():
            raise InspectorError("the main loop fails")

    monkeypatch.setattr(rig.line.attendants, "turn", fail)
    rig.start()
    wait_for(rig.marker.exists)
    rig.wait_for_frames()
    fails.set()
    rig.join(30)
    assert str(rig.error) == "the main loop fails"
    assert rig.marker.exists()
    last = rig.runs()[-1].of_type("measured")[-1]
    with ResumedLine(config) as rig:
        rig.wait_for_frames()
        wait_for(lambda: find_alarms(store))
    run = rig.runs()[-1]
    (event,) = run.of_type("health")
    first = run.of_type("measured")[0]
    assert (event["condition"], event["state"]) == ("interrupted", "end")
    seconds = (first["captured_ns"] - last["captured_ns"]) / 1e9
    assert event["value"] == pytest.approx(seconds, abs=0.002)
    assert event["message"] in run.summary["warnings"]
    (alarm,) = find_alarms(store)
    assert (alarm.kind, alarm.source, alarm.text) == ("interrupted", "main", event["message"])
    assert not rig.marker.exists()
    assert replay([str(run.folder)]) == 0


def test_a_run_after_a_change_says_what_the_run_before_could_not(config: Path) -> None:
    sees = threading.Event()

    class LateStage(InterruptionStage):
        """The first run has no frame for it."""

        def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
            return super().see(inspection) if sees.is_set() else (inspection, ())

    rig = LineRig(config)
    rig.line.interruptions = {"main": LateStage(lambda frame: ("it was blind", 3.0))}
    with rig:
        rig.wait_for_frames()
        assert rig.ask("reload").done
        sees.set()
        wait_for(lambda: not rig.line._unsaid_interruptions())
        assert rig.ask("reload").done
    events = [run.of_type("health") for run in rig.runs()]
    assert [len(of_run) for of_run in events] == [0, 1, 0]


class Camera:
    """One source of a line, and the run that reads it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.stats = SimpleNamespace(inspected=0, errored=0)
        self.pipeline = SimpleNamespace(stats=self.stats)
        self.info = SimpleNamespace(source_name=name, output_dir=folder / name)


def make_line(runs: Sequence[Camera], interruptions: dict[str, Any]) -> Any:
    """left: what the store was told to follow no longer."""
    left: list[Path | None] = []
    line = SimpleNamespace(runs=runs, stop_is_asked=False, interruptions=interruptions, left=left)
    line.store = SimpleNamespace(leave=left.append)
    return line


def test_a_camera_without_frames_keeps_its_run_in_the_marker(store: Store, tmp_path: Path) -> None:
    folder = store.path.parent
    before = {name: MarkedRun(tmp_path / "old" / name, "boot") for name in ("left", "right")}
    write_marker(folder, before)
    cameras = [Camera("left", tmp_path), Camera("right", tmp_path)]
    line = make_line(cameras, {})
    resuming = Resuming(line, store, str(tmp_path / "none"))
    resuming.turn()
    assert read_marker(folder) == before
    cameras[0].stats.inspected = 1
    resuming.turn()
    marked = read_marker(folder)
    assert marked["right"] == before["right"]
    assert marked["left"].folder == tmp_path / "left"
    cameras[1].stats.errored = 1
    resuming.turn()
    assert read_marker(folder)["right"].folder == tmp_path / "right"
    assert line.left == [None]


def test_the_marker_waits_until_the_interruption_is_said(store: Store, tmp_path: Path) -> None:
    write_marker(store.path.parent, {"left": MarkedRun(tmp_path / "old", "boot")})
    camera = Camera("left", tmp_path)
    camera.stats.inspected = 1
    stage = InterruptionStage(lambda frame: ("it was blind", 3.0))
    line = make_line([camera], {"left": stage})
    resuming = Resuming(line, store, str(tmp_path / "none"))
    resuming.turn()
    assert read_marker(store.path.parent)["left"].folder == tmp_path / "old"
    stage.sentences.append("it was blind")
    resuming.turn()
    assert read_marker(store.path.parent)["left"].folder == tmp_path / "left"


def test_an_alarm_that_cannot_be_stored_is_tried_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = make_line([], {})
    resuming = Resuming(line, store, str(tmp_path / "none"))
    stage = InterruptionStage(lambda frame: ("it was blind", 3.0))
    stage.sentences.append("it was blind")
    resuming._unreported = {"left": stage}
    with store.transaction() as db:
        db.execute("ALTER TABLE alarms RENAME TO gone")
    with warnings_of() as lines:
        resuming.turn()
        monkeypatch.setattr(resuming_module, "_RETRY_S", 0.0)
        resuming.turn()
    assert sum("has no alarm about it yet" in text for text in lines) == 1
    with store.transaction() as db:
        db.execute("ALTER TABLE gone RENAME TO alarms")
    resuming.turn()
    resuming.turn()
    (alarm,) = find_alarms(store)
    assert (alarm.text, alarm.count, alarm.source) == ("it was blind", 1, "left")


def test_a_selector_that_cannot_be_made_is_refused_before_the_line_starts(tmp_path: Path) -> None:
    select = [{"kind": "mqtt", "host": "broker"}]
    config = write_line(tmp_path, recipes={"select": select})
    assert load_config(config, {}).recipes.select == tuple(select)
    with pytest.raises(InspectorError, match=r"recipes\.select\[0\]\.topic is missing"):
        ResumedLine(config)
