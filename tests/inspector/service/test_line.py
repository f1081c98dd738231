"""Tests the changes of a line: between two frames, nothing lost, nothing doubled."""

import contextlib
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from line_rig import LIVE, LineRig, RecordedRun, write_line
from record_schema import check_log
from waiting import wait_for

from engines.backends.fake import FakeEngine
from inspector.core.errors import ConfigError
from inspector.core.types import Frame
from inspector.service.settings import read_settings
from inspector.session import Session
from inspector.sources.synthetic import SyntheticSource
from inspector.store.audit import find_changes
from inspector.store.database import Store
from tools.verify import main as verify

FILE = {"uri": "synthetic", "frame_size": "64x48", "fps": 100, "synthetic": {"frames": 500}}


def check_runs(runs: list[RecordedRun]) -> None:
    """Every run continues the one before, is balanced, and has frames numbered from 0."""
    for before, run in zip([None, *runs], runs, strict=False):
        expected = None if before is None else {"run_id": before.summary["run_id"]}
        assert run.records[0]["continues"] == expected
        summary = run.summary
        assert summary["captured"] == sum(summary[n] for n in ("inspected", "dropped", "errored"))
        ids = [record["frame_id"] for record in run.of_type("measured")]
        assert ids == sorted(set(ids))
        assert len(ids) == summary["inspected"]
        assert all(0 <= number < summary["captured"] for number in ids)


def change_often(rig: LineRig, seed: int, count: int) -> None:
    """Changes a threshold at random times."""
    times = random.Random(seed)
    for number in range(count):
        time.sleep(0.1 * times.random())
        assert rig.ask("thresholds", source=rig.source, image_threshold=10 + number).done


def test_changes_are_in_the_audit_trail_before_their_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[list[Any]] = []
    start = Session.start

    def look(session: Session) -> None:
        with contextlib.closing(Store(tmp_path / "runs" / "store.sqlite")) as store:
            stored.append([(change.what, change.new) for change in find_changes(store)])
        start(session)

    monkeypatch.setattr(Session, "start", look)
    with LineRig(write_line(tmp_path, store={"enabled": True})) as rig:
        rig.wait_for_frames()
        assert rig.ask("thresholds", source="main", image_threshold=7.5).done
        rig.wait_for_frames()
    verdict = {"image_threshold": 9, "pixel_threshold": 5}
    with LineRig(write_line(tmp_path, store={"enabled": True}, verdict=verdict)) as rig:
        rig.wait_for_frames()
    of_request, of_file = ("verdict.image_threshold", 7.5), ("verdict.pixel_threshold", 5.0)
    assert [entries[:1] for entries in stored] == [[], [of_request], [of_file]]


def test_a_request_begins_a_new_run_between_two_frames(tmp_path: Path) -> None:
    with LineRig(write_line(tmp_path)) as rig:
        rig.wait_for_frames()
        answer = rig.ask("thresholds", source="main", image_threshold=7.5)
        assert answer.done, answer.text
        rig.wait_for_frames()
        changes = find_changes(rig.line.store.store)
        assert rig.line.state().message == "the thresholds of main are changed"
    assert (rig.code, rig.error) == (0, None)
    first, second = rig.runs()
    check_runs([first, second])
    assert (first.summary["status"], second.summary["status"]) == ("stopped", "stopped")
    assert second.summary["image_threshold"] == 7.5
    (event,) = second.of_type("config_changed")
    assert {key: event[key] for key in ("frame_id", "key", "old", "new", "who", "why")} == {
        "frame_id": second.of_type("measured")[0]["frame_id"],
        "key": "verdict.image_threshold",
        "old": 9,
        "new": 7.5,
        "who": "m.weber",
        "why": "a test",
    }
    check_log(second.folder / "inspections.jsonl")
    assert verify([str(first.folder), str(second.folder)]) == 0
    assert [(c.who, c.what, c.old, c.new, c.why) for c in changes] == [
        ("m.weber", "verdict.image_threshold", 9, 7.5, "a test")
    ]
    assert read_settings(rig.folder / "settings.yaml").thresholds[0].image_threshold == 7.5


def test_every_frame_of_a_file_is_in_exactly_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, changed = SyntheticSource.read, threading.Event()

    def read_slowly(source: SyntheticSource) -> Frame | None:
        """Nearly stops before the end of the file until all changes are made."""
        changed.wait(4e-3 if source._next < 400 else 0.5)
        return read(source)

    monkeypatch.setattr(SyntheticSource, "read", read_slowly)
    with LineRig(write_line(tmp_path, source=FILE)) as rig:
        change_often(rig, 7, 8)
        changed.set()
        rig.join(60)
    assert (rig.code, rig.error) == (0, None)
    runs = rig.runs()
    assert len(runs) == 9
    check_runs(runs)
    times_s = [record["pts_s"] for run in runs for record in run.of_type("measured")]
    assert times_s == pytest.approx([number / 100 for number in range(500)])
    # A change that the end of the file interrupts may leave a run without a frame.
    statuses = [run.summary["status"] for run in runs if run.summary["captured"]]
    assert statuses == ["stopped"] * (len(statuses) - 1) + ["finished"]


