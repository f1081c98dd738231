"""Tests of parts that several cameras see: one verdict, one line and one row for each part."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from flow_rig import write_pictures
from part_runs import part_picture, read_lines, read_rows, read_summary, run_config
from waiting import wait_for

from inspector.config import load_config
from inspector.session import Session

SOURCES = ("left", "right")


def write_views(folder: Path, name: str, part_ids: list[str], bad: str = "") -> dict[str, Any]:
    """Two pictures for each part. bad: part_id of a part with a defect. Returns a source entry."""
    place = write_pictures(folder / name, [part_picture(128)] * 0)
    for part_id in part_ids:
        for number in range(2):
            pictures = [part_picture(128, defect=part_id == bad and number == 1)]
            write_pictures(folder / f"{name}_{part_id}_{number}", pictures)
            source = folder / f"{name}_{part_id}_{number}" / "000.png"
            source.rename(place / f"{part_id}_{number}.png")
    return {"name": name, "source": {"uri": str(place)}}


def run_joined(
    folder: Path, entries: list[dict[str, Any]], *arguments: str, code: int = 0, **parts: Any
) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Runs the sources. Returns the folder and the `part` lines of all logs, each id once."""
    section = {"enabled": True, "join": True, "by": "name", "name_pattern": "^(.+)_", **parts}
    out = run_config(folder, {"sources": entries, "parts": section}, *arguments, code=code)
    lines = [line for name in SOURCES for line in read_lines(out / name, "part")]
    assert set(Counter(line["part_id"] for line in lines).values()) <= {1}
    return out, {line["part_id"]: line for line in lines}


def test_two_cameras_give_one_verdict_per_part(tmp_path: Path) -> None:
    entries = [
        write_views(tmp_path, "left", ["A", "B", "C"], bad="B"),
        write_views(tmp_path, "right", ["A", "C", "D"], bad="C"),
    ]
    out, parts = run_joined(tmp_path, entries)
    assert {n: (p["verdict"], p["cause"]) for n, p in parts.items()} == {
        "A": ("PASS", None),
        "B": ("FAIL", None),
        "C": ("FAIL", None),
        "D": ("ERROR", "missing_source"),
    }
    assert parts["A"]["frames"] == 4
    assert parts["D"]["error"] == "not seen in time by: left"
    assert [view["source"] for view in parts["C"]["views"]] == ["left", "right"]
    rows = read_rows(out / "parts.csv")
    assert {row["part_id"]: row["verdict"] for row in rows} == {
        n: p["verdict"] for n, p in parts.items()
    }
    assert "left: frames 4 to 5, PASS" in next(r["views"] for r in rows if r["part_id"] == "C")
    assert not (out / "left" / "parts.csv").exists()
    summary = read_summary(out)
    counts = [summary["parts"][n] for n in ("total", "passed", "failed", "errored")]
    assert counts == [4, 1, 2, 1]
    assert summary["parts"]["errored_by_cause"] == {"missing_source": 1}
    ledgers = [line for name in SOURCES for line in read_lines(out / name, "ledger")]
    assert [ledger["total"] for ledger in ledgers] == [4]
    assert read_summary(out / "left")["parts"] is None


def test_the_number_of_a_frame_joins_cameras_with_the_same_trigger(tmp_path: Path) -> None:
    entries = [
        write_views(tmp_path, "left", ["A", "B"], bad="B"),
        write_views(tmp_path, "right", ["A", "B"]),
    ]
    out, parts = run_joined(tmp_path, entries, by="frame", name_pattern=None, frames=2)
    run_id = read_summary(out)["run_id"]
    assert {n: p["verdict"] for n, p in parts.items()} == {
        f"{run_id}/p1": "PASS",
        f"{run_id}/p2": "FAIL",
    }


