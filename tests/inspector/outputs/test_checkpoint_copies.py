"""Tests of the copies of checkpoints in another folder, also if that folder goes away."""

import dataclasses
import json
import time
from pathlib import Path

import pytest
from output_parts import UTC, run_info

from inspector.core.errors import ConfigError
from inspector.core.events import Checkpoint, Event
from inspector.outputs import checkpoint_copies
from inspector.outputs.checkpoint_copies import CheckpointCopies
from inspector.outputs.lines import RecordLines


def checkpoint(seq: int) -> Event:
    return dataclasses.replace(Checkpoint(wall_time_utc=UTC, files={}, key_id=None), seq=seq)


def wait_for_lines(path: Path, count: int) -> list[dict[str, object]]:
    for _ in range(500):
        lines = path.read_bytes().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines if line]
        time.sleep(0.02)
    raise AssertionError(f"{path} has not {count} lines")


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_copies, "RETRY_S", 0.05)
    monkeypatch.setattr(checkpoint_copies, "END_WAIT_S", 0.5)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evidence\.checkpoint_dir: .*create it"):
        CheckpointCopies(tmp_path / "not mounted", RecordLines())


def test_header_checkpoints_and_end_are_written_at_once(tmp_path: Path) -> None:
    run = run_info()
    copies = CheckpointCopies(tmp_path, RecordLines(shared=True))
    copies.open(run)
    path = tmp_path / f"{run.run_id}_{run.source_name}.jsonl"
    assert wait_for_lines(path, 1)[0]["type"] == "header"
    copies.write_event(checkpoint(1))
    lines = wait_for_lines(path, 2)
    assert [line["seq"] for line in lines] == [0, 1]
    copies.finish(run, 2, "a" * 64)
    assert wait_for_lines(path, 3)[2] == {
        "type": "end",
        "run_id": run.run_id,
        "source": run.source_name,
        "lines": 2,
        "chain": "a" * 64,
    }


@pytest.mark.usefixtures("_quick")
def test_lines_wait_while_the_folder_is_away(tmp_path: Path) -> None:
    run, share = run_info(), tmp_path / "share"
    share.mkdir()
    copies = CheckpointCopies(share, RecordLines(shared=True))
    copies.open(run)
    path = share / f"{run.run_id}_{run.source_name}.jsonl"
    wait_for_lines(path, 1)
    share.rename(tmp_path / "away")
    for seq in range(1, 4):
        copies.write_event(checkpoint(seq))
    time.sleep(0.2)
    assert not share.exists(), "a share that is not mounted must not be made as a folder"
    (tmp_path / "away").rename(share)
    lines = wait_for_lines(path, 5)
    assert [line["seq"] for line in lines] == [0, 1, 2, 3]


@pytest.mark.usefixtures("_quick")
def test_the_end_of_a_run_does_not_wait_long_for_a_folder_that_is_gone(tmp_path: Path) -> None:
    run, share = run_info(), tmp_path / "share"
    share.mkdir()
    copies = CheckpointCopies(share, RecordLines(shared=True))
    copies.open(run)
    wait_for_lines(share / f"{run.run_id}_{run.source_name}.jsonl", 1)
    share.rename(tmp_path / "away")
    start = time.monotonic()
    copies.finish(run, 1, "a" * 64)
    assert time.monotonic() - start < 3
