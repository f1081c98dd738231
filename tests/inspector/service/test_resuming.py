"""Tests what a line says and leaves when it ends, stops or fails."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from line_rig import LineRig, wait_for, write_line

from inspector.config import load_config
from inspector.core.errors import InspectorError
from inspector.service.attending import attend
from inspector.service.notify import Notifier
from inspector.service.unfinished import FILE
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


def test_a_selector_that_cannot_be_made_is_refused_before_the_line_starts(tmp_path: Path) -> None:
    select = [{"kind": "mqtt", "host": "broker"}]
    config = write_line(tmp_path, recipes={"select": select})
    assert load_config(config, {}).recipes.select == tuple(select)
    with pytest.raises(InspectorError, match=r"recipes\.select\[0\]\.topic is missing"):
        ResumedLine(config)
