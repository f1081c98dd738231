"""Tests cameras that a trigger fires, in a session and in a line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from draining import draining
from fired_camera import FiredCamera
from line_rig import LineRig, RecordedRun, write_line
from log_lines import warnings_of
from waiting import wait_for

from inspector.config import make_config
from inspector.core.trace import TraceFields
from inspector.machine.controls import TriggerMessage
from inspector.service import line_sessions
from inspector.session import Session

PARTS = {"enabled": True, "by": "trigger", "frames": 1, "timeout_s": 1.0, "window_s": 1.0}


@contextmanager
def running(folder: Path, cameras: Mapping[str, FiredCamera], **parts: Any) -> Iterator[Session]:
    """A session on the cameras, until the end of the block."""
    join = len(cameras) > 1
    config = make_config(
        {
            "engine": {"backend": "fake"},
            "verdict": {"image_threshold": 9, "pixel_threshold": 9},
            "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
            "parts": PARTS | {"join": join} | parts,
            "sources": [{"name": name, "source": {"uri": "0"}} for name in cameras],
        }
    )
    with draining(Session(config, opener=lambda name, options: cameras[name])) as session:
        yield session


def lines_of(folder: Path, *names: str) -> list[dict[str, Any]]:
    runs = (RecordedRun(folder / "out" / name) for name in names)
    return [line for run in runs for line in run.of_type("part")]


def send(session: Session, part_id: str, **fields: str) -> bool:
    return session.take_trigger(TriggerMessage(part_id=part_id, **fields))


def test_each_trigger_makes_one_picture_of_each_camera(tmp_path: Path) -> None:
    cameras = {"top": FiredCamera(), "side": FiredCamera()}
    with running(tmp_path, cameras) as session:
        for number in range(5):
            assert send(session, f"p{number}", serial=f"S{number}")
            wait_for(lambda n=number: all(r.pipeline.stats.inspected > n for r in session.runs))
    lines = lines_of(tmp_path, "top", "side")
    assert [(line["part_id"], line["verdict"]) for line in sorted(lines, key=_part_id)] == [
        (f"p{number}", "PASS") for number in range(5)
    ]
    assert {line["serial"] for line in lines} == {f"S{number}" for number in range(5)}
    assert all([view["frames"] for view in line["views"]] == [1, 1] for line in lines)
    assert [camera.fired for camera in cameras.values()] == [5, 5]


def _part_id(line: dict[str, Any]) -> str:
    return str(line["part_id"])


def test_a_camera_that_is_away_makes_the_part_an_error(tmp_path: Path) -> None:
    cameras = {"top": FiredCamera()}
    cameras["top"].is_away = True
    with warnings_of() as lines, running(tmp_path, cameras, timeout_s=0.2, window_s=0.1) as session:
        assert send(session, "A")
        wait_for(lambda: lines_of(tmp_path, "top"))
    (line,) = lines_of(tmp_path, "top")
    assert (line["verdict"], line["cause"]) == ("ERROR", "not_seen")
    assert any("top: the camera was not triggered: the camera is away" in text for text in lines)


def test_a_program_that_announces_parts_fires_the_camera(tmp_path: Path) -> None:
    cameras = {"top": FiredCamera()}
    with running(tmp_path, cameras) as session:
        session.trigger("A", trace=TraceFields(lot="L7"))
        wait_for(lambda: lines_of(tmp_path, "top"))
        with pytest.raises(ValueError, match="part_id has more than 200 characters"):
            session.trigger("x" * 201)
    (line,) = lines_of(tmp_path, "top")
    assert (line["part_id"], line["lot"], line["frames"]) == ("A", "L7", 1)
    assert cameras["top"].fired == 1


def test_a_session_without_triggers_refuses_them(tmp_path: Path) -> None:
    changes = {"by": "frame", "window_s": None, "join": False}
    with running(tmp_path, {"top": FiredCamera()}, **changes) as session:
        assert not send(session, "A")
        with pytest.raises(TypeError, match="no source takes triggers"):
            session.trigger("A")


def test_a_line_fires_its_camera_in_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = FiredCamera()
    monkeypatch.setattr(line_sessions, "open_source", lambda options: camera)
    with LineRig(write_line(tmp_path, source={"uri": "0"}, parts=PARTS)) as rig:
        for number in (1, 2):
            answer = rig.line.receive_trigger(TriggerMessage(f"p{number}"), "http:127.0.0.1")
            assert answer.outcome == "accepted"
            wait_for(lambda n=number: len(_parts(rig)) == n)
            assert rig.ask("reload").done
        assert rig.line.state().triggers["accepted"] == 2
    assert [line["verdict"] for line in _parts(rig)] == ["PASS", "PASS"]
    assert camera.fired == 2


def _parts(rig: LineRig) -> list[dict[str, Any]]:
    return [line for run in rig.runs() for line in run.of_type("part")]
