"""A replay follows the web of the run again: after restarts, kills, and with a line's positions."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import Replay, edit_header, read_records
from tracked_runs import spot_arguments, write_web

from inspector.recovery import recover
from run_inspector import main

Capsys = pytest.CaptureFixture[str]

STEP = 12.0
FIRST = [STEP * n for n in range(20)]
SPOTS = [(60.0, 40.0), (150.0, 130.0), (80.0, 260.0), (200.0, 350.0), (120.0, 420.0)]

EVERYTHING = (
    *("tracking.continue_last_run=true", "output.four_points.enabled=true"),
    *("rolls.enabled=true", "rolls.length_m=0.01", "parts.enabled=true", "parts.frames=6"),
    *("evidence.checkpoint_frames=4", "output.originals.enabled=true"),
)


def inspect_web(folder: Path, positions: list[float], *settings: str) -> Path:
    """The results of a run on a part of the web, in folder/runs/NUMBER."""
    before = set((folder / "runs").glob("*"))
    pictures = folder / f"web{len(before)}"
    write_web(pictures, SPOTS, positions)
    arguments = spot_arguments(pictures, str(folder / "runs" / "{number}"), *settings)
    assert main(arguments) == 0
    (new,) = set((folder / "runs").glob("*")) - before
    return new


def test_a_run_with_everything_gives_the_same_log(tmp_path: Path, capsys: Capsys) -> None:
    run = inspect_web(tmp_path, FIRST, *EVERYTHING)
    kinds = {record["type"] for record in read_records(run)}
    assert kinds >= {"part", "roll", "defect_closed", "ledger", "checkpoint"}
    replay = Replay(capsys, run)
    assert replay.code == 0, replay.text + replay.stderr
    assert f"identical: {len(read_records(run))} records" in replay.lines
    assert "note" not in replay.text


def test_a_run_that_went_on_gives_the_same_verdicts_and_sizes(
    tmp_path: Path, capsys: Capsys
) -> None:
    inspect_web(tmp_path, FIRST, *EVERYTHING)
    run = inspect_web(tmp_path, [FIRST[-1] + STEP * n for n in range(1, 20)], *EVERYTHING)
    replay = Replay(capsys, run)
    assert replay.code == 0, replay.text + replay.stderr
    assert "went on with the web of an earlier run" in replay.text
    assert any(line.startswith("identical: ") for line in replay.lines)


def test_a_killed_run_is_compared_also_after_it_was_completed(
    tmp_path: Path, capsys: Capsys
) -> None:
    run = inspect_web(tmp_path, FIRST, *EVERYTHING)
    path = run / "inspections.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if json.loads(line).get("frame_id") == 11)
    path.write_bytes(b"".join(lines[: last - 1]))  # without the part and roll of the last frame
    (run / "summary.json").unlink()
    recover(run)
    replay = Replay(capsys, run)
    assert replay.code == 0, replay.text + replay.stderr


@pytest.mark.parametrize("with_file", [True, False])
def test_positions_of_a_line_are_read_from_the_folder_of_the_run(
    tmp_path: Path, capsys: Capsys, with_file: bool
) -> None:
    encoder = tmp_path / "web0" / "encoder.csv"
    run = inspect_web(
        tmp_path, FIRST, *EVERYTHING, "tracking.motion=encoder", f"tracking.encoder={encoder}"
    )

    def ask_a_broker(header: dict[str, Any]) -> None:
        header["config"]["tracking"] |= {"motion": "mqtt", "encoder": None}
        header["config"]["tracking"]["mqtt"] |= {"host": "nowhere.invalid", "topic": "line"}
        header["source_info"]["live"] = True

    edit_header(run, ask_a_broker)
    if with_file:
        with encoder.open(newline="") as file:
            times = [float(row["time_s"]) for row in csv.DictReader(file)]
        first = next(r["captured_ns"] for r in read_records(run) if r["type"] == "measured")
        text = encoder.read_text().splitlines()[0] + "\n"
        for record in read_records(run):
            if record["type"] == "measured":
                seconds = round((record["captured_ns"] - first) / 1e9, 9)
                text += f"{seconds},{record['web']['encoder_mm']}\n"
        assert len(times) == text.count("\n") - 1
        (run / "encoder.csv").write_text(text)
    replay = Replay(capsys, run)
    assert ("tracking is off" in replay.text) == (not with_file)
    if with_file:
        assert replay.code == 0, replay.text + replay.stderr
