"""Tests that the results of a killed run can be completed from its log."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from record_schema import check_log
from tracked_runs import FRAMES, rows, run

from inspector.core.errors import ConfigError
from inspector.recovery import recover
from tools.__main__ import main as tools

TRACKED = ("tracking.enabled=true", "tracking.direction=up")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("whole"), *TRACKED, frames=FRAMES)


WITH_PARTS = (
    *("parts.enabled=true", "parts.frames=7", "rolls.enabled=true", "rolls.length_m=0.02"),
    *('output.csv={separator: ";", decimal: ",", bom: true}', "evidence.checkpoint_frames=10"),
)


@pytest.fixture(scope="module")
def with_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("parts"), *TRACKED, *WITH_PARTS, frames=40)


def kill_at(folder: Path, frame_id: int, target: Path, *, rest: bytes = b'{"type":"ver') -> Path:
    """The files as they are if the run is killed while it writes the lines of the next frame."""
    target.mkdir()
    shutil.copy(folder.parent / "line.yaml", target.parent / "line.yaml")
    lines = (folder / "inspections.jsonl").read_bytes().splitlines(keepends=True)
    last = max(
        n
        for n, line in enumerate(lines)
        if (record := json.loads(line))["type"] == "measured" and record["frame_id"] == frame_id
    )
    while json.loads(lines[last + 1])["type"] == "defect_closed":
        last += 1
    (target / "inspections.jsonl").write_bytes(b"".join(lines[: last + 1]) + rest)
    closed = sum(json.loads(line)["type"] == "defect_closed" for line in lines[: last + 1])
    for name in ("sightings.csv", "defects.csv"):
        table = (folder / name).read_bytes().splitlines(keepends=True)
        if name == "defects.csv":
            table = table[: closed + 1]
        else:
            numbers = [int(row["frame_id"]) for row in csv.DictReader(_lines(folder / name))]
            table = table[: 1 + sum(number <= frame_id for number in numbers)]
        (target / name).write_bytes(b"".join(table) + b"12,3")
    return target


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def figures(row: dict[str, str]) -> dict[str, Any]:
    """The cells that do not depend on the time or the id of the run."""
    names = ("first_frame_id", "last_frame_id", "best_frame_id", "sightings", "truncated", "seq")
    sizes = ("length_mm", "width_mm", "area_mm2", "web_x_mm", "web_y_m")
    number = row["track_id"].rpartition("/")[2]
    return {n: row[n] for n in names} | {n: float(row[n] or 0) for n in sizes} | {"id": number}


@pytest.mark.parametrize("frame_id", [3, 41, 58])
def test_a_killed_run_is_completed_as_if_it_had_ended_there(
    whole: Path, tmp_path: Path, frame_id: int
) -> None:
    killed = kill_at(whole, frame_id, tmp_path / "killed")
    before = rows(whole / "defects.csv")
    recover(killed)
    ended = run(tmp_path, *TRACKED, frames=frame_id + 1)
    assert len(rows(killed / "defects.csv")) == len(rows(ended / "defects.csv"))
    for mine, true in zip(rows(killed / "defects.csv"), rows(ended / "defects.csv"), strict=True):
        mine_figures, true_figures = figures(mine), figures(true)
        for name, value in true_figures.items():
            if isinstance(value, float):
                assert mine_figures[name] == pytest.approx(value, rel=1e-4, abs=1e-3), name
            else:
                assert mine_figures[name] == value, name
    records = check_log(killed / "inspections.jsonl")
    true_ledger = check_log(ended / "inspections.jsonl")[-1]
    for name in ("total", "inspected_once", "inspected_more", "length_m", "defects"):
        assert records[-1][name] == pytest.approx(true_ledger[name], rel=1e-6), name
    assert [r["track_id"] for r in records if r["type"] == "defect_closed"] == [
        row["track_id"] for row in rows(killed / "defects.csv")
    ]
    assert rows(whole / "defects.csv") == before
    same = [r for r in rows(killed / "defects.csv") if r in before]
    assert len(same) <= len(before)


def test_the_summary_of_a_killed_run_says_so_and_counts_its_frames(
    whole: Path, tmp_path: Path
) -> None:
    killed = kill_at(whole, 41, tmp_path / "killed")
    (sentences,) = recover(killed).values()
    summary = json.loads((killed / "summary.json").read_text(encoding="utf-8"))
    complete = json.loads((whole / "summary.json").read_text(encoding="utf-8"))
    assert summary.keys() == complete.keys()
    assert (summary["status"], summary["exit_code"]) == ("killed", 137)
    assert summary["captured"] == summary["inspected"] + summary["dropped"] + summary["errored"]
    assert summary["captured"] == 42
    assert summary["defects"]["total"] == len(rows(killed / "sightings.csv"))
    assert summary["tracking"]["defects"] == len(rows(killed / "defects.csv"))
    assert "frames that were captured after frame 41 are lost" in " ".join(sentences)
    assert "12 bytes of an incomplete line were removed from inspections.jsonl" in sentences


def test_a_completed_run_is_verified_and_a_later_change_is_found(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = kill_at(whole, 41, tmp_path / "killed")
    assert tools(["verify", str(killed)]) == 9
    recover(killed)
    assert tools(["verify", str(killed)]) == 0, capsys.readouterr().out
    with (killed / "defects.csv").open("a", encoding="utf-8") as file:
        file.write("x")
    assert tools(["verify", str(killed)]) == 8
    assert "defects.csv" in capsys.readouterr().out


@pytest.mark.parametrize("checkpoint_frames", [5, 100])
def test_a_completed_run_with_a_video_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint_frames: int
) -> None:
    settings = (f"evidence.checkpoint_frames={checkpoint_frames}",)
    folder = run(tmp_path, *TRACKED, *settings, frames=12, video=True)
    (folder / "summary.json").unlink()
    recover(folder)
    assert tools(["verify", str(folder)]) == 0, capsys.readouterr().out
    video = folder / "annotated.mp4"
    changed = bytearray(video.read_bytes())
    changed[-30] ^= 1
    video.write_bytes(changed)
    assert tools(["verify", str(folder)]) == 8
    assert "annotated.mp4" in capsys.readouterr().out


def test_a_log_without_an_incomplete_line_is_completed_as_well(whole: Path, tmp_path: Path) -> None:
    killed = kill_at(whole, 30, tmp_path / "killed", rest=b"")
    size = (killed / "inspections.jsonl").stat().st_size
    before = (killed / "inspections.jsonl").read_bytes()
    recover(killed)
    assert (killed / "inspections.jsonl").read_bytes()[:size] == before


def cut_after(folder: Path, target: Path, number: int, *, rows_of_parts: int | None = None) -> Path:
    """A copy of the folder as after kill -9, with the first lines of its log. rows_of_parts: of
    parts.csv; None: one for each line of the log."""
    shutil.copytree(folder, target)
    shutil.copy(folder.parent / "line.yaml", target.parent / "line.yaml")
    lines = (folder / "inspections.jsonl").read_bytes().splitlines(keepends=True)[:number]
    types = [json.loads(line)["type"] for line in lines]
    (target / "inspections.jsonl").write_bytes(b"".join(lines))
    (target / "summary.json").unlink()
    count = types.count("part") if rows_of_parts is None else rows_of_parts
    for name, length in (("defects.csv", types.count("defect_closed")), ("parts.csv", count)):
        table = (folder / name).read_bytes().splitlines(keepends=True)
        (target / name).write_bytes(b"".join(table[: 1 + length]) + b"20")
    return target


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 1.0])
def test_parts_and_rolls_of_a_killed_run_are_completed(
    with_parts: Path, tmp_path: Path, share: float
) -> None:
    lines = (with_parts / "inspections.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines[: int(share * len(lines))]]
    last = max(n for n, record in enumerate(records) if record["type"] == "measured")
    killed = cut_after(with_parts, tmp_path / "killed", last + 1, rows_of_parts=1)
    (sentences,) = recover(killed).values()
    records = check_log(killed / "inspections.jsonl")
    parts = [r for r in records if r["type"] == "part"]
    rolls = [r for r in records if r["type"] == "roll"]
    (ledger,) = (r for r in records if r["type"] == "ledger" and r["unit"] != "parts")
    summary = json.loads((killed / "summary.json").read_text(encoding="utf-8"))
    counted = [summary["parts"][name] for name in ("total", "passed", "failed", "errored")]
    verdicts = [part["verdict"] for part in parts]
    assert counted == [len(parts), *(verdicts.count(v) for v in ("PASS", "FAIL", "ERROR"))]
    assert summary["rolls"]["total"] == len(rolls)
    assert sum(roll["frames"] for roll in rolls) == summary["captured"]
    assert sum(roll["defects"] for roll in rolls) == ledger["defects"]
    assert sum(roll["length_m"] for roll in rolls) == pytest.approx(ledger["length_m"], rel=1e-6)
    rows_of_parts = (killed / "parts.csv").read_bytes().splitlines()
    assert rows_of_parts == (with_parts / "parts.csv").read_bytes().splitlines()[: len(parts) + 1]
    closed = [r for r in records if r["type"] == "defect_closed"]
    assert all(r["part_id"] is not None for r in closed)
    frames = {r["frame_id"]: r["part_id"] for r in records if r["type"] == "measured"}
    assert all(r["part_id"] == frames[r["best_frame_id"]] for r in closed)
    open_part = frames[max(frames)] not in {part["part_id"] for part in parts}
    assert ("parts that were not complete" in " ".join(sentences)) == open_part
    assert tools(["verify", str(killed)]) == 0


def test_sources_with_joined_parts_are_completed(tmp_path: Path) -> None:
    whole = run(tmp_path, "parts.enabled=true", frames=6)
    session = tmp_path / "session"
    for name in ("left", "right"):
        shutil.copytree(whole, session / name)
        (session / name / "summary.json").unlink()
        log = session / name / "inspections.jsonl"
        header, rest = log.read_bytes().split(b"\n", 1)
        values = json.loads(header)
        values["config"]["parts"]["join"] = True
        log.write_bytes(json.dumps(values).encode() + b"\n" + rest)
    (session / "parts.csv").write_bytes((whole / "parts.csv").read_bytes() + b"2026")
    done = recover(session)
    assert (session / "parts.csv").read_bytes() == (whole / "parts.csv").read_bytes()
    assert done[session] == ["4 bytes of an incomplete line were removed from parts.csv"]
    assert "parts of several sources are not counted; parts.csv has them" in done[session / "left"]
    summary = json.loads((session / "left" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["parts"], summary["inspected"]) == (None, 6)


def test_the_ledger_of_the_web_is_written_also_after_that_of_the_parts(
    with_parts: Path, tmp_path: Path
) -> None:
    lines = (with_parts / "inspections.jsonl").read_bytes().splitlines()
    units = [json.loads(line).get("unit") for line in lines]
    killed = cut_after(with_parts, tmp_path / "killed", units.index("parts") + 1)
    recover(killed)
    records = check_log(killed / "inspections.jsonl")
    assert [r["unit"] for r in records if r["type"] == "ledger"] == ["parts", "mm2"]


def test_a_run_that_ended_or_is_no_run_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its run was not killed"):
        recover(whole)
    with pytest.raises(ConfigError, match="name the output folder of a run"):
        recover(tmp_path)
    killed = kill_at(whole, 30, tmp_path / "killed")
    recover(killed)
    with pytest.raises(ConfigError, match="its run was not killed"):
        recover(killed)


def test_a_run_without_tracking_gets_its_summary(tmp_path: Path) -> None:
    folder = run(tmp_path, frames=12)
    (folder / "summary.json").unlink()
    tables = {n: (folder / n).read_bytes() for n in ("defects.csv", "inspections.jsonl")}
    recover(folder)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert (summary["inspected"], summary["tracking"]) == (12, None)
    assert tables == {n: (folder / n).read_bytes() for n in tables}


def test_the_command_prints_what_it_did(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = kill_at(whole, 30, tmp_path / "killed")
    assert tools(["recover", str(killed)]) == 0
    assert "open defects that are closed now" in capsys.readouterr().out
    assert tools(["recover", str(killed)]) == 2


def test_a_calibration_that_changed_leaves_the_open_defects_open(
    whole: Path, tmp_path: Path
) -> None:
    killed = kill_at(whole, 30, tmp_path / "killed")
    log = killed / "inspections.jsonl"
    header, rest = log.read_bytes().split(b"\n", 1)
    values = json.loads(header) | {"calibration_hash": "0" * 64}
    log.write_bytes(json.dumps(values).encode() + b"\n" + rest)
    (sentences,) = recover(killed).values()
    assert any("is not the calibration of the run any more" in s for s in sentences)
    assert json.loads((killed / "summary.json").read_text(encoding="utf-8"))["inspected"] == 31
