"""Kills a line again and again at random times, and looks at what it leaves."""

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from run_process import ROOT

from inspector.outputs.json_log import read_records
from inspector.service.unfinished import FILE, find_unfinished
from inspector.store.database import Store
from inspector.store.events import find_events
from tools.verify import main as verify

FPS = 25
LONGEST_S = 1.5
"""Until a kill, from the start of a process, or from its first frame."""

CONFIG = f"""
source:
  uri: synthetic
  fps: {FPS}
  frame_size: 320x240
  synthetic: {{paced: true, frames: null}}
engine: {{backend: fake}}
verdict: {{pixel_threshold: 9}}
output: {{dir: "runs/{{date}}/{{time}}"}}
store: {{enabled: true}}
service: {{enabled: true}}
log: {{path: line.log}}
"""
PATTERN = "runs/{date}/{time}"


@dataclass(frozen=True, slots=True)
class KilledLines:
    """kills: of processes. marked: of them, while a run was marked as not ended. runs: logs with a
    header. frames: in all logs. lost_video: frames of the logs that the video lacks, at most
    in one run. interruptions: events that say how long the line was blind. start_s: from the
    start of the last process to its first frame in the log."""

    kills: int
    marked: int
    runs: int
    frames: int
    lost_video: int
    interruptions: int
    start_s: float


def kill_lines(folder: Path, *, kills: int, seed: int) -> KilledLines:
    """Each process is killed with SIGKILL, one third of them while they start. A last one completes
    the results and ends in order. Fails if something is not whole."""
    (folder / "config.yaml").write_text(CONFIG)
    choose = random.Random(seed)
    marked = 0
    for _ in range(kills):
        process, before = _start(folder), len(_logs(folder))
        try:
            if choose.random() < 2 / 3:
                _wait_for(process, lambda count=before: _has_frames(_logs(folder)[count:]))
            time.sleep(choose.uniform(0.0, LONGEST_S))
            assert process.poll() is None, process.communicate()[0]
        finally:
            process.kill()
        process.communicate()
        marked += (folder / "runs" / FILE).exists()
        with _store(folder):
            pass
    start_s = time.monotonic()
    process, before = _start(folder), len(_logs(folder))
    try:
        _wait_for(process, lambda: _has_frames(_logs(folder)[before:]))
        first_s = time.monotonic() - start_s
        last = _logs(folder)[-1].parent
        _wait_for(process, lambda: _unfinished(folder) == [last])
        process.terminate()
        output, _ = process.communicate(timeout=100)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return _check(folder, kills, marked, first_s)


def _start(folder: Path) -> "subprocess.Popen[str]":
    argv = [sys.executable, str(ROOT / "run_inspector.py"), "--config", "config.yaml"]
    return subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _wait_for(process: "subprocess.Popen[str]", condition: Any) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/*/*/inspections.jsonl"))


def _has_frames(logs: list[Path]) -> bool:
    return any(b'"type":"measured"' in log.read_bytes() for log in logs)


def _unfinished(folder: Path) -> list[Path]:
    return find_unfinished(str(folder / PATTERN))


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[Store]:
    with contextlib.closing(Store(folder / "runs/store.sqlite", thorough=True)) as store:
        yield store


def _check(folder: Path, kills: int, marked: int, first_s: float) -> KilledLines:
    assert _unfinished(folder) == []
    assert not (folder / "runs" / FILE).exists()
    runs, interruptions, lost_video = 0, 0, 0
    expected: dict[str, int] = {}
    for log in _logs(folder):
        if not log.read_bytes().startswith(b"{"):
            continue  # killed before the header
        runs += 1
        records = read_records(log)
        assert verify([str(log.parent)]) in (0, 9), log  # 9: the run was cut
        frames = sum(record["type"] == "measured" for record in records)
        expected[records[0]["run_id"]] = frames
        interruptions += sum(record["type"] == "health" for record in records)
        lost_video = max(lost_video, frames - _count_pictures(log.with_name("annotated.mp4")))
    with _store(folder) as store:
        with store.read() as db:
            rows = db.execute(
                "SELECT r.run_id, count(*) FROM inspections i JOIN runs r ON i.run = r.id "
                "GROUP BY r.run_id"
            ).fetchall()
        stored = len(find_events(store, types=("health",), limit=100_000))
    assert dict(rows) == {run: count for run, count in expected.items() if count}
    assert stored == interruptions
    return KilledLines(
        kills,
        marked,
        runs,
        sum(expected.values()),
        lost_video,
        interruptions,
        round(first_s, 2),
    )


def _count_pictures(video: Path) -> int:
    """0 if the video has no complete picture yet."""
    if not video.exists():
        return 0
    with contextlib.suppress(av.error.InvalidDataError), av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))
    return 0
