"""Another engine, calibration or threshold: counts, tables, page, and a log of format 1."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flow_rig import Inspect, bad_picture, good_picture, write_clip, write_pictures
from recorded_runs import Record, Replay, edit_log, write_scale

from evaluation.replay import pictures
from tools.fit import main as fit

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def other_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    normal = write_clip(folder / "good.mp4", [good_picture(i) for i in range(30)])
    out = folder / "other.onnx"
    arguments = ["--method", "padim", "--normal", str(normal), "--size", "128x96"]
    assert fit([*arguments, "--out", str(out)]) == 0
    return out


def result(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "replay.json").read_text())
    return values


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_threshold_changes_verdicts_and_no_size(
    inspect: Inspect, clip: Path, engine: Path, margin: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    # Otherwise a frame that no longer fails is ERROR, because it is not like the good pictures.
    run = inspect(clip, engine, *margin, "--no-video", "--set", "health.outside=warn")
    scores = sorted(r["score"] for r in run.records)
    failed = sum(r["verdict"] == "FAIL" for r in run.records)
    setting = f"verdict.image_threshold={scores[-2]}"
    out = tmp_path / "again"
    assert Replay(capsys, run.out, "--set", setting, "--out", out).code == 0
    changes = result(out)["changes"]
    assert changes["verdicts"] == {
        "FAIL to FAIL": 2,
        "FAIL to PASS": failed - 2,
        "PASS to PASS": 30 - failed,
    }
    assert changes["fails"]["fail_to_pass"] == changes["differing"] == failed - 2
    assert changes["rank_correlation"] == pytest.approx(1)
    assert {size["median"] for size in changes["sizes"].values()} == {0.0}
    frames = rows(out / "changed_frames.csv")
    assert [(r["old_verdict"], r["new_verdict"]) for r in frames] == [("FAIL", "PASS")] * 3
    assert [int(r["frame_id"]) for r in frames] == [
        r["frame_id"] for r in run.records if r["verdict"] == "FAIL" and r["score"] < scores[-2]
    ]
    assert rows(out / "changed_defects.csv") == []


def test_another_engine_changes_sizes_and_the_page_shows_both(
    inspect: Inspect, clip: Path, engine: Path, other_engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    run = inspect(clip, engine, "--no-video")
    out = tmp_path / "again"
    replay = Replay(capsys, run.out, "--engine", other_engine, "--out", out)
    assert replay.code == 0
    assert f"engine: {other_engine} instead of {engine}" in replay.text
    changes = result(out)["changes"]
    assert sum(changes["verdicts"].values()) == 30
    counts = changes["defects"]
    assert counts["old"] == counts["matched"] + counts["lost"]
    assert counts["new"] == counts["matched"] + counts["added"]
    assert counts["matched"] >= 5
    page = (out / "replay.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    drawn = page.count("<img ")
    assert drawn == 2 * min(changes["differing"], pictures.MOST)
    assert "<script" not in page


def test_another_calibration_changes_sizes_in_mm_only(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    paths = [write_scale(tmp_path / f"{mm}.yaml", mm) for mm in (0.1, 0.2)]
    run = inspect(clip, engine, "--no-video", "--calibration", str(paths[0]))
    out = tmp_path / "again"
    assert Replay(capsys, run.out, "--calibration", paths[1], "--out", out).code == 0
    changes = result(out)["changes"]
    shares = {name: size["median_share"] for name, size in changes["sizes"].items()}
    assert shares == {
        "length mm": pytest.approx(1, abs=1e-6),
        "width mm": pytest.approx(1, abs=1e-6),
        "area mm2": pytest.approx(3, abs=1e-6),
    }
    assert changes["fails"]["difference"] == 0
    assert {row["change"] for row in rows(out / "changed_defects.csv")} == {"size"}


def test_the_page_is_limited_and_the_tables_have_all(
    inspect: Inspect,
    engine: Path,
    tmp_path: Path,
    capsys: Capsys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "MOST", 4)
    images = [bad_picture(k) if k >= 3 else good_picture(k) for k in range(9)]
    run = inspect(write_pictures(tmp_path / "p", images), engine, "--no-video")
    out = tmp_path / "again"
    options = ("--set", "verdict.pixel_threshold=1e9", "--set", "verdict.image_threshold=1e9")
    assert Replay(capsys, run.out, *options, "--out", out).code == 0
    page = (out / "replay.html").read_text()
    differing = result(out)["changes"]["differing"]
    assert differing >= 6
    assert page.count("<img ") == 8
    assert f"The tables list the other {differing - 4}." in page
    assert len(rows(out / "changed_frames.csv")) == differing
    defects = rows(out / "changed_defects.csv")
    assert {row["change"] for row in defects} == {"lost"}
    assert all(row["old_length_px"] and not row["new_length_px"] for row in defects)


def test_a_log_of_format_1_is_compared_by_verdicts_and_sizes(
    inspect: Inspect, clip: Path, engine: Path, tmp_path: Path, capsys: Capsys
) -> None:
    run = inspect(clip, engine, "--no-video")

    def age(records: list[Record]) -> list[Record]:
        header = records[0]
        header |= {"format": 1, "source": header.pop("source_info")}
        old = [header]
        for record in records[1:]:
            if record["type"] == "measured":
                old.append(record | {"type": "inspection"})
        for record in old:
            for name in ("run_id", "seq", "event_id", "chain", "part_id", "recipe_id"):
                del record[name]
        del header["source_hash"], header["version"]
        return old

    edit_log(run.out, age)
    replay = Replay(capsys, run.out, "--out", tmp_path / "again")
    assert replay.code == 0
    assert "note: the log has format 1: verdicts, scores and sizes are compared" in replay.text
    changes = result(tmp_path / "again")["changes"]
    assert changes["differing"] == 0
    assert changes["frames"] == 30


def test_a_live_run_with_another_setting_measures_all_regions(
    live: Inspect, tmp_path: Path, capsys: Capsys
) -> None:
    run = live("--set", "measure.budget_ms=1")
    out = tmp_path / "again"
    replay = Replay(capsys, run.out, "--set", "verdict.image_threshold=0.9", "--out", out)
    assert "the live run had limited time for measuring" in replay.text
    changes = result(out)["changes"]
    assert changes["frames"] == len(run.records)
    assert changes["defects"]["old"] > 0
