"""Tests explanations in whole runs: the log, the tables, the pictures, and recovery."""

import csv
from pathlib import Path
from typing import Any

import pytest
from record_schema import check_log

import inspector
from inspector.core.errors import ConfigError
from inspector.core.explanation import KINDS
from inspector.outputs.record_reading import read_defect

SMALL: dict[str, Any] = {
    "source.synthetic.frames": 4,
    "source.frame_size": "256x192",
    "engine.backend": "fake",
    "measure.max_refined": 2,
    "measure.min_area_px": 20,
    "output.defect_pictures.max_count": 0,
    "output.video.enabled": False,
    "output.snapshots.max_count": 0,
    "explain.enabled": True,
    "log.path": None,
}


def run(folder: Path, **settings: Any) -> list[dict[str, Any]]:
    inspector.run_pipeline("synthetic", output=folder, settings=SMALL | settings)
    return check_log(folder / "inspections.jsonl")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def defects_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [d for record in records if record["type"] == "measured" for d in record["defects"]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "out"
    run(folder, **{"output.explained_pictures.when": "fail", "explain.max_defects": 2})
    return folder


def test_log_and_table_have_the_explanations(plain: Path) -> None:
    records = check_log(plain / "inspections.jsonl")
    defects = defects_of(records)
    explained = [d for d in defects if d["explanation"] is not None]
    assert explained
    assert all(d["kind"] in KINDS for d in explained)
    measured = [record for record in records if record["type"] == "measured"]
    assert all(sum(d["kind"] is not None for d in r["defects"]) <= 2 for r in measured)
    assert all(record["summary"] for record in measured)
    rows = [row for row in read_rows(plain / "defects.csv") if row["defect_id"]]
    assert [row["kind"] for row in rows] == [d["kind"] or "" for d in defects]
    assert list(rows[0])[-4:] == ["kind", "kind_confidence", "place", "explanation"]


def test_a_defect_is_read_back_from_the_log(plain: Path) -> None:
    record = next(d for d in defects_of(check_log(plain / "inspections.jsonl")) if d["kind"])
    defect = read_defect(record)
    assert defect.explanation is not None
    assert defect.explanation.sentence == record["explanation"]["sentence"]
    assert [r.figure for r in defect.explanation.reasons] == [
        r["figure"] for r in record["explanation"]["reasons"]
    ]


def test_each_failing_frame_has_its_pictures(plain: Path) -> None:
    records = check_log(plain / "inspections.jsonl")
    failed = [r["frame_id"] for r in records if r["type"] == "measured" and r["verdict"] == "FAIL"]
    assert failed
    names = sorted(path.name for path in (plain / "explained").iterdir())
    ends = ("boxes.png", "heatmap.png", "report.txt")
    assert names == [f"frame_{number:08d}_{end}" for number in failed for end in ends]


def test_without_explanations_the_fields_are_null(tmp_path: Path) -> None:
    records = run(tmp_path / "out", **{"explain.enabled": False})
    assert all(d["kind"] is None and d["explanation"] is None for d in defects_of(records))
    assert not (tmp_path / "out" / "explained").exists()


def test_verdicts_sizes_and_scores_are_the_same_with_and_without(
    tmp_path: Path, plain: Path
) -> None:
    without = defects_of(run(tmp_path / "out", **{"explain.enabled": False}))
    explained = defects_of(check_log(plain / "inspections.jsonl"))
    drop = ("kind", "explanation")
    assert [{k: v for k, v in d.items() if k not in drop} for d in explained] == [
        {k: v for k, v in d.items() if k not in drop} for d in without
    ]


def test_closed_tracks_and_parts_have_explanations(tmp_path: Path) -> None:
    records = run(
        tmp_path / "out", **{"tracking.enabled": True, "parts.enabled": True, "parts.frames": 2}
    )
    closed = [r["defect"] for r in records if r["type"] == "defect_closed" and r["defect"]]
    assert any(defect["kind"] is not None for defect in closed)
    parts = [record for record in records if record["type"] == "part"]
    assert all(part["summary"] for part in parts)
    rows = read_rows(tmp_path / "out" / "parts.csv")
    assert [row["summary"] for row in rows] == [part["summary"] for part in parts]
    table = read_rows(tmp_path / "out" / "defects.csv")
    assert [row["kind"] for row in table] == [d["kind"] or "" for d in closed]


@pytest.mark.parametrize(
    "settings",
    [
        {"explain.enabled": False, "output.explained_pictures.when": "all"},
        {"explain.enabled": False, "explain.vlm.url": "http://localhost/v1"},
        {"explain.vlm.url": "http://localhost/v1"},
        {"explain.max_defects": 0},
    ],
)
def test_settings_that_need_others_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="explain"):
        run(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()
