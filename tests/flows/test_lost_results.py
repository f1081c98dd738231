"""Tests runs whose results are removed, moved or replaced while they write."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from run_process import PACED, paced, start, wait_for_end, wait_for_frames
from waiting import wait_for


def replace_folder(out: Path) -> None:
    out.rename(out.with_name("moved"))
    out.mkdir()
    (out / "summary.json").write_text("of another run")


def remove_folder(out: Path) -> None:
    out.rename(out.with_name("moved"))
    shutil.rmtree(out.with_name("moved"))


def replace_log(out: Path) -> None:
    (out / "inspections.jsonl").rename(out / "old.jsonl")
    (out / "inspections.jsonl").write_text("")


CHANGES: dict[str, Callable[[Path], object]] = {
    "folder removed": remove_folder,
    "folder moved": lambda out: out.rename(out.with_name("moved")),
    "folder replaced": replace_folder,
    "log removed": lambda out: (out / "inspections.jsonl").unlink(),
    "log moved": lambda out: (out / "inspections.jsonl").rename(out / "old.jsonl"),
    "log replaced": replace_log,
    "log emptied": lambda out: os.truncate(out / "inspections.jsonl", 0),
    "table removed": lambda out: (out / "defects.csv").unlink(),
    "table emptied": lambda out: os.truncate(out / "defects.csv", 0),
    "video removed": lambda out: (out / "annotated.mp4").unlink(),
    "segment removed": lambda out: (out / "annotated_0001.mp4").unlink(),
    "video emptied": lambda out: os.truncate(out / "annotated.mp4", 0),
}


@pytest.mark.parametrize(
    ("change", "fps"),
    [
        *((change, 50) for change in CHANGES),
        *((change, 0.5) for change in ("folder moved", "log replaced", "table emptied")),
        ("video removed", 0.5),
    ],
)
def test_lost_results_end_the_run_at_once_with_a_sentence(
    tmp_path: Path, change: str, fps: float
) -> None:
    """fps 0.5: it does not wait for the next frame."""
    out = tmp_path / "out"
    segments = ("--set", "output.video.segment_minutes=1") if "segment" in change else ()
    process = start(out, *paced(fps), *segments)
    wait_for_frames(out, 0, process)
    time.sleep(0.2)
    if segments:  # the video follows the log
        wait_for((out / "annotated_0001.mp4").exists)
    CHANGES[change](out)
    begin_s = time.monotonic()
    code, stderr = wait_for_end(process)
    assert code == 1
    assert time.monotonic() - begin_s < 6
    sentence = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(sentence) == 1
    assert str(out) in sentence[0]
    assert "Traceback" not in stderr
    if change == "folder replaced":
        assert [p.name for p in out.iterdir()] == ["summary.json"]
        assert (out / "summary.json").read_text() == "of another run"
    if change.startswith("folder"):
        assert "captured" in stderr
    else:
        assert '"exit_code": 1' in (out / "summary.json").read_text()


def test_a_moved_log_of_the_program_is_created_anew(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "run.log"
    process = start(out, *PACED)
    wait_for_frames(out, 3, process)
    log.rename(tmp_path / "run.log.1")
    process.terminate()
    assert wait_for_end(process)[0] == 0
    assert "configuration file" in (tmp_path / "run.log.1").read_text()
    assert "results in" in log.read_text()


def test_a_run_shorter_than_a_second_notices_lost_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(out, *PACED)
    wait_for_frames(out, 2, process)
    (out / "sightings.csv").unlink()
    process.terminate()
    code, stderr = wait_for_end(process)
    assert code == 1
    assert "sightings.csv was removed or moved during the run" in stderr