def test_every_frame_of_live_sources_is_in_exactly_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_ns: dict[int, list[int]] = {}
    read = SyntheticSource.read

    def note(source: SyntheticSource) -> Frame | None:
        frame = read(source)
        if frame is not None:
            given_ns.setdefault(id(source), []).append(frame.captured_ns)
        return frame

    monkeypatch.setattr(SyntheticSource, "read", note)
    sources = [{"name": name, "source": LIVE} for name in ("left", "right")]
    with LineRig(write_line(tmp_path, sources=sources, source={})) as rig:
        rig.wait_for_frames()
        change_often(rig, 3, 6)
        rig.wait_for_frames()
    for name in ("left", "right"):
        runs = rig.runs(name)
        assert len(runs) == 7
        check_runs(runs)
        captured_ns = [r["captured_ns"] for run in runs for r in run.of_type("measured")]
        (all_ns,) = [times for times in given_ns.values() if captured_ns[0] in times]
        assert captured_ns == sorted(set(captured_ns))
        assert set(captured_ns) <= set(all_ns)
        assert sum(run.summary["captured"] for run in runs) == len(all_ns)
    for folder in rig.folder.glob("[0-9]*"):
        total = RecordedRun(folder).summary["total"]
        assert total["captured"] == total["inspected"] + total["dropped"] + total["errored"]


def test_a_silent_camera_does_not_hold_up_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, gate, waiting = SyntheticSource.read, threading.Event(), threading.Event()

    def wait(source: SyntheticSource) -> Frame | None:
        if source._next == 5:
            waiting.set()
            gate.wait(20)
        return read(source)

    monkeypatch.setattr(SyntheticSource, "read", wait)
    with LineRig(write_line(tmp_path)) as rig:
        assert waiting.wait(20)
        assert rig.ask("thresholds", source="main", image_threshold=7.5).done
        assert rig.line.state().sources[0].captured == 0
        gate.set()
        rig.wait_for_frames()
    first, second = rig.runs()
    check_runs([first, second])
    assert first.summary["captured"] == 5
    assert second.summary["captured"] > 0


def test_an_engine_that_does_not_open_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineRig(write_line(tmp_path)) as rig:
        rig.wait_for_frames()

        def fail(_: FakeEngine) -> None:
            raise ValueError("no memory")

        monkeypatch.setattr(FakeEngine, "warm_up", fail)
        answer = rig.ask("thresholds", source="main", image_threshold=7.5)
        assert (answer.done, answer.state) == (False, "refused")
        assert "nothing was changed: stage infer failed: ValueError: no memory" in answer.text
        assert rig.line.state().state == "running"
        rig.wait_for_frames(rig.line.state().sources[0].inspected + 3)
    assert rig.code == 0
    assert len(rig.runs()) == 1
    assert sorted(path.name for path in rig.folder.glob("[0-9]*")) == ["0001"]
    assert not (rig.folder / "settings.yaml").exists()


def test_a_line_begins_a_new_run_after_a_time(tmp_path: Path) -> None:
    service = {"enabled": True, "rotate_hours": 0.3 / 3600}
    with LineRig(write_line(tmp_path, service=service)) as rig:
        wait_for(lambda: len(rig.runs()) >= 3)
        rig.wait_for_frames()
    runs = rig.runs()
    check_runs(runs)
    assert all(run.of_type("config_changed") == [] for run in runs)


def test_two_lines_do_not_share_a_store(tmp_path: Path) -> None:
    config = write_line(tmp_path)
    with LineRig(config) as rig:
        with pytest.raises(ConfigError, match="another run is writing to"):
            LineRig(config)
        assert rig.ask("status").done


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    config = write_line(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "settings.yaml").write_text("thresholds: [{source: main, pixel: 3}]")
    with pytest.raises(ConfigError, match=r"settings\.yaml: unknown key thresholds\[0\]\.pixel"):
        LineRig(config)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"output": {"dir": "runs/all"}}, "output.dir: a line makes a new folder for each run"),
        ({"recipes": {"start": "lid"}}, "recipes.start needs recipes.dir"),
        ({"source": {}}, "source.uri: no source is named"),
        ({"sources": [{"name": "a"}], "source": {}}, "sources, a: source.uri: no source is named"),
        ({"service": {"rotate_hours": 0, "enabled": True}}, "service.rotate_hours must be above 0"),
    ],
)
def test_a_configuration_that_is_none_for_a_line_is_refused(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        LineRig(write_line(tmp_path, **changes))
    assert not (tmp_path / "runs").exists()


def test_a_line_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    values: dict[str, Any] = {"sources": [{"name": n, "source": LIVE} for n in ("left", "right")]}
    values["sources"][0]["calibration"] = {"path": str(tmp_path / "missing.yaml")}
    rig = LineRig(write_line(tmp_path, source={}, **values))
    rig.start()
    rig.join(20)
    assert rig.error is not None
    assert "missing.yaml" in str(rig.error)
    assert list(rig.folder.glob("[0-9]*")) == []
