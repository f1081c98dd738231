"""Tests of the roll map of whole runs, also of runs that were killed."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_pages import report_of

from calibration.plane import Calibration
from calibration.store import save_calibration
from inspector.core.errors import DataError
from inspector.report.roll import Roll, RollCollector, read_roll
from inspector.tracking.plane import WebPlane
from run_inspector import main
from tools.roll_map import main as roll_map

HW = (240, 320)


def run(folder: Path, *settings: str, frames: int = 60, calibrated: bool = True) -> Path:
    argv = ["--source", "synthetic", "--output", str(folder / "out"), "--no-video"]
    if calibrated:
        scale = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
        save_calibration(scale, folder / "line.yaml")
        argv += ["--calibration", str(folder / "line.yaml")]
    for value in (
        f"source.frame_size={HW[1]}x{HW[0]}",
        f"source.synthetic.frames={frames}",
        "source.synthetic.defect_rate=0.2",
        "engine.backend=fake",
        "engine.allow_aspect=true",
        "verdict.pixel_threshold=0.52",
        "measure.refine=false",
        "log.path=null",
        "tracking.direction=up",
        *settings,
    ):
        argv += ["--set", value]
    assert main(argv) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = ("tracking.enabled=true", "output.four_points.enabled=true")
    return run(tmp_path_factory.mktemp("tracked"), *settings)


def records(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "inspections.jsonl").read_text().splitlines()]


def test_a_run_with_tracking_writes_the_map(tracked: Path) -> None:
    svg = (tracked / "roll_map.svg").read_text(encoding="utf-8")
    closed = [r for r in records(tracked) if r["type"] == "defect_closed"]
    assert len(closed) > 3
    for record in closed:
        assert f"<title>{str(record['track_id']).rpartition('/')[2]}: " in svg
    assert (tracked / "roll_map.png").read_bytes().startswith(b"\x89PNG")
    assert "4-point score, ASTM D5430-13, as configured" in svg


def test_the_score_is_in_the_summary(tracked: Path) -> None:
    summary = json.loads((tracked / "summary.json").read_text(encoding="utf-8"))
    score = summary["four_points"]
    assert score["edition"] == "ASTM D5430-13"
    # The whole web is shorter than a yard.
    assert score["nominal"]["points"] == score["high"]["points"] == 4
    assert sum(score["by_points"].values()) == summary["tracking"]["defects"]


def test_the_roll_map_of_a_german_report_is_german(tracked: Path, tmp_path: Path) -> None:
    options = {"language": "de", "decimal": "comma"}
    page = report_of(tracked, out=tmp_path / "report.html", **options)["report.html"]
    start = page.index("<svg", page.index('class="roll"'))
    words = " ".join(re.findall(r">([^<]+)<", page[start : page.index("</svg>", start)]))
    assert re.search(r"Bahn: 0,\d+ m x 32 mm, \d+ Fehler\.", words)
    assert "4-Punkte-Wertung, ASTM D5430-13, wie eingestellt: 4 Punkte" in words
    assert not re.search("not inspected|count|defect|points|Roll map|critical", words)


def test_the_roll_agrees_with_the_log(tracked: Path) -> None:
    roll, header = read_roll(tracked)
    ledger = records(tracked)[-1]
    assert header["type"] == "header"
    assert roll.length == pytest.approx(1000 * float(str(ledger["length_m"])))
    assert roll.width == pytest.approx(32.0)
    assert len(roll.defects) == roll.defect_count == ledger["defects"]
    assert roll.inspected_area == pytest.approx(ledger["total"])
    assert roll.complete


@pytest.mark.parametrize("direction", ["up", "down", "left", "right"])
@pytest.mark.parametrize("angle", [0.0, 20.0, 90.0, 160.0])
def test_the_direction_of_a_defect_agrees_with_the_tracks(
    tracked: Path, direction: str, angle: float
) -> None:
    lines = records(tracked)
    header: Any = lines[0]
    header["config"]["tracking"]["direction"] = direction
    closed: Any = next(r for r in lines if r["type"] == "defect_closed")
    closed["defect"] |= {"orientation_deg": angle, "length_mm": 8.0, "width_mm": 0.001}
    closed["defect"]["truncated"] = False
    collector = RollCollector(header)
    collector.add(closed)
    corners = np.array(collector.make().defects[0].outline)
    x, y = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    scale = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
    ends = WebPlane(HW, direction, scale).to_web(np.array([(0, 0), (80 * x, 80 * y)]))
    expected, drawn = ends[1] - ends[0], corners[1] - corners[0]
    assert abs(expected @ drawn) == pytest.approx(64.0, abs=0.01)


def test_the_ledger_of_parts_is_not_that_of_the_web(tracked: Path) -> None:
    lines: Any = [r for r in records(tracked) if r["type"] != "ledger"]
    collector = RollCollector(lines[0])
    for record in [*lines, {"type": "ledger", "unit": "parts", "length_m": None, "total": 3}]:
        collector.add(record)
    assert not collector.make().complete


def test_a_killed_run_gets_its_map_afterwards(
    tracked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _ = read_roll(tracked)
    lines = (tracked / "inspections.jsonl").read_bytes().splitlines(keepends=True)
    events = [i for i, line in enumerate(lines) if b'"type":"defect_closed"' in line]
    cut = events[len(events) // 2]
    (tmp_path / "inspections.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][:50])
    assert roll_map([str(tmp_path)]) == 0
    roll, _ = read_roll(tmp_path)
    assert not roll.complete
    closed = sum(i < cut for i in events)
    assert closed < roll.lowest_count <= whole.defect_count <= roll.defect_count
    assert {d.track_id for d in whole.defects[:closed]} <= {d.track_id for d in roll.defects}
    assert (tmp_path / "roll_map.svg").exists()
    assert "The log has no ledger" in capsys.readouterr().out


def test_the_command_writes_the_same_map_as_the_run(tracked: Path, tmp_path: Path) -> None:
    assert roll_map([str(tracked), "--out", str(tmp_path / "new")]) == 0
    for name in ("roll_map.svg", "roll_map.png"):
        assert (tmp_path / "new" / name).read_bytes() == (tracked / name).read_bytes()


def test_the_command_can_add_a_score(
    tracked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [str(tracked), "--out", str(tmp_path), "--edition", "ASTM D5430-07"]
    assert roll_map(argv) == 0
    assert "4-point score, ASTM D5430-07" in capsys.readouterr().out


def test_a_run_without_tracking_has_no_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path, frames=3)
    assert not (folder / "roll_map.svg").exists()
    assert roll_map([str(folder)]) == 2
    assert "had no tracking" in capsys.readouterr().err


def test_the_map_can_be_turned_off(tmp_path: Path) -> None:
    folder = run(tmp_path, "tracking.enabled=true", "output.roll_map=false", frames=3)
    assert not (folder / "roll_map.svg").exists()


def test_a_map_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "out" / "roll_map.svg.part").mkdir(parents=True)
    folder = run(tmp_path, "tracking.enabled=true", frames=3)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "finished"
    assert any("there is no roll map" in warning for warning in summary["warnings"])


def test_a_run_without_calibration_is_drawn_in_pixels(tmp_path: Path) -> None:
    folder = run(tmp_path, "tracking.enabled=true", frames=20, calibrated=False)
    roll, _ = read_roll(folder)
    assert (roll.unit, roll.width) == ("px", 320.0)
    assert roll.length == pytest.approx(240 + 19 * 15, rel=1e-3)
    assert " px x 320 px" in (folder / "roll_map.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", ["tracking.enabled=true", "output.four_points.enabled=true"])
def test_a_score_needs_tracking_and_a_calibration(
    tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--source", "synthetic", "--set", "engine.backend=fake", "--set", "log.path=null"]
    argv += ["--set", "output.four_points.enabled=true", "--set", missing]
    assert main([*argv, "--output", str(tmp_path / "out")]) == 2
    assert "output.four_points: " in capsys.readouterr().err


def test_a_folder_of_several_sources_is_refused_with_their_names(
    tracked: Path, tmp_path: Path
) -> None:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        shutil.copy(tracked / "inspections.jsonl", tmp_path / name)
    with pytest.raises(DataError, match="name the folder of one source: left, right"):
        read_roll(tmp_path)
    assert isinstance(read_roll(tmp_path / "left")[0], Roll)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"no json\n", b'{"type": "verdict"}\n'])
def test_a_file_that_is_no_log_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "inspections.jsonl").write_bytes(content)
    with pytest.raises(DataError):
        read_roll(tmp_path)
