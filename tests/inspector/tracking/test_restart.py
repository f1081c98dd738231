"""Tests that defects are counted once when the program stops and the web goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from record_schema import check_log
from tracked_runs import SPOT_HW, rows, spot_arguments, write_web

from inspector.recovery import recover
from run_inspector import main

STEP = 12.0
SPOTS = [(60.0, 40.0), (150.0, 130.0), (80.0, 260.0), (200.0, 350.0), (120.0, 420.0), (60.0, 520.0)]
FIRST = [STEP * n for n in range(20)]
"""Ends at 228: the spots at 260, 350 and 420 are in view."""


def run_part(folder: Path, name: str, positions: list[float], *settings: str) -> Path:
    """Inspects one part of the web. Returns the folder of its results."""
    write_web(folder / name, SPOTS, positions)
    before = set((folder / "runs").glob("*"))
    pattern = str(folder / "runs" / "{number}")
    values = ["tracking.continue_last_run=true", *settings]
    assert main(spot_arguments(folder / name, pattern, *values)) == 0
    (new,) = set((folder / "runs").glob("*")) - before
    return new


def ids(folder: Path) -> list[str]:
    return [row["track_id"] for row in rows(folder / "defects.csv")]


def ledger(folder: Path) -> dict[str, Any]:
    return next(r for r in check_log(folder / "inspections.jsonl") if r["type"] == "ledger")


def encoder(folder: Path, name: str) -> tuple[str, str]:
    return "tracking.motion=encoder", f"tracking.encoder={folder / name / 'encoder.csv'}"


@pytest.mark.parametrize("hidden", [0.0, 60.0, 400.0])
@pytest.mark.parametrize("killed", [False, True])
def test_with_an_encoder_a_defect_in_view_at_the_restart_is_counted_once(
    tmp_path: Path, hidden: float, killed: bool
) -> None:
    """hidden: way of the web in px while the program did not run."""
    first = run_part(tmp_path, "a", FIRST, *encoder(tmp_path, "a"))
    if killed:
        kill(first)
    second_positions = [FIRST[-1] + hidden + STEP * n for n in range(1, 30)]
    second = run_part(tmp_path, "b", second_positions, *encoder(tmp_path, "b"))
    if killed:
        recover(first)
    seen = {y for _, y in SPOTS for p in FIRST + second_positions if p - 5 < y < p + SPOT_HW[0] + 5}
    assert len(set(ids(first)) | set(ids(second))) == len(seen)
    before, after = ledger(first), ledger(second)
    assert before["defects"] + after["defects"] - after["defects_continued"] == len(seen)
    assert after["defects_low"] == after["defects"]
    total_mm = (max(second_positions) + SPOT_HW[0]) * 0.1
    assert before["length_m"] + after["length_m"] == pytest.approx(total_mm / 1000, rel=2e-3)
    lost = max(0.0, hidden + STEP - SPOT_HW[0]) * 0.1 * SPOT_HW[1] * 0.1
    assert after["not_inspected_by_cause"].get("not_captured", 0.0) == pytest.approx(lost, abs=4.0)


def test_without_an_encoder_the_count_is_an_interval_that_holds_the_truth(tmp_path: Path) -> None:
    for hidden in (0.0, 60.0, 400.0):
        folder = tmp_path / f"{hidden:.0f}"
        first = run_part(folder, "a", FIRST)
        positions = [FIRST[-1] + hidden + STEP * n for n in range(1, 30)]
        second = run_part(folder, "b", positions)
        seen = {y for _, y in SPOTS for p in FIRST + positions if p - 5 < y < p + SPOT_HW[0] + 5}
        before, after = ledger(first), ledger(second)
        high = before["defects"] + after["defects"] - after["defects_continued"]
        low = before["defects"] + after["defects_low"] - after["defects_continued"]
        assert low <= len(seen) <= high
        assert after["defects_continued"] == 0
        assert after["gap_count"] == 1
        assert after["gaps"][0]["first_frame_id"] == 0
        assert after["gaps"][0]["last_frame_id"] == len(FIRST) - 1


def test_without_the_key_a_run_begins_anew(tmp_path: Path) -> None:
    first = run_part(tmp_path, "a", FIRST, *encoder(tmp_path, "a"))
    positions = [FIRST[-1] + STEP * n for n in range(1, 10)]
    settings = (*encoder(tmp_path, "b"), "tracking.continue_last_run=false")
    write_web(tmp_path / "b", SPOTS, positions)
    output = str(tmp_path / "new")
    assert main(spot_arguments(tmp_path / "b", output, *settings)) == 0
    assert not set(ids(first)) & set(ids(tmp_path / "new"))
    assert check_log(tmp_path / "new" / "inspections.jsonl")[1]["frame_id"] == 0


def test_no_id_is_used_for_two_defects_over_three_runs(tmp_path: Path) -> None:
    parts = [FIRST[:10], FIRST[10:], [FIRST[-1] + STEP * n for n in range(1, 30)]]
    folders = [
        run_part(tmp_path, name, part, *encoder(tmp_path, name))
        for name, part in zip("abc", parts, strict=True)
    ]
    places: dict[str, set[int]] = {}
    for folder in folders:
        for row in rows(folder / "defects.csv"):
            x, y = float(row["web_x_mm"]) * 10, float(row["web_y_m"]) * 1e4
            errors = [np.hypot(x - sx, y - sy) for sx, sy in SPOTS]
            if row["truncated"] == "false":
                assert min(errors) < 3
            places.setdefault(row["track_id"], set()).add(int(np.argmin(errors)))
    assert all(len(spots) == 1 for spots in places.values())
    assert len(places) == len(SPOTS)


def test_a_run_of_another_direction_is_not_continued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_part(tmp_path, "a", FIRST, *encoder(tmp_path, "a"))
    run_part(tmp_path, "b", FIRST, *encoder(tmp_path, "b"), "tracking.direction=down")
    assert "cannot be continued: its direction is up" in capsys.readouterr().err


def kill(folder: Path) -> None:
    """Leaves the files as kill -9 does after the last frame: open defects have no row."""
    log = folder / "inspections.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if json.loads(line)["type"] == "measured")
    open_ids = {json.loads(line).get("track_id") for line in lines[last + 1 :]}
    log.write_bytes(b"".join(lines[: last + 1]) + b'{"ty')
    table = (folder / "defects.csv").read_bytes().splitlines(keepends=True)
    names = [row["track_id"] for row in rows(folder / "defects.csv")]
    closed = [n for n, name in enumerate(names) if name not in open_ids]
    (folder / "defects.csv").write_bytes(b"".join([table[0], *(table[n + 1] for n in closed)]))
    (folder / "summary.json").unlink()
