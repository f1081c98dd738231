"""Tests serial, lot, shift and operator in whole runs: log, tables, recovery, report and codes."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
from code_pictures import REGION, code_picture
from part_runs import read_lines, read_rows, read_summary, run_config, write_belt
from record_schema import check_log

from inspector.core.trace import TRACE_FIELDS
from inspector.outputs.folder import PARTS
from inspector.outputs.json_log import read_records
from inspector.recovery import recover
from tools.report import main as report

TRIGGERS = "time_s,part_id,serial,lot\n0.1,A,S1,\n1.6,B,,L8\n3.1,C,,\n"
"""The belt has a frame each 0.1 s."""


def traced(record: dict[str, Any]) -> list[str | None]:
    return [record[name] for name in TRACE_FIELDS]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    triggers = folder / "triggers.csv"
    triggers.write_text(TRIGGERS)
    values = {
        "source": {"uri": str(write_belt(folder / "belt.mp4", bad_parts=[1], count=3))},
        "parts": {
            "enabled": True,
            "by": "trigger",
            "triggers": str(triggers),
            "window_s": 1.2,
        },
        "trace": {"lot": "L7", "shift": "early", "operator": "Anna"},
    }
    return run_config(folder, values)


def test_every_record_has_the_fields_of_its_part_or_of_the_configuration(run: Path) -> None:
    records = check_log(run / "inspections.jsonl")
    expected = {
        "A": ["S1", "L7", "early", "Anna"],
        "B": [None, "L8", "early", "Anna"],
        "C": [None, "L7", "early", "Anna"],
        None: [None, "L7", "early", "Anna"],
    }
    assert {record["part_id"] for record in records} == set(expected)
    for record in records:
        assert traced(record) == expected[record["part_id"]]
    assert [record["verdict"] for record in read_lines(run, "part")] == ["PASS", "FAIL", "PASS"]


def test_the_tables_have_them(run: Path) -> None:
    assert [[row[name] for name in TRACE_FIELDS] for row in read_rows(run / PARTS)] == [
        ["S1", "L7", "early", "Anna"],
        ["", "L8", "early", "Anna"],
        ["", "L7", "early", "Anna"],
    ]
    for name in ("sightings.csv", "defects.csv"):
        rows = {(row["part_id"], row["lot"], row["operator"]) for row in read_rows(run / name)}
        assert rows == {("", "L7", "Anna"), ("B", "L8", "Anna")}


def test_a_killed_run_gets_the_same_table_again(run: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    shutil.copytree(run, killed)
    (killed / "summary.json").unlink()
    complete = (killed / PARTS).read_text()
    (killed / PARTS).write_text("".join(complete.splitlines(keepends=True)[:-2]))
    recover(killed)
    assert (killed / PARTS).read_text() == complete


def test_a_log_of_an_earlier_version_has_none(run: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    records = read_records(run / "inspections.jsonl")
    for record in records:
        for name in TRACE_FIELDS:
            del record[name]
    old.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert len(read_records(old)) == len(records)
    check_log(old)


def test_the_report_names_the_lots_and_serial_numbers(run: Path) -> None:
    assert report([str(run)]) == 0
    text = (run / "report.html").read_text()
    assert "L7, L8" in text
    assert "early" in text
    assert "serial number" in text
    assert "S1" in text


def test_codes_in_a_folder_of_pictures(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, texts in enumerate((["SN-1"], [], ["SN-3"])):
        cv2.imwrite(str(pictures / f"{number}.png"), code_picture(*texts))
    values = {
        "source": {"uri": str(pictures)},
        "parts": {"enabled": True},
        "codes": {"enabled": True, "region": list(REGION)},
        "verdict": {"image_threshold": 9, "pixel_threshold": 9},
    }
    out = run_config(tmp_path, values)
    lines = read_lines(out, "part")
    assert [(line["verdict"], line["cause"], line["serial"]) for line in lines] == [
        ("PASS", None, "SN-1"),
        ("ERROR", "code", None),
        ("PASS", None, "SN-3"),
    ]
    assert [line["serial"] for line in read_lines(out, "measured")] == ["SN-1", None, "SN-3"]
    assert any("1 parts had no code" in text for text in read_summary(out)["warnings"])
