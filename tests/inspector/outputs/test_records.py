"""Tests of the records of format 2, their schema and documentation, and of logs of format 1."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from output_parts import UTC, FlatPicture, defect, inspection, run_info
from record_schema import VALIDATOR, check_log, list_schema_errors

from inspector.core.errors import SinkError
from inspector.core.events import DefectClosed
from inspector.core.records import event_id, new_run_id
from inspector.core.types import Cause, Inspection, Verdict
from inspector.outputs.csv_log import HEADER
from inspector.outputs.json_log import JsonLogSink, read_log, read_records
from inspector.outputs.part_table import PART_HEADER
from inspector.outputs.records import inspection_records

ROOT = Path(__file__).parents[3]
FORMAT_1 = Path(__file__).with_name("format_1.jsonl")
"""Written by the last version before format 2: pass, fail with a defect, error, pass."""

DOCS = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")


def examples() -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    return [json.loads(line) for block in blocks for line in block.strip().splitlines()]


def measured(**changes: Any) -> dict[str, Any]:
    record = inspection_records(run_info(), inspection(1, defects=(defect(),)))[1]
    return json.loads(json.dumps(record)) | changes


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_docs_have_a_valid_example_of_every_type() -> None:
    types = VALIDATOR.schema["properties"]["type"]["enum"]
    assert [record["type"] for record in examples()] == types
    for record in examples():
        assert list_schema_errors(record) == []
        name = event_id(record["run_id"], record["source"], record["seq"])
        assert record["event_id"] == name


def test_the_docs_explain_every_field_of_the_schema_and_every_column() -> None:
    definitions = VALIDATOR.schema["$defs"]
    names = {*VALIDATOR.schema["properties"], *HEADER, *PART_HEADER}
    for name in VALIDATOR.schema["properties"]["type"]["enum"]:
        names |= {name, *definitions[name]["properties"]}
    others = "".join((ROOT / "docs" / name).read_text() for name in ("outputs.md", "parts.md"))
    explained = set(re.findall(r"`([a-z0-9_]+)`", DOCS + others))
    assert names - explained == {"box_y0_px", "box_x1_px"}  # between box_x0_px and box_y1_px


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "inspection"},
        {"seq": -1},
        {"verdict": "ERROR", "error": "torn", "cause": None},
        {"verdict": "ERROR", "error": "torn", "cause": "bad luck"},
        {"verdict": "PASS", "cause": "decode"},
        {"verdict": "PASS", "score": None},
        {"source": "a/b"},
        {"chain": "short"},
        {"surprise": 1},
        {"defects": [{"defect_id": 0}]},
    ],
)
def test_the_schema_refuses(changes: dict[str, Any]) -> None:
    assert list_schema_errors(measured()) == []
    assert list_schema_errors(measured(**changes))


OPEN = {
    *("engine", "config", "parity", "judged_by"),
    *("timings_ms", "shape_figures", "not_inspected_by_cause", "files", "figures"),
}
"""Objects whose keys are not fixed."""


def misspell(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Copies of a record in which one key is wrong, and the path of that key."""
    if isinstance(value, list):
        for item in value[:1]:
            yield from ((place, [wrong, *value[1:]]) for place, wrong in misspell(item, path))
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        rest = {name: v for name, v in value.items() if name != key}
        yield f"{path}{key}", rest | {key + "x": inner}
        if key not in OPEN:
            for place, wrong in misspell(inner, f"{path}{key}."):
                yield place, rest | {key: wrong}


@pytest.mark.parametrize("record", examples(), ids=lambda record: record["type"])
def test_a_misspelt_field_is_refused_at_every_depth(record: dict[str, Any]) -> None:
    places = dict(misspell(record))
    assert len(places) > 11
    assert [place for place, wrong in places.items() if not list_schema_errors(wrong)] == []


def test_misspelt_fields_of_nested_objects_are_tried() -> None:
    tried = {place for record in examples() for place, _ in misspell(record)}
    assert {"views.frames", "defects.web.track_id", "gaps.first_frame_id"} <= tried
    assert {"source_info.fps", "defects.area_px", "inspected_by_times.1"} <= tried


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("part", {"verdict": "ERROR"}),
        ("part", {"verdict": "ERROR", "cause": "bad luck", "error": "e"}),
        ("part", {"cause": "dropped"}),
        ("part", {"part_id": None}),
        ("part", {"rule": "most"}),
        ("part", {"sources": []}),
        ("part", {"frames": -1}),
        ("roll", {"verdict": "ERROR", "cause": None, "error": "e"}),
        ("roll", {"first_frame_id": None}),
        ("ledger", {"unit": "pieces"}),
        ("ledger", {"gaps": [{"last_frame_id": 1}]}),
        ("ledger", {"frames_by_motion": {"guessed": 1}}),
    ],
)
def test_the_schema_refuses_events(kind: str, changes: dict[str, Any]) -> None:
    (record,) = (record for record in examples() if record["type"] == kind)
    assert list_schema_errors(record) == []
    assert list_schema_errors(record | changes)


