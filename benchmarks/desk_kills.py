"""Kills a line with kill -9 at random times, and checks what it left and whether it starts again.

python -m benchmarks.desk_kills [--kills 30] [--seed 1]. Every start uses the same command. The line
writes video in segments, original pictures and the store, and its recipe changes several times per
second. A part of the kills falls into the start of the program.
"""

import argparse
import json
import random
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import av
import yaml

from benchmarks.clips import FOLDER
from benchmarks.desk_checks import RunOfSource, compare_store, read_cameras
from benchmarks.desk_line import RunningLine, find_logs
from inspector.core.errors import ConfigError
from inspector.evidence.report import CHANGED
from inspector.evidence.verification import Verifier
from inspector.outputs.folder import LOG, SUMMARY, find_segments
from inspector.outputs.json_log import iterate_records
from inspector.store.alarms import find_alarms
from inspector.store.database import Store
from inspector.store.requests import add_request

SOURCES: Final = ("left", "right")
RECIPES: Final = {"a": 0.7, "b": 0.75}
"""Name -> image threshold."""

INTERRUPTED: Final = "interrupted"
EARLY: Final = 0.25
"""Share of the kills in the start of the program."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args()
    folder = (FOLDER / "desk_kills").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    start_s = time.monotonic()
    counts = kill_lines(folder, options.kills, options.seed)
    counts["seconds"] = round(time.monotonic() - start_s)
    print("\n".join(f"{name:<40}{value:>8}" for name, value in counts.items()))
    print(json.dumps({"desk_kills": counts}))


def kill_lines(folder: Path, kills: int, seed: int) -> Counter[str]:
    choose = random.Random(seed)
    values = make_config(folder)
    counts: Counter[str] = Counter()
    unchecked: frozenset[Path] = frozenset()
    for _ in range(kills):
        old = find_logs(folder / "runs")
        line = RunningLine(folder, values)
        if choose.random() < EARLY:
            time.sleep(choose.uniform(0.1, 2.0))
            counts["kills during the start"] += not find_logs(folder / "runs") - old
        else:
            line.wait_for_first_frame(folder / "runs", old)
            change_for(folder, choose.uniform(0.0, 1.5))
            unchecked = check_recovered(unchecked, counts)
        line.kill()
        counts["kills"] += 1
        counts["stores that do not open"] += not is_store_whole(folder)
        new = find_logs(folder / "runs") - old
        counts["damaged lines in logs"] += sum(map(count_damaged_lines, new))
        unchecked |= new
    old = find_logs(folder / "runs")
    line = RunningLine(folder, values)
    line.wait_for_first_frame(folder / "runs", old)
    time.sleep(2)
    counts["exit code of the last run"] = line.stop()
    check_recovered(unchecked, counts)
    check_all(folder, counts)
    return counts


def make_config(folder: Path) -> dict[str, Any]:
    recipes = folder / "recipes"
    recipes.mkdir(parents=True)
    for name, threshold in RECIPES.items():
        text = yaml.safe_dump({"verdict": {"image_threshold": threshold}})
        (recipes / f"{name}.yaml").write_text(text, encoding="utf-8")
    camera = {"uri": "synthetic", "fps": 25, "frame_size": "160x120"}
    web = {"paced": True, "frames": None, "defect_rate": 0.2}
    return {
        "engine": {"backend": "fake"},
        "service": {"enabled": True},
        "store": {"enabled": True},
        "recipes": {"dir": str(recipes), "start": "a"},
        "verdict": {"pixel_threshold": 0.65},
        "output": {
            "dir": str(folder / "runs/{date}/{time}"),
            "video": {"segment_minutes": 0.01},
            "originals": {"enabled": True, "when": "failures", "pass_share": 0.2},
        },
        "evidence": {"checkpoint_frames": 10},
        "log": {"path": str(folder / "line.log")},
        "sources": [
            {"name": name, "source": camera | {"synthetic": web | {"seed": number}}}
            for number, name in enumerate(SOURCES)
        ],
    }


def change_for(folder: Path, seconds: float) -> None:
    """Asks for the other recipe again and again. It does not wait for an answer."""
    store = Store(folder / "runs" / "store.sqlite")
    end_s, number = time.monotonic() + seconds, 0
    while (left_s := end_s - time.monotonic()) > 0:
        name = list(RECIPES)[number % len(RECIPES)]
        add_request(store, "recipe", {"name": name}, who="benchmark", why="a change")
        number += 1
        threading.Event().wait(min(left_s, 0.2))
    store.close()


def is_store_whole(folder: Path) -> bool:
    path = folder / "runs" / "store.sqlite"
    if not path.exists():
        return True
    try:
        Store(path, thorough=True).close()
    except ConfigError as exc:
        print(exc, flush=True)
        return False
    return True


def count_damaged_lines(log: Path) -> int:
    """Lines that are not JSON, without the one that was being written."""
    damaged = 0
    for line in log.read_bytes().split(b"\n")[:-1]:
        try:
            json.loads(line)
        except ValueError:
            damaged += 1
    return damaged


def check_recovered(logs: frozenset[Path], counts: Counter[str]) -> frozenset[Path]:
    """Checks the runs that the start after a kill has completed. Returns those that it has not."""
    waiting = set()
    for log in logs:
        folder = log.parent
        if not (folder / SUMMARY).exists():
            waiting.add(log)
            continue
        counts["runs"] += 1
        text = log.read_bytes()
        counts["logs with an incomplete line"] += not text.endswith(b"\n")
        changed = any(report.exit_code == CHANGED for report in Verifier().verify(folder))
        counts["runs that verify calls changed"] += changed
        frames = text.count(b'{"type":"measured"')
        shown = sum(count_pictures(path, counts) for path in find_segments(folder))
        counts["frames"] += frames
        counts["frames only in the log, not in the video"] += max(0, frames - shown)
    return frozenset(waiting)


def count_pictures(path: Path, counts: Counter[str]) -> int:
    """Number of pictures of a segment."""
    counts["segments"] += 1
    try:
        with av.open(str(path)) as video:
            return sum(1 for _ in video.decode(video=0))
    except av.FFmpegError as exc:
        # The segment was begun, but no picture was written.
        is_empty = not has_pictures(path)
        counts["segments without a picture" if is_empty else "segments that do not play"] += 1
        if not is_empty:
            print(path, exc, flush=True)
        return 0


def has_pictures(path: Path) -> bool:
    return b"moof" in path.read_bytes()


def check_all(folder: Path, counts: Counter[str]) -> None:
    """Compares the logs of all runs with the store."""
    cameras = read_cameras(folder / "runs")
    store = Store(folder / "runs" / "store.sqlite", thorough=True)
    only_logs, only_store = compare_store(store, cameras)
    counts["frames only in the logs, not in the store"] = only_logs
    counts["frames only in the store"] = only_store
    alarms = find_alarms(store, open_only=False, limit=100_000)
    store.close()
    counts["alarms"] = sum(a.count for a in alarms if a.kind == INTERRUPTED)
    runs = [run for camera in cameras.values() for run in camera.runs]
    counts["runs whose numbers do not add up"] = sum(not run.is_balanced for run in runs)
    counts["runs without a summary"] = len(find_logs(folder / "runs")) - sum(
        (path.parent / SUMMARY).exists() for path in find_logs(folder / "runs")
    )
    counts["frames doubled in a run"] = sum(camera.doubled_ids for camera in cameras.values())
    # Without a run before it, a run is the first of its process.
    starts = [run for run in runs if run.frames and run.header.get("continues") is None]
    counts["first runs of a source"] = len(starts)
    silent = [run for run in starts if not says_interruption(run)]
    counts["first runs that say how long it was blind"] = len(starts) - len(silent)
    for run in silent:
        print(f"says nothing: {run.folder.relative_to(folder)}")


def says_interruption(run: RunOfSource) -> bool:
    return any(
        record["type"] == "health" and record["condition"] == INTERRUPTED
        for record in iterate_records(run.folder / LOG)
    )


if __name__ == "__main__":
    main()
