"""Fills the disk of a line. Checks that the line inspects every frame and keeps the newest results.

python -m benchmarks.desk_quota has two parts. In the first, a file fills the disk and later goes
away. The disk is a small file system in memory, which only root can mount; others get the second
part alone. In the second, the results of many short runs reach their limits (`retention`), which
the line enforces once a minute.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk_checks import Camera, compare_store, read_cameras, verify_runs
from benchmarks.desk_line import RunningLine
from inspector.outputs.folder import LOG
from inspector.outputs.json_log import iterate_records
from inspector.store.alarms import find_alarms
from inspector.store.database import Store

DISK_MB: Final = 96
LESS_MB: Final = 48
VERDICTS_MB: Final = 32
FPS: Final = 20
SOURCE: Final = "main"
ORIGINALS_MB: Final = 8.0
VIDEO_MB: Final = 2.0
ROTATE_S: Final = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk_quota", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of the first part (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=2.5, help="of the second part (default: %(default)s)"
    )
    options = parser.parse_args()
    folder = (FOLDER / "desk_quota").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    figures: dict[str, Any] = {}
    if os.geteuid() == 0:
        with small_disk(folder / "full") as disk:
            figures["full disk"] = show("full disk", fill_disk(disk, options.seconds))
    figures["retention"] = show("retention", reach_limits(folder / "limits", options.minutes))
    print(json.dumps({"desk_quota": figures}))


def show(name: str, row: dict[str, Any]) -> dict[str, Any]:
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return row


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of DISK_MB in memory."""
    folder.mkdir(parents=True)
    size = ["-o", f"size={DISK_MB}m"]
    subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def make_config(folder: Path, **sections: Any) -> dict[str, Any]:
    web = {"paced": True, "frames": None, "defect_rate": 0.2}
    source = {"uri": "synthetic", "fps": FPS, "frame_size": "320x240", "synthetic": web}
    output = {
        "dir": str(folder / "runs/{date}/{time}"),
        "video": {"segment_minutes": 0.05},
        "originals": {"enabled": True, "when": "failures", "pass_share": 0.5},
    }
    return {
        "source": source,
        "engine": {"backend": "fake"},
        "verdict": {"image_threshold": 0.7, "pixel_threshold": 0.65},
        "service": {"enabled": True},
        "store": {"enabled": True},
        "log": {"path": str(folder.parent / "line.log")},
        "output": output | sections.pop("output", {}),
        **sections,
    }


def fill_disk(disk: Path, seconds: float) -> dict[str, Any]:
    """A file leaves less and less space, until it is removed."""
    limits = {"less_below_gb": LESS_MB / 1e3, "verdicts_below_gb": VERDICTS_MB / 1e3}
    values = make_config(disk / "line", output={"disk": limits})
    line = RunningLine(disk / "line", values)
    line.wait_for_first_frame(disk / "line" / "runs")
    least = float("inf")
    with (disk / "filler").open("wb") as filler:
        for _ in range(8):
            left = free_mb(disk)
            # The last step leaves less than the limit of the verdicts.
            filler.write(bytes(int(1e6 * max(0.0, min(left - VERDICTS_MB / 2, DISK_MB / 8)))))
            filler.flush()
            least = min(least, free_mb(disk))
            time.sleep(seconds / 12)
    (disk / "filler").unlink()
    time.sleep(seconds / 3)
    code = line.stop()
    figures = describe(disk / "line", code) | {"least_free_mb": round(least, 1)}
    health = [
        f"{record['condition']} {record['state']}"
        for run in read_cameras(disk / "line" / "runs")[SOURCE].runs
        for record in iterate_records(run.folder / LOG)
        if record["type"] == "health" and record["condition"].startswith("disk")
    ]
    return figures | {"health": health}


def reach_limits(folder: Path, minutes: float) -> dict[str, Any]:
    """Many short runs, whose oldest pictures and videos are removed. least_*: size after a
    cleaning, within the last minute."""
    retention = {
        "originals": {"max_gb": ORIGINALS_MB / 1e3},
        "video": {"max_gb": VIDEO_MB / 1e3},
    }
    values = make_config(folder, retention=retention)
    values["service"]["rotate_hours"] = ROTATE_S / 3600
    line = RunningLine(folder, values)
    line.wait_for_first_frame(folder / "runs")
    sizes: dict[str, list[int]] = {"originals/*": [], "annotated*.mp4": []}
    end_s = time.monotonic() + 60 * minutes
    while time.monotonic() < end_s:
        time.sleep(0.5)
        for pattern, of_pattern in sizes.items():
            if time.monotonic() > end_s - 62:
                of_pattern.append(measure_files(folder / "runs", pattern))
    figures = describe(folder, line.stop())
    runs = read_cameras(folder / "runs")[SOURCE].runs
    has_video = [has_files(run.folder, "annotated*.mp4") for run in runs]
    figures |= {
        "runs_with_video": sum(has_video),
        "newest_runs_have_video": has_video == sorted(has_video),
        "verify": verify_runs({SOURCE: Camera(SOURCE, runs)}),
    }
    for pattern, of_pattern in sizes.items():
        figures[f"least {pattern}, MB"] = round(min(of_pattern) / 1e6, 1)
    return figures


def describe(folder: Path, code: int) -> dict[str, Any]:
    cameras = read_cameras(folder / "runs")
    camera = cameras[SOURCE]
    store = Store(folder / "runs" / "store.sqlite", thorough=True)
    only_logs, only_store = compare_store(store, cameras)
    alarms = Counter(alarm.kind for alarm in find_alarms(store, open_only=False, limit=1000))
    store.close()
    return {
        "exit_code": code,
        "runs": len(camera.runs),
        "captured": camera.total("captured"),
        "inspected": camera.total("inspected"),
        "dropped": camera.total("dropped"),
        "errored": camera.total("errored"),
        "unbalanced_runs": sum(not run.is_balanced for run in camera.runs),
        "frames_missing_in_the_log": count_gaps(camera),
        "broken_links": camera.broken_links,
        "only_logs": only_logs,
        "only_store": only_store,
        "alarms": dict(alarms),
    }


def count_gaps(camera: Camera) -> int:
    """Frames without a record, that the summaries do not count as dropped."""
    captured = sum((run.summary or {}).get("captured", 0) for run in camera.runs)
    return captured - len(camera.frames) - camera.total("dropped")


def measure_files(folder: Path, pattern: str) -> int:
    """Bytes of all files; a file can go away meanwhile."""
    size = 0
    for path in folder.rglob(pattern):
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def has_files(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


def free_mb(folder: Path) -> float:
    return shutil.disk_usage(folder).free / 1e6


if __name__ == "__main__":
    main()
