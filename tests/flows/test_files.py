"""Tests the results of runs on files and folders."""

import csv
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from flow_rig import HW, RESULTS, Inspect, bad_picture, good_picture, write_clip, write_pictures
from record_schema import check_log

from engines.spec_file import read_spec
from inspector.outputs.csv_log import EXPLANATION
from inspector.outputs.json_log import read_log
from tools.calibrate import main as calibrate
from tools.fit import main as fit

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_a_video_gives_exactly_the_six_results(
    inspect: Inspect, clip: Path, engine: Path, margin: list[str]
) -> None:
    result = inspect(clip, engine, *margin)
    assert result.code == 0
    assert sorted(p.name for p in result.out.iterdir()) == RESULTS
    summary = result.summary
    assert summary["captured"] == summary["inspected"] == 30
    assert summary["dropped"] == summary["errored"] == 0
    failed = [r["frame_id"] for r in result.records if r["verdict"] == "FAIL"]
    assert failed == [10, 11, 12, 13, 14]
    assert summary["failed"] == 5
    assert (summary["decoder"], summary["video_encoder"]) == ("h264", "libx264")
    header, _ = read_log(result.out / "inspections.jsonl")
    assert (header["source_info"]["decoder"], header["video_encoder"]) == ("h264", "libx264")
    assert len(list((result.out / "snapshots").iterdir())) == 5