def test_every_line_of_a_log_fits_the_schema_and_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    sink = JsonLogSink(path)
    run = run_info()
    sink.open(run)
    score_only = Inspection(
        inspection(4).frame, Verdict.ERROR, 1.5, 2.0, score=2.5, error="dark", cause=Cause.HEALTH
    )
    items = [inspection(0), inspection(2, verdict=Verdict.ERROR), score_only]
    for number, item in enumerate(items):
        object.__setattr__(item, "seq", 1 + 2 * number)
        sink.write(item, FlatPicture())
    closed = DefectClosed(
        wall_time_utc=UTC,
        frame_id=4,
        captured_ns=5,
        track_id="7",
        first_frame_id=2,
        last_frame_id=4,
        best_frame_id=3,
        sightings=2,
        defect=defect(),
        seq=7,
    )
    sink.write_event(closed)
    sink.close()
    records = check_log(path)
    assert [r["type"] for r in records] == ["header", *["verdict", "measured"] * 3, "defect_closed"]
    assert {r["run_id"] for r in records} == {run.run_id}
    assert [r["cause"] for r in read_log(path)[1]] == [None, "decode", "health"]
    assert records[6]["score"] == 2.5
    assert records[7]["defect"]["length_mm"] == 0.566


def test_an_error_with_a_map_keeps_score_and_defects(tmp_path: Path) -> None:
    passing = inspection(3, defects=(defect(),), score=2.0)
    frame, scored = passing.frame, {"score": passing.score, "defects": passing.defects}
    sick = Inspection(frame, Verdict.ERROR, 1.5, 2.0, error="dark", cause=Cause.HEALTH, **scored)
    record = inspection_records(run_info(), sick)[1]
    assert (record["score"], len(record["defects"])) == (2.0, 1)
    assert list_schema_errors(json.loads(json.dumps(record))) == []


def test_an_error_without_a_cause_is_refused() -> None:
    frame = inspection(0).frame
    with pytest.raises(ValueError, match="cause"):
        Inspection(frame, Verdict.ERROR, 1.5, 2.0, error="torn")
    with pytest.raises(ValueError, match="cause"):
        Inspection(frame, Verdict.PASS, 1.5, 2.0, score=0.0, cause=Cause.DECODE)


def test_an_event_before_open_is_refused(tmp_path: Path) -> None:
    closed = DefectClosed(
        wall_time_utc=UTC,
        track_id="7",
        first_frame_id=2,
        last_frame_id=4,
        best_frame_id=3,
        sightings=2,
    )
    with pytest.raises(SinkError, match="before it is open"):
        JsonLogSink(tmp_path / "i.jsonl").write_event(closed)


def test_a_log_of_format_1_is_read() -> None:
    header, records = read_log(FORMAT_1)
    assert (header["format"], header["source"]["source_id"]) == (1, "parts")
    assert [r["verdict"] for r in records] == ["PASS", "FAIL", "ERROR", "PASS"]
    assert [r["frame_id"] for r in records] == [0, 1, 2, 3]
    (disc,) = [d for d in records[1]["defects"] if d["size_source"] == "refined"]
    assert disc["length_mm"] == pytest.approx(20.5, rel=0.03)
    assert records[2]["error"] == "the picture parts/002.png cannot be decoded"
    assert len(read_records(FORMAT_1)) == 5


def test_a_log_of_a_newer_format_is_refused_as_newer(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    path.write_text('{"type":"header","format":3}\n')
    with pytest.raises(ValueError, match="format 3, but this program reads 1 and 2: a newer"):
        read_log(path)
    path.write_text('{"type":"header"}\n')
    with pytest.raises(ValueError, match="this format is unknown"):
        read_log(path)
    path.write_text('{"type":"header","format":2}\n[1]\n')
    with pytest.raises(ValueError, match=r"line 2 of .* is not a record"):
        read_log(path)


def test_run_ids_differ_and_event_ids_are_reproducible() -> None:
    assert len({new_run_id() for _ in range(100)}) == 100
    assert event_id("r", "main", 7) == event_id("r", "main", 7) == "r/main/7"
