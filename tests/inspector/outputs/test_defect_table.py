"""Tests of the table with one row per defect."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from output_parts import run_info
from web_scenes import run_web

from inspector.core.errors import SinkError
from inspector.outputs.csv_log import HEADER
from inspector.outputs.defect_table import TABLE_HEADER, DefectTableSink

WEB = [(40.0, 150.0, 50.0, 156.0), (10.0, 180.0, 14.0, 199.0)]


def test_each_defect_is_one_row_with_the_columns_of_the_sightings(tmp_path: Path) -> None:
    closed, ledger = run_web(WEB, [10.0] * 40)
    sink = DefectTableSink(tmp_path / "defects.csv")
    sink.open(run_info())
    closed[1] = replace(closed[1], picture="defects/d2.jpg")
    for event in (*closed, ledger):
        sink.write_event(event)
    sink.close()
    with (tmp_path / "defects.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(TABLE_HEADER)
    assert TABLE_HEADER[: len(HEADER)] == HEADER
    assert [row["track_id"] for row in rows] == ["run/d1", "run/d2"]
    assert [float(row["length_px"]) for row in rows] == [10.0, 19.0]
    assert [row["picture"] for row in rows] == ["", "defects/d2.jpg"]
    assert [row["truncated"] for row in rows] == ["false", "false"]
    for row, event in zip(rows, closed, strict=True):
        assert int(row["frame_id"]) == int(row["best_frame_id"]) == event.best_frame_id
        assert int(row["sightings"]) == event.sightings
        assert row["wall_time_utc"] == f"t{event.best_frame_id}"
        assert row["verdict"] == "FAIL"


def test_an_event_before_open_is_refused(tmp_path: Path) -> None:
    closed, _ = run_web(WEB, [10.0] * 40)
    with pytest.raises(SinkError, match="before it is open"):
        DefectTableSink(tmp_path / "defects.csv").write_event(closed[0])