def test_the_annotated_video_has_every_frame_at_its_time(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    result = inspect(clip, engine)
    with av.open(str(clip)) as source, av.open(str(result.out / "annotated.mp4")) as video:
        expected = [float(f.pts * f.time_base) for f in source.decode(video=0)]
        frames = list(video.decode(video=0))
        tick = float(frames[0].time_base)
        assert frames[0].width == 2 * HW[1]
        assert frames[0].height >= HW[0]  # and a line of text above
        times = [float(f.pts * f.time_base) for f in frames]
    np.testing.assert_allclose(times, expected, atol=tick)


def test_a_disc_is_measured_in_millimetres(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path, margin: list[str]
) -> None:
    cal = tmp_path / "cal.yaml"
    size = f"{HW[1]}x{HW[0]}"
    argv = ["scale", "--mm-per-px", "0.5", "--frame-size", size, "--out", str(cal)]
    assert calibrate(argv) == 0
    result = inspect(clip, engine, "--calibration", str(cal), *margin)
    assert result.code == 0
    with (result.out / "defects.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if 10 <= int(r["frame_id"]) < 15]
    discs = [r for r in rows if r["size_source"] == "refined"]
    assert len(discs) == 5
    for row in discs:
        # OpenCV's disc of radius 20 is 41 px across; at 0.5 mm/px that is 330 mm2.
        assert float(row["area_mm2"]) == pytest.approx(np.pi * 10.25**2, rel=0.03)
        assert float(row["length_mm"]) == pytest.approx(20.5, rel=0.03)
        assert float(row["width_mm"]) == pytest.approx(20.5, rel=0.03)
        assert float(row["length_u_mm"]) > 0
    logged = [d for r in result.records for d in r["defects"]]
    assert sum(d["area_mm2"] is not None for d in logged) == len(logged)


def test_without_a_calibration_millimetres_are_empty_and_never_zero(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    result = inspect(clip, engine)
    defects = [d for r in result.records for d in r["defects"]]
    assert defects
    for defect in defects:
        assert {k for k, v in defect.items() if "_mm" in k and v is not None} == set()
        assert defect["area_px"] > 0


def test_the_log_starts_with_a_header_that_names_engine_and_config(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    result = inspect(clip, engine)
    header = json.loads((result.out / "inspections.jsonl").read_text().splitlines()[0])
    assert header["type"] == "header"
    assert header["engine"]["method"] == "rad"
    assert len(header["engine_hash"]) == len(header["config_hash"]) == 64
    assert header["config"]["engine"]["path"] == str(engine)
    for record in result.records:
        assert {"frame_id", "score", "verdict", "pts_s", "defects", "timings_ms"} <= set(record)


def test_a_folder_with_an_unreadable_picture_counts_it_as_an_error(
    inspect: Inspect, engine: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "in", [good_picture(300 + i) for i in range(12)])
    (folder / "005.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("ignored")
    result = inspect(folder, engine, "--set", "source.max_unreadable=0.5")
    assert result.code == 0
    summary = result.summary
    assert (summary["captured"], summary["inspected"], summary["errored"]) == (12, 11, 1)
    bad = [r for r in result.records if r["verdict"] == "ERROR"]
    assert [r["name"] for r in bad] == ["005.png"]
    assert "005.png" in bad[0]["error"]
    assert bad[0]["score"] is None


def test_an_engine_of_another_aspect_is_refused_unless_allowed(
    inspect: Inspect, engine: Path, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "square.mp4", [good_picture(1, (256, 256))] * 5)
    refused = inspect(source, engine)
    assert refused.code == 2
    assert "frames of 256x256 have another aspect ratio than the 256x192" in refused.stderr
    assert "--allow-aspect" in refused.stderr
    assert not refused.out.exists()
    result = inspect(source, engine, "--allow-aspect")
    assert result.code == 0
    assert len(result.summary["warnings"]) == 1
    assert "another aspect" in result.summary["warnings"][0]
    assert result.summary["inspected"] == 5


def test_a_later_picture_of_another_aspect_is_an_error(
    inspect: Inspect, engine: Path, tmp_path: Path
) -> None:
    sizes = [HW, (256, 256), (192, 260), (384, 512), (256, 192)]
    folder = write_pictures(tmp_path / "in", [good_picture(1, hw) for hw in sizes])
    result = inspect(folder, engine)
    assert [r["cause"] for r in result.records] == [None, "size", None, None, "size"]


def test_defects_outside_the_region_of_interest_do_not_count(
    inspect: Inspect, clip: Path, tmp_path: Path
) -> None:
    roi = tmp_path / "roi.yaml"
    roi.write_text("inspect:\n- [[0, 0], [60, 0], [60, 192], [0, 192]]\n")
    good = write_clip(tmp_path / "good.mp4", [good_picture(i) for i in range(40)])
    engine = tmp_path / "roi.onnx"
    argv = ["--method", "rad", "--normal", str(good), "--size", "128x96", "--roi", str(roi)]
    assert fit([*argv, "--out", str(engine)]) == 0
    threshold = 1.5 * read_spec(engine).image_threshold
    result = inspect(clip, engine, "--set", f"verdict.image_threshold={threshold}")
    assert result.summary["failed"] == 0  # the disc lies outside


def test_no_video_writes_no_video(inspect: Inspect, clip: Path, engine: Path) -> None:
    result = inspect(clip, engine, "--no-video")
    assert sorted(p.name for p in result.out.iterdir()) == [r for r in RESULTS if "mp4" not in r]


def test_results_are_overwritten_only_with_the_option(
    inspect: Inspect, clip: Path, engine: Path
) -> None:
    first = inspect(clip, engine)
    (first.out / "my notes.txt").write_text("keep me")
    before = first.summary["started_utc"]
    refused = inspect(clip, engine)
    assert refused.code == 2
    assert "already holds results" in refused.stderr
    assert refused.summary["started_utc"] == before
    again = inspect(clip, engine, "--overwrite")
    assert again.code == 0
    assert again.summary["started_utc"] != before
    assert (first.out / "my notes.txt").read_text() == "keep me"


def test_fail_on_anomaly_is_exit_code_3(inspect: Inspect, clip: Path, engine: Path) -> None:
    assert inspect(clip, engine, "--fail-on-anomaly").code == 3
    good = ["--set", "verdict.image_threshold=99", "--overwrite", "--fail-on-anomaly"]
    good += ["--set", "health.outside=ignore"]
    assert inspect(clip, engine, *good).code == 0


def test_a_black_a_blurred_and_a_covered_frame_never_pass(
    inspect: Inspect, tmp_path: Path, engine: Path
) -> None:
    good = good_picture(7)
    covered = good.copy()
    covered[:96, :128] = 110
    changed = [np.zeros_like(good), cv2.GaussianBlur(good, (0, 0), 4), covered]
    folder = write_pictures(tmp_path / "pictures", [good, *changed])
    # Without the check they would pass: the threshold is above every score.
    result = inspect(folder, engine, "--set", "verdict.image_threshold=99")
    assert [r["verdict"] for r in result.records] == ["PASS", "ERROR", "ERROR", "ERROR"]
    errors = [r for r in result.records if r["verdict"] == "ERROR"]
    assert {r["cause"] for r in errors} == {"health"}
    assert "darker" in errors[0]["error"]
    assert all(r["score"] is not None for r in errors)
    assert errors[2]["defects"]
    assert result.summary["errored_by_cause"]["health"] == 3


def test_the_size_rule_decides_the_verdict(
    inspect: Inspect, clip: Path, engine: Path, margin: list[str]
) -> None:
    rule = [*margin, "--set", "verdict.rule=defects", "--set", "verdict.min_length_px=30"]
    assert inspect(clip, engine, *rule).summary["failed"] == 5
    rule[-1] = "verdict.min_length_px=80"
    assert inspect(clip, engine, *rule, "--overwrite").summary["failed"] == 0


def test_the_synthetic_web_runs_without_an_engine_file(inspect: Inspect) -> None:
    result = inspect(
        "synthetic",
        None,
        *("--set", "engine.backend=fake", "--set", "source.synthetic.frames=5"),
        *("--set", "source.frame_size=320x240"),
    )
    assert result.code == 0
    assert result.summary["inspected"] == 5


def test_a_run_is_the_same_twice(inspect: Inspect, clip: Path, engine: Path) -> None:
    def results(*more: str) -> list[tuple[object, ...]]:
        records = inspect(clip, engine, *more).records
        return [(r["frame_id"], r["pts_s"], r["score"], r["defects"]) for r in records]

    assert results() == results("--overwrite")


@pytest.mark.data
@pytest.mark.parametrize("name", ["bottle-detection", "bolt", "fruit"])
def test_a_real_video_is_inspected_end_to_end(inspect: Inspect, tmp_path: Path, name: str) -> None:
    videos = sorted((DATA / "video").glob(f"{name}*.mp4"))
    if not videos:
        pytest.skip("the real videos are not beside the project")
    fitted = tmp_path / "e.onnx"
    fit_argv = ["--method", "rad", "--normal", str(videos[0]), "--max-pictures", "30"]
    assert fit([*fit_argv, "--radius", "all", "--size", "224x128", "--out", str(fitted)]) == 0
    result = inspect(videos[0], fitted)
    assert result.code == 0
    with av.open(str(videos[0])) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert result.summary["captured"] == result.summary["inspected"] == frames
    with av.open(str(result.out / "annotated.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames


def test_the_log_names_pictures(inspect: Inspect, engine: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", [good_picture(7), bad_picture(8)])
    result = inspect(f"{folder}/*.png", engine)
    assert [(r["name"], r["verdict"]) for r in result.records] == [
        ("000.png", "PASS"),
        ("001.png", "FAIL"),
    ]
    snapshot = next((result.out / "snapshots").iterdir())
    assert cv2.imread(str(snapshot)).shape[1] == 2 * HW[1]


def test_every_line_of_a_run_fits_the_published_schema(
    inspect: Inspect, engine: Path, tmp_path: Path, margin: list[str]
) -> None:
    pictures = [good_picture(20), bad_picture(21), good_picture(22), good_picture(23)]
    folder = write_pictures(tmp_path / "in", pictures)
    (folder / "002.png").write_bytes(b"not a picture")
    result = inspect(folder, engine, *margin, "--set", "source.max_unreadable=0.5")
    assert result.code == 0
    records = check_log(result.out / "inspections.jsonl")
    assert [r["type"] for r in records] == ["header", *["verdict", "measured"] * 4]
    assert [r["cause"] for r in result.records] == [None, None, "decode", None]
    assert {r["run_id"] for r in records} == {result.summary["run_id"]}
    assert result.summary["errored_by_cause"]["decode"] == 1
    assert "captured 4 = inspected 3 + dropped 0 + errored 1 (decode 1)" in result.stderr
    by_id = {r["event_id"]: r for r in records}
    with (result.out / "defects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {by_id[row["event_id"]]["frame_id"] for row in rows} == {1}
    assert all((result.out / row.pop("picture")).is_file() for row in rows)
    assert all(row.pop(name) == "" for row in rows for name in EXPLANATION)
    with (result.out / "sightings.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == rows
