"""Tests of a whole run with tracking: a rendered web, the fake engine, and all files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from record_schema import check_log
from tracked_runs import FRAMES, HW, STEP_MM, rows, run

from inspector.outputs.csv_log import EXPLANATION


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = ("tracking.enabled=true", "tracking.direction=up")
    return run(tmp_path_factory.mktemp("tracked"), *settings)


def test_defects_csv_has_one_row_for_each_track(tracked: Path) -> None:
    sightings, defects = rows(tracked / "sightings.csv"), rows(tracked / "defects.csv")
    frames = Counter(row["track_id"] for row in sightings)
    assert all(frames)
    ids = [row["track_id"] for row in defects]
    assert len(ids) == len(set(ids)) > 3
    assert set(ids) <= set(frames)
    assert len(defects) < len(sightings) / 2
    for row in defects:
        assert int(row["first_frame_id"]) <= int(row["best_frame_id"]) <= int(row["last_frame_id"])


def test_every_line_fits_the_schema_and_the_events_agree_with_the_table(tracked: Path) -> None:
    records = check_log(tracked / "inspections.jsonl")
    closed = [r for r in records if r["type"] == "defect_closed"]
    ledgers = [r for r in records if r["type"] == "ledger"]
    assert [r["track_id"] for r in closed] == [r["track_id"] for r in rows(tracked / "defects.csv")]
    pictures = [r["picture"] for r in closed]
    assert pictures == [row["picture"] for row in rows(tracked / "defects.csv")]
    assert pictures == [f"defects/{r['track_id'].rpartition('/')[2]}.jpg" for r in closed]
    assert sorted(pictures) == sorted(f"defects/{p.name}" for p in (tracked / "defects").iterdir())
    assert len(ledgers) == 1
    assert records[-1] is ledgers[0]
    assert ledgers[0]["defects"] == len(closed)
    run_id = records[0]["run_id"]
    assert all(r["track_id"].startswith(f"{run_id}/main/d") for r in closed)


def test_the_ledger_knows_the_length_of_the_web(tracked: Path) -> None:
    ledger = check_log(tracked / "inspections.jsonl")[-1]
    length_mm = HW[0] * 0.1 + (FRAMES - 1) * STEP_MM
    assert ledger["length_m"] == pytest.approx(length_mm / 1000, rel=1e-3)
    assert ledger["total"] == pytest.approx(length_mm * HW[1] * 0.1, rel=1e-3)
    assert ledger["not_inspected_by_cause"] == {}
    assert ledger["frames_by_motion"] == {"known": FRAMES}
    assert ledger["width_mm"] == pytest.approx(HW[1] * 0.1)
    assert ledger["lengths_not_inspected"] == ledger["bands_not_inspected"] == []


def test_the_extent_of_a_defect_holds_its_centre_and_its_size(tracked: Path) -> None:
    closed = [r for r in check_log(tracked / "inspections.jsonl") if r["type"] == "defect_closed"]
    for record in closed:
        extent, defect = record["extent"], record["defect"]
        along, across = (
            extent["y_to_m"] - extent["y_from_m"],
            extent["x_to_mm"] - extent["x_from_mm"],
        )
        assert extent["y_from_m"] <= defect["web"]["y_m"] <= extent["y_to_m"]
        assert extent["x_from_mm"] <= defect["web"]["x_mm"] <= extent["x_to_mm"]
        assert (1000 * along) ** 2 + across**2 > 0.9 * defect["length_mm"] ** 2


def test_the_summary_has_the_fields_of_the_ledger(tracked: Path) -> None:
    summary = json.loads((tracked / "summary.json").read_text(encoding="utf-8"))
    ledger = check_log(tracked / "inspections.jsonl")[-1]
    assert summary["tracking"].items() <= ledger.items()
    assert summary["tracking"]["defects"] == len(rows(tracked / "defects.csv"))
    assert summary["defects"]["total"] == len(rows(tracked / "sightings.csv"))


def test_positions_on_the_web_stay_the_same_from_frame_to_frame(tracked: Path) -> None:
    whole: dict[str, list[float]] = {}
    for row in rows(tracked / "sightings.csv"):
        if row["truncated"] == "false":
            whole.setdefault(row["track_id"], []).append(1000 * float(row["web_y_m"]))
    spreads = sorted(max(y) - min(y) for y in whole.values() if len(y) > 3)
    assert spreads
    assert spreads[len(spreads) // 2] < 1.0  # mm; the outlines on the map change a little


def test_without_tracking_both_tables_have_the_same_rows_and_no_event_is_written(
    tmp_path: Path,
) -> None:
    folder = run(tmp_path, frames=12)
    sightings, table = rows(folder / "sightings.csv"), rows(folder / "defects.csv")
    pictures = [row.pop("picture") for row in table]
    assert all(row.pop(name) == "" for row in table for name in EXPLANATION)
    assert table == sightings
    assert sorted(pictures) == sorted(f"defects/{p.name}" for p in (folder / "defects").iterdir())
    records = check_log(folder / "inspections.jsonl")
    assert {r["type"] for r in records} == {"header", "verdict", "measured"}
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["tracking"] is None
    defects: list[dict[str, Any]] = [d for r in records for d in r.get("defects", ())]
    assert defects
    assert all(d["web"] is None for d in defects)


def test_the_speed_of_the_line_gives_the_same_count(tracked: Path, tmp_path: Path) -> None:
    metres_per_minute = STEP_MM * 10 * 60 / 1000
    folder = run(
        tmp_path,
        "tracking.enabled=true",
        "tracking.direction=up",
        "tracking.motion=speed",
        f"tracking.speed_m_per_min={metres_per_minute}",
    )
    # Fragments of outlines on the map may be assigned in another way.
    count = len(rows(tracked / "defects.csv"))
    assert len(rows(folder / "defects.csv")) == pytest.approx(count, abs=2)


def test_an_encoder_file_that_is_missing_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        run(tmp_path, "tracking.enabled=true", "tracking.motion=encoder", "tracking.encoder=no.csv")
    assert "tracking.encoder: no.csv cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out" / "inspections.jsonl").exists()


TIMES = (
    *("captured_ns", "wall_time_utc", "judged_ns", "timings_ms", "event_id", "run_id", "chain"),
)


def without_times(folder: Path) -> list[str]:
    """The lines of the log without the header and without times and ids of the run."""
    records = check_log(folder / "inspections.jsonl")
    run_id = records[0]["run_id"]
    lines = [{k: v for k, v in r.items() if k not in TIMES} for r in records[1:]]
    return [json.dumps(record).replace(run_id, "RUN") for record in lines]


def test_the_log_does_not_depend_on_the_speed_of_the_threads(tmp_path: Path) -> None:
    settings = ("tracking.enabled=true", "tracking.direction=up", "measure.refine=true")
    settings += ("verdict.pixel_threshold=0.68",)
    slow = ("output.snapshots.max_count=20", "output.snapshots.when=both", "engine.batch=3")
    logs = []
    for name, more in {"first": (), "second": slow}.items():
        (tmp_path / name).mkdir()
        logs.append(without_times(run(tmp_path / name, *settings, *more, frames=50)))
    assert logs[0] == logs[1]
    assert any('"size_source": "track"' in line for line in logs[0])