def test_a_source_that_fails_makes_its_parts_errors(tmp_path: Path) -> None:
    entries = [
        write_views(tmp_path, "left", ["A", "B", "C"]),
        write_views(tmp_path, "right", ["A", "B", "C"]),
    ]
    for path in sorted((tmp_path / "right").iterdir())[1:]:
        path.write_bytes(b"no picture")
    out, parts = run_joined(tmp_path, entries, code=2)
    assert [p["verdict"] for p in parts.values()] == ["ERROR"] * 3
    assert read_summary(out)["parts"]["total"] == 3
    assert len(read_rows(out / "parts.csv")) == 3


def test_a_part_that_one_camera_missed_gives_exit_code_3(tmp_path: Path) -> None:
    entries = [
        write_views(tmp_path, "left", ["A", "B"]),
        write_views(tmp_path, "right", ["A"]),
    ]
    run_joined(tmp_path, entries, "--fail-on-anomaly", code=3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"parts": {"rule": "worst"}}, "sources, right: parts.rule must be the same"),
        ({"parts": {"join": False}}, "parts.join: left is the only source that is joined"),
    ],
)
def test_sources_that_cannot_be_joined_are_refused(
    tmp_path: Path,
    changes: dict[str, Any],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    entries = [write_views(tmp_path, "left", ["A"]), write_views(tmp_path, "right", ["A"])]
    entries[1] |= changes
    section = {"enabled": True, "join": True, "by": "name", "name_pattern": "^(.+)_"}
    run_config(tmp_path, {"sources": entries, "parts": section}, code=2)
    assert sentence in capsys.readouterr().err


def test_a_program_announces_the_parts_of_two_live_cameras(tmp_path: Path) -> None:
    """The third part is announced before the cameras can see it, and no frame shows it in time."""
    web = {"uri": "synthetic", "frame_size": "64x48", "fps": 20, "synthetic": {"paced": True}}
    values = {
        "engine": {"backend": "fake", "allow_aspect": True},
        "output": {"dir": str(tmp_path / "out"), "video": {"enabled": False}},
        "log": {"path": None},
        "parts": {"enabled": True, "by": "trigger", "window_s": 0.3, "join": True},
        "sources": [{"name": name, "source": web} for name in SOURCES],
    }
    path = tmp_path / "line.yaml"
    path.write_text(yaml.safe_dump(values))
    session = Session(load_config(path, {"parts.timeout_s": 1.0}))

    def announce() -> None:
        logs = [tmp_path / "out" / name / "inspections.jsonl" for name in SOURCES]
        wait_for(lambda: all(log.exists() and b"measured" in log.read_bytes() for log in logs))
        for part_id in ("A", "B"):
            session.trigger(part_id)
            time.sleep(0.6)
        session.trigger("C", time.monotonic() - 1000)
        time.sleep(0.5)
        for run in session.runs:
            run.pipeline.stop()

    thread = threading.Thread(target=announce)
    thread.start()
    assert session.run() == 0
    thread.join()
    out = tmp_path / "out"
    parts = {row["part_id"]: row for row in read_rows(out / "parts.csv")}
    assert parts.keys() == {"A", "B", "C"}
    assert parts["C"]["cause"] == "not_seen"
    lines = [line for name in SOURCES for line in read_lines(out / name, "part")]
    assert sorted(line["part_id"] for line in lines) == ["A", "B", "C"]
    for line in lines:
        assert [view["source"] for view in line["views"]] == list(SOURCES)
        seen = line["part_id"] != "C"
        assert all((view["frames"] > 0) is seen for view in line["views"])


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"by": "frame"}, "parts.join with parts.by frame cannot be used for a live source"),
        ({"by": "trigger", "triggers": "t.csv"}, "parts.triggers cannot be used for live sources"),
    ],
)
def test_live_cameras_that_would_be_joined_wrongly_are_refused(
    tmp_path: Path, parts: dict[str, Any], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    web = {"uri": "synthetic", "frame_size": "64x48", "fps": 20, "synthetic": {"paced": True}}
    sources = [{"name": name, "source": web} for name in SOURCES]
    section = {"enabled": True, "join": True, **parts}
    run_config(tmp_path, {"sources": sources, "parts": section}, code=2)
    assert sentence in capsys.readouterr().err
