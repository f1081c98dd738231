"""Tests of the table of defects and of the JSON log."""

import csv
import dataclasses
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from output_parts import FlatPicture, defect, inspection, run_info

from inspector.core.decisions import Decision, LimitDecision
from inspector.core.errors import SinkError
from inspector.core.types import Defect, Verdict
from inspector.measure.shape_figures import SHAPE_FIGURES
from inspector.outputs.csv_log import EXPLANATION, HEADER, CsvLogSink
from inspector.outputs.json_log import JsonLogSink, read_log
from inspector.outputs.records import inspection_records

PICTURE = FlatPicture()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def logged(path: Path, *items: object) -> CsvLogSink:
    sink = CsvLogSink(path)
    sink.open(run_info())
    for item in items:
        sink.write(item, PICTURE)  # type: ignore[arg-type]
    return sink


def test_the_header_of_the_table_is_fixed() -> None:
    assert ",".join(HEADER) == (
        "frame_id,pts_s,wall_time_utc,source_id,name,verdict,score,image_threshold,"
        "defect_id,severity,size_source,size_note,truncated,"
        "length_mm,length_u_mm,length_expanded_u_mm,width_mm,width_u_mm,width_expanded_u_mm,"
        "area_mm2,area_u_mm2,area_expanded_u_mm2,coverage_factor,equivalent_diameter_mm,"
        "centroid_x_mm,centroid_y_mm,orientation_deg,peak_score,mean_score,"
        "length_px,width_px,area_px,centroid_x_px,centroid_y_px,"
        "box_x0_px,box_y0_px,box_x1_px,box_y1_px,"
        "map_length_mm,map_width_mm,map_area_mm2,map_length_px,map_width_px,map_area_px,"
        f"{','.join(SHAPE_FIGURES)},"
        "run_id,source,seq,event_id,captured_ns,part_id,recipe_id,cause,"
        "length_u_px,length_expanded_u_px,width_u_px,width_expanded_u_px,area_u_px,"
        "area_expanded_u_px,severity_by,decision,decision_note,reason,"
        "track_id,web_x_mm,web_y_m,web_x_px,web_y_px,check,serial,lot,shift,operator"
    )


def test_a_frame_that_fails_without_a_defect_has_a_row_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    empty = replace(inspection(4, verdict=Verdict.FAIL), reason="FAIL by score 2 >= 1.5; no region")
    logged(path, inspection(3), empty, inspection(5, verdict=Verdict.ERROR)).close()
    (row,) = rows(path)
    assert (row["frame_id"], row["verdict"], row["defect_id"]) == ("4", "FAIL", "")
    assert row["reason"] == "FAIL by score 2 >= 1.5; no region"
    assert row["event_id"] == "/".join((row["run_id"], row["source"], row["seq"]))


