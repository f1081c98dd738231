"""A frame that fails by its score, but has no defect, says why in every result."""

import csv
from pathlib import Path

from flow_rig import Inspect, bad_picture, good_picture, write_pictures

REASON = "no region reaches the pixel threshold 1e+06"


def test_a_fail_without_a_defect_has_its_reason_in_every_result(
    inspect: Inspect, engine: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "in", [good_picture(20), bad_picture(21)])
    result = inspect(folder, engine, "--set", "verdict.pixel_threshold=1e6")
    record = result.records[1]
    assert (record["verdict"], record["defects"]) == ("FAIL", [])
    assert record["reason"].startswith("FAIL by score ")
    assert record["reason"].endswith(REASON)
    for table in ("sightings.csv", "defects.csv"):
        with (result.out / table).open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["frame_id"] == "1"]
        assert [(row["defect_id"], row["reason"]) for row in rows] == [("", record["reason"])]
    assert f"1 frame fails without a defect; the last is frame 1: {record['reason']}" in (
        result.stderr
    )
    assert any(record["reason"] in warning for warning in result.summary["warnings"])
    assert result.summary["defects"]["frames_failed_without_defects"] == 1
