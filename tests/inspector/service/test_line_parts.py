"""Tests the parts of a line: a change does not mix up what two cameras see."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from line_rig import LIVE, LineRig, RecordedRun, write_line
from part_runs import read_rows
from waiting import wait_for

from inspector.core.types import Frame
from inspector.sources.synthetic import SyntheticSource

FRAMES = 120


def read_parts(rig: LineRig) -> list[dict[str, Any]]:
    """The lines `part` of all runs and sources."""
    runs = [run for name in ("left", "right") for run in rig.runs(name)]
    return [record for run in runs for record in run.of_type("part")]


def test_counted_frames_of_two_cameras_stay_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right camera is slower, so it is several parts behind at each change. A part has two
    pictures on the left and one on the right."""
    read, changed = SyntheticSource.read, threading.Event()

    def read_slowly(source: SyntheticSource) -> Frame | None:
        """Nearly stops before the end of the file until all changes are made."""
        is_near_end = source._next > 0.75 * (source.info.frame_count or 0)
        changed.wait(1.0 if is_near_end else 8e-3 if source.info.fps == 50 else 1e-3)
        return read(source)

    monkeypatch.setattr(SyntheticSource, "read", read_slowly)
    web = {"uri": "synthetic", "frame_size": "64x48"}
    sources = [
        {
            "name": "left",
            "source": web | {"fps": 100, "synthetic": {"frames": FRAMES}},
            "parts": {"frames": 2},
        },
        {"name": "right", "source": web | {"fps": 50, "synthetic": {"frames": FRAMES // 2}}},
    ]
    parts = {"enabled": True, "by": "frame", "join": True}
    with LineRig(write_line(tmp_path, sources=sources, source={}, parts=parts)) as rig:
        for _ in range(3):
            time.sleep(0.05)
            assert rig.ask("reload").done
        changed.set()
        rig.join(30)
    assert rig.error is None
    lines = read_parts(rig)
    assert len(rig.runs("left")) > 1
    assert len(lines) == FRAMES // 2
    assert [line["verdict"] for line in lines] == ["PASS"] * (FRAMES // 2)
    assert all([view["frames"] for view in line["views"]] == [2, 1] for line in lines)
    rows = [
        row for path in sorted(rig.folder.glob("[0-9]*")) for row in read_rows(path / "parts.csv")
    ]
    assert len(rows) == FRAMES // 2
    for path in rig.folder.glob("[0-9]*"):
        left, right = (RecordedRun(path / name).summary for name in ("left", "right"))
        assert left["captured"] == 2 * right["captured"]


def test_a_program_announces_parts_to_the_current_run(tmp_path: Path) -> None:
    sources = [{"name": name, "source": LIVE | {"fps": 20}} for name in ("left", "right")]
    parts = {"enabled": True, "by": "trigger", "window_s": 0.4, "join": True, "timeout_s": 5.0}
    with LineRig(write_line(tmp_path, sources=sources, source={}, parts=parts)) as rig:
        for part_id in ("A", "B"):
            rig.wait_for_frames()
            rig.line.trigger(part_id)
            wait_for(lambda name=part_id: name in {p["part_id"] for p in read_parts(rig)})
            assert rig.ask("reload").done
    lines = read_parts(rig)
    assert sorted(line["part_id"] for line in lines) == ["A", "B"]
    assert all(view["frames"] > 0 for line in lines for view in line["views"])
    assert [len(read_rows(rig.folder / n / "parts.csv")) for n in ("0001", "0002", "0003")] == [
        1,
        1,
        0,
    ]