def test_the_row_of_a_defect_has_the_decision_about_each_limit(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    limits = (
        LimitDecision("min_length_mm", 0.55, 0.566, 0.02, Decision.CANNOT_BE_DECIDED),
        LimitDecision("min_area_px", 10.0, 16.0, 1.5, Decision.DOES_NOT_CONFORM),
    )
    undecided = replace(
        defect(), decision=Decision.CANNOT_BE_DECIDED, limits=limits, severity_by="length_mm"
    )
    failed = replace(inspection(4, verdict=Verdict.FAIL, defects=(undecided,)), reason="FAIL: #0")
    logged(path, failed).close()
    (row,) = rows(path)
    assert (row["decision"], row["severity_by"]) == ("cannot_be_decided", "length_mm")
    assert row["reason"] == "FAIL: #0"
    assert row["decision_note"] == (
        "length 0.566 +-0.020 mm, limit 0.55 mm; area 16.0 +-1.5 px, limit 10 px"
    )


def test_each_defect_is_a_row_and_a_good_frame_has_no_row(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    both = (defect(0), defect(1, calibrated=False))
    items = [
        inspection(3),
        inspection(4, verdict=Verdict.FAIL, pts_s=1.5, defects=both, name='a "b", c.png'),
    ]
    logged(path, *items).close()
    first, second = rows(path)
    assert (first["frame_id"], first["pts_s"], first["verdict"]) == ("4", "1.5", "FAIL")
    assert first["name"] == 'a "b", c.png'
    assert (first["length_mm"], first["centroid_y_mm"], first["box_x1_px"]) == (
        "0.566",
        "0.4",
        "5.0",
    )
    assert (second["length_mm"], second["centroid_y_mm"], second["length_px"]) == ("", "", "5.66")
    assert first["truncated"] == "false"


def test_expanded_uncertainty_is_twice_the_standard_uncertainty(tmp_path: Path) -> None:
    logged(tmp_path / "d.csv", inspection(1, verdict=Verdict.FAIL, defects=(defect(),))).close()
    (row,) = rows(tmp_path / "d.csv")
    assert (row["length_u_mm"], row["length_expanded_u_mm"]) == ("0.01", "0.02")
    assert (row["width_u_mm"], row["width_expanded_u_mm"]) == ("", "")
    assert row["coverage_factor"] == "2.0"


def test_a_row_names_its_record_in_the_log(tmp_path: Path) -> None:
    run, item = run_info(), inspection(1, verdict=Verdict.FAIL, defects=(defect(),))
    sinks = (CsvLogSink(tmp_path / "d.csv"), JsonLogSink(tmp_path / "i.jsonl"))
    for sink in sinks:
        sink.open(run)
        sink.write(item, PICTURE)
        sink.close()
    (row,) = rows(tmp_path / "d.csv")
    (record,) = read_log(tmp_path / "i.jsonl")[1]
    for column in ("run_id", "source", "seq", "event_id", "captured_ns"):
        assert row[column] == str(record[column])


def test_the_table_of_defects_has_the_same_rows_and_the_pictures(tmp_path: Path) -> None:
    sink = CsvLogSink(tmp_path / "sightings.csv", defects=tmp_path / "defects.csv")
    sink.open(run_info())
    item = inspection(1, verdict=Verdict.FAIL, defects=(defect(), defect(1)))
    sink.write(replace(item, pictures={1: "defects/a.jpg"}), PICTURE)
    sink.write(inspection(2, verdict=Verdict.FAIL), PICTURE)
    sink.close()
    sightings, defects = rows(tmp_path / "sightings.csv"), rows(tmp_path / "defects.csv")
    assert [row.pop("picture") for row in defects] == ["", "defects/a.jpg", ""]
    assert [{name: row.pop(name) for name in EXPLANATION} for row in defects] == [
        dict.fromkeys(EXPLANATION, "")
    ] * 3
    assert defects == sightings
    assert len(sightings) == 3


def test_rows_can_be_read_before_the_table_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    sink = logged(path, inspection(1, verdict=Verdict.FAIL, defects=(defect(),)))
    assert len(rows(path)) == 1
    sink.close()


def test_the_table_has_a_column_for_every_number_of_a_defect() -> None:
    split = {"box_px", "centroid_px", "centroid_mm", "polygons", "holes", "shape_figures"}
    split |= {"limits", "web", "explanation"}
    names = {field.name for field in dataclasses.fields(Defect)} - split
    assert names <= set(HEADER)


def test_the_log_begins_with_a_header_and_has_the_lines_of_each_inspection(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    sink = JsonLogSink(path)
    sink.open(run_info(time_base=Fraction(1, 90_000), path=Path("a.mp4")))
    fail = inspection(1, verdict=Verdict.FAIL, pts_s=0.04, defects=(defect(),), score=2.0000001)
    for item in (inspection(0, pts_s=0.0), fail, inspection(2, verdict=Verdict.ERROR)):
        sink.write(item, PICTURE)
    head, records = read_log(path)
    sink.close()
    assert head["source_info"] == {
        "source_id": "line",
        "live": False,
        "frame_hw": [24, 32],
        "fps": None,
        "frame_count": None,
        "duration_s": None,
        "time_base": "1/90000",
        "path": "a.mp4",
        "settings": None,
        "decoder": None,
    }
    assert (head["config_hash"], head["engine_hash"], head["calibration_hash"]) == (
        "c0",
        "e0",
        None,
    )
    assert head["config"] == {"source": {"uri": "rtsp://***@cam"}}
    assert [r["verdict"] for r in records] == ["PASS", "FAIL", "ERROR"]
    assert records[1]["score"] == 2.0000001
    assert records[0]["timings_ms"] == {"infer": 11.988, "latency": 60.0}
    assert (records[2]["score"], records[2]["error"], records[2]["defects"]) == (None, "torn", [])


def test_a_defect_in_the_log_has_every_field_and_its_outline(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    sink = JsonLogSink(path)
    sink.open(run_info())
    sink.write(inspection(1, verdict=Verdict.FAIL, defects=(defect(),)), PICTURE)
    sink.close()
    (entry,) = read_log(path)[1][0]["defects"]
    expanded = {
        f"{name}_expanded_u_{unit}" for name in ("length", "width") for unit in ("mm", "px")
    }
    expanded |= {"area_expanded_u_mm2", "area_expanded_u_px"}
    fields = {field.name for field in dataclasses.fields(Defect)}
    assert set(entry) == fields | expanded | {"coverage_factor", "kind"}
    assert (entry["length_expanded_u_mm"], entry["coverage_factor"]) == (0.02, 2.0)
    assert entry["polygons"] == [[[1.0, 2.0], [5.12, 2.0], [5.0, 6.0], [1.0, 6.0]]]
    assert (entry["severity"], entry["box_px"], entry["area_u_mm2"]) == (
        "high",
        [1.0, 2.0, 5.0, 6.0],
        None,
    )
    assert (entry["length_mm"], entry["map_length_px"]) == (0.566, 6.0)


def test_a_value_that_is_not_finite_is_refused_and_leaves_no_line(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    sink = JsonLogSink(path)
    sink.open(run_info())
    with pytest.raises(SinkError, match="frame 7 cannot be written"):
        sink.write(inspection(7, score=float("nan")), PICTURE)
    sink.write(inspection(8), PICTURE)
    sink.close()
    assert [r["frame_id"] for r in read_log(path)[1]] == [8]


def test_an_incomplete_last_line_is_dropped_and_any_other_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    sink = JsonLogSink(path)
    sink.open(run_info())
    for number in range(3):
        sink.write(inspection(number), PICTURE)
    sink.close()
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert [r["frame_id"] for r in read_log(path)[1]] == [0, 1]
    path.write_bytes(content.replace(b'"frame_id":1', b'"frame_id"'))
    with pytest.raises(ValueError, match="line 4 of"):
        read_log(path)
    path.write_text(json.dumps({"type": "inspection"}) + "\n")
    with pytest.raises(ValueError, match="header"):
        read_log(path)


def test_the_error_names_a_log_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").mkdir()
    with pytest.raises(SinkError, match=r"i\.jsonl cannot be written"):
        JsonLogSink(tmp_path / "i.jsonl").open(run_info())


@pytest.mark.parametrize("name", ["=1+1", "+1.png", "-1.png", "@sum.png", "\t=1", "\r=1"])
def test_a_file_name_is_not_a_formula_in_the_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / "d.csv"
    logged(path, inspection(1, verdict=Verdict.FAIL, defects=(defect(),), name=name)).close()
    assert [row["name"] for row in rows(path)] == [f"'{name}"]


def test_a_direction_just_below_180_degrees_is_not_rounded_to_180(tmp_path: Path) -> None:
    turned = dataclasses.replace(defect(), orientation_deg=179.99999999)
    _, measured = inspection_records(run_info(), inspection(0, defects=(turned,)))
    assert measured["defects"][0]["orientation_deg"] == 0.0
    path = tmp_path / "d.csv"
    logged(path, inspection(0, defects=(turned,))).close()
    assert float(rows(path)[0]["orientation_deg"]) == 0.0
