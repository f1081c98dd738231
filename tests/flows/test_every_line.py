"""Tests that every line of every kind of run fits the published schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flow_rig import write_pictures
from part_runs import part_picture, run_config
from record_schema import VALIDATOR, check_log

from calibration.plane import Calibration
from calibration.store import save_calibration

WEB_HW = (240, 320)
WEB = {
    "source": {
        "uri": "synthetic",
        "frame_size": "320x240",
        "synthetic": {"frames": 40, "defect_rate": 0.2},
    },
    "engine": {"backend": "fake", "allow_aspect": True},
    "verdict": {"pixel_threshold": 0.52},
    "measure": {"refine": False},
}
TRACKED = {"enabled": True, "direction": "up"}


def pictures(folder: Path, name: str, *, damaged: int | None = None) -> dict[str, Any]:
    """Twelve parts, of which two have a defect. Returns the section `source`."""
    place = write_pictures(
        folder / name, [part_picture(128, defect=n in (3, 4)) for n in range(12)]
    )
    if damaged is not None:
        for path in sorted(place.iterdir())[damaged : damaged + 1]:
            path.write_bytes(b"no picture")
    return {"uri": str(place)}


def calibrated(folder: Path) -> dict[str, Any]:
    calibration = Calibration("scale", WEB_HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(calibration, folder / "scale.yaml")
    return {"path": str(folder / "scale.yaml")}


def make_pictures(folder: Path) -> Mapping[str, Any]:
    return {"source": pictures(folder, "a", damaged=7)}


def make_sizes(folder: Path) -> Mapping[str, Any]:
    return {"source": pictures(folder, "a"), "verdict": {"rule": "defects", "min_length_px": 5.0}}


def make_failed(folder: Path) -> Mapping[str, Any]:
    source = pictures(folder, "a", damaged=1) | {"max_unreadable": 0.0}
    return {"source": source, "parts": {"enabled": True, "frames": 5}, "rolls": {"enabled": True}}


def make_parts(folder: Path) -> Mapping[str, Any]:
    parts = {"enabled": True, "frames": 5, "rule": "k_of_n", "k": 2}
    return {"source": pictures(folder, "a", damaged=7), "parts": parts}


def make_unseen(folder: Path) -> Mapping[str, Any]:
    (folder / "t.csv").write_text("time_s,part_id\n0.15,A\n0.16,B\n0.55,C\n99,D\n")
    parts = {"enabled": True, "by": "trigger", "triggers": str(folder / "t.csv"), "window_s": 0.2}
    return {"source": pictures(folder, "a"), "parts": parts}


def make_web(folder: Path) -> Mapping[str, Any]:
    return WEB | {
        "calibration": calibrated(folder),
        "tracking": TRACKED,
        "rolls": {"enabled": True, "length_m": 0.02},
        "parts": {"enabled": True, "frames": 7},
    }


def make_web_in_px(folder: Path) -> Mapping[str, Any]:
    return WEB | {
        "evidence": {"checkpoint_frames": 4},
        "tracking": TRACKED,
        "rolls": {"enabled": True, "frames": 9},
    }


def make_live(folder: Path) -> Mapping[str, Any]:
    source = WEB["source"] | {"synthetic": {"frames": 12, "paced": True}, "fps": 20}
    parts = {"enabled": True, "frames": 3}
    return WEB | {"source": source, "parts": parts, "rolls": {"enabled": True}}


def make_sources(folder: Path) -> Mapping[str, Any]:
    return {
        "parts": {"enabled": True, "join": True, "frames": 2},
        "sources": [
            {"name": "left", "source": pictures(folder, "a", damaged=2)},
            {"name": "right", "source": pictures(folder, "b")},
        ],
    }


ALWAYS = {"header", "verdict", "measured"}
RUNS: dict[str, tuple[Any, set[str], int]] = {
    "pictures": (make_pictures, ALWAYS, 0),
    "sizes": (make_sizes, ALWAYS, 0),
    "failed": (make_failed, {*ALWAYS, "part", "roll", "ledger"}, 2),
    "parts": (make_parts, {*ALWAYS, "part", "ledger"}, 0),
    "unseen parts": (make_unseen, {*ALWAYS, "part", "ledger"}, 0),
    "web": (make_web, {*ALWAYS, "defect_closed", "part", "roll", "ledger"}, 0),
    "web in px": (make_web_in_px, {*ALWAYS, "checkpoint", "defect_closed", "roll", "ledger"}, 0),
    "live": (make_live, {*ALWAYS, "part", "roll", "ledger"}, 0),
    "sources": (make_sources, {*ALWAYS, "part", "ledger"}, 0),
}
"""Kind of run -> its configuration, the types of its lines, its exit code."""


@pytest.mark.parametrize("kind", RUNS)
def test_every_line_fits_the_schema(kind: str, tmp_path: Path) -> None:
    make, types, code = RUNS[kind]
    out = run_config(tmp_path, make(tmp_path), code=code)
    logs = sorted(out.rglob("inspections.jsonl"))
    assert len(logs) == (2 if kind == "sources" else 1)
    records = [record for log in logs for record in check_log(log)]
    assert {record["type"] for record in records} == types
    parts = {r["part_id"] for r in records if r["type"] == "part"}
    assert {r["part_id"] for r in records} - {None} == parts


def test_every_type_that_this_version_writes_is_in_a_run() -> None:
    written = set().union(*(types for _, types, _ in RUNS.values()))
    not_yet = {"health", "config_changed"}
    assert written | not_yet == set(VALIDATOR.schema["properties"]["type"]["enum"])


def test_rolls_of_a_tracked_web_add_up_to_its_ledger(tmp_path: Path) -> None:
    out = run_config(tmp_path, make_web(tmp_path))
    records = check_log(out / "inspections.jsonl")
    rolls = [record for record in records if record["type"] == "roll"]
    (ledger,) = (r for r in records if r["type"] == "ledger" and r["unit"] == "mm2")
    assert len(rolls) > 2
    assert sum(roll["defects"] for roll in rolls) == ledger["defects"] > 0
    assert sum(roll["length_m"] for roll in rolls) == pytest.approx(ledger["length_m"])
    assert all(roll["length_m"] >= 0.02 for roll in rolls[:-1])
    assert sum(roll["frames"] for roll in rolls) == 40
    frames = [(roll["first_frame_id"], roll["last_frame_id"]) for roll in rolls]
    assert [first for first, _ in frames[1:]] == [last + 1 for _, last in frames[:-1]]
    closed = [record for record in records if record["type"] == "defect_closed"]
    measured = {r["frame_id"]: r["part_id"] for r in records if r["type"] == "measured"}
    assert all(r["part_id"] == measured[r["best_frame_id"]] for r in closed)
