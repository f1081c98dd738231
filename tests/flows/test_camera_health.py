"""A run whose camera moves: verdicts, sizes, events, summary."""

import json
from pathlib import Path

import numpy as np
import pytest
from flow_rig import HW, Inspect, bad_picture, write_pictures
from part_runs import run_config
from record_schema import check_log

from calibration.plane import Calibration
from calibration.store import save_calibration
from inspector.core.types import Verdict

BEFORE, MOVED, AFTER = 4, 5, 12


@pytest.fixture
def arguments(tmp_path: Path, margin: list[str]) -> list[str]:
    """Pictures with a defect; the camera moves and comes back."""
    pictures = [bad_picture(i) for i in range(BEFORE + MOVED + AFTER)]
    for number in range(BEFORE, BEFORE + MOVED):
        pictures[number] = np.roll(pictures[number], 20, axis=1)
    calibration = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(calibration, tmp_path / "scale.yaml")
    place = write_pictures(tmp_path / "pictures", pictures)
    return [str(place), "--calibration", str(tmp_path / "scale.yaml"), *margin]


def test_a_moved_camera_gives_error_without_mm(
    arguments: list[str], engine: Path, inspect: Inspect
) -> None:
    result = inspect(arguments[0], engine, *arguments[1:])
    lines = check_log(result.out / "inspections.jsonl")
    measured = [line for line in lines if line["type"] == "measured"]
    sick = range(BEFORE, BEFORE + MOVED + 9)  # the tenth good picture ends the condition
    for line in measured:
        assert line["defects"]
        withheld = line["frame_id"] in sick
        assert (line["verdict"] == Verdict.ERROR) is withheld
        for defect in line["defects"]:
            assert defect["length_px"] > 0
            for name in ("length_mm", "width_u_mm", "area_mm2", "map_area_mm2", "centroid_mm"):
                assert (defect[name] is None) is withheld
        assert ("mm are withheld" in (line["reason"] or "")) is withheld
    events = [line for line in lines if line["type"] == "health"]
    assert [(e["condition"], e["state"], e["frame_id"]) for e in events] == [
        ("moved", "begin", BEFORE + 2),
        ("moved", "end", sick[-1] + 1),
    ]
    assert "it has moved by" in events[0]["message"]
    assert events[0]["value"] < events[0]["limit"]
    assert result.summary["health"]["moved"] == {"frames": MOVED, "begun": 1}


def test_a_camera_that_may_move_is_judged_by_sizes_in_px(
    arguments: list[str], engine: Path, inspect: Inspect
) -> None:
    more = ("--set", "health.moved=warn", "--set", "report.enabled=true")
    result = inspect(arguments[0], engine, *arguments[1:], *more)
    assert result.code == 0
    verdicts = {record["verdict"] for record in result.records}
    assert verdicts == {"FAIL"}
    withheld = [r for r in result.records if r["defects"][0]["length_mm"] is None]
    assert [r["frame_id"] for r in withheld] == list(range(BEFORE, BEFORE + MOVED + 9))
    assert json.loads((result.out / "summary.json").read_text())["defects"]["length_mm"]["mean"] > 0


def test_tracking_needs_sizes_in_mm(arguments: list[str], engine: Path, inspect: Inspect) -> None:
    more = ("--set", "health.moved=warn", "--set", "tracking.enabled=true")
    result = inspect(arguments[0], engine, *arguments[1:], *more)
    assert result.code == 2
    assert "health.moved" in result.stderr


def test_a_live_camera_without_pictures_is_stalled(tmp_path: Path) -> None:
    synthetic = {"frames": 3, "paced": True}
    values = {
        "source": {"uri": "synthetic", "frame_size": "64x48", "synthetic": synthetic, "fps": 1},
        "engine": {"backend": "fake", "allow_aspect": True},
        "health": {"stalled_s": 0.1},
    }
    out = run_config(tmp_path, values)
    events = [line for line in check_log(out / "inspections.jsonl") if line["type"] == "health"]
    states = [event["state"] for event in events]
    assert states == (["begin", "end"] * len(states))[: len(states)]
    assert {event["condition"] for event in events} == {"stalled"}
    assert events[0]["frame_id"] is None
    assert events[0]["value"] >= events[0]["limit"] == 0.1
