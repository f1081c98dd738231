"""Runs the whole program with tracking on pictures of webs with known spots: with stops, reverse
motion, lost frames, two reconnects, kill -9 and a restart."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import web_lines
from benchmarks.web_lines import make_line
from calibration.plane import Calibration
from calibration.store import save_calibration
from inspector.core.arrays import Image
from inspector.outputs.folder import DEFECTS, LOG, SUMMARY
from inspector.outputs.json_log import read_records
from inspector.recovery import recover
from inspector.synthetic.media import write_picture

FRAME_HW: Final = (192, 256)
MM_PER_PX: Final = 0.1
FPS: Final = 10.0
_RADIUS: Final = 6
_NEAR_MM: Final = 1.5
"""Largest distance of a track from its spot."""

_RESTART_FRAMES: Final = 10
"""Frames of the camera that pass until the program runs again."""


@dataclass
class _Count:
    seen: int = 0
    high: int = 0
    low: int = 0
    doubled: int = 0
    lost: int = 0
    other: int = 0
    cpu_ms: list[float] = field(default_factory=list)
    frames: int = 0


def run_pipelines(per_speed: int, speeds: Sequence[float]) -> dict[str, Any]:
    """One web for each speed, with motion from an encoder and from the pictures."""
    figures: dict[str, Any] = {}
    for motion in ("encoder", "picture"):
        for speed in speeds:
            with tempfile.TemporaryDirectory() as folder:
                count = _run_web(Path(folder), motion, speed, per_speed)
            name = f"pipeline, {motion}, {speed:.2f}"
            figures[name] = {
                "seen": count.seen,
                "count": [count.low, count.high],
                "doubled": count.doubled,
                "lost": count.lost,
                "other": count.other,
                "frames": count.frames,
                "cpu_ms_per_frame": round(float(np.mean(count.cpu_ms)), 2),
            }
            print(f"{name:34s} {figures[name]}", flush=True)
    return figures


def _run_web(folder: Path, motion: str, speed: float, count: int) -> _Count:
    rng = np.random.default_rng(4)
    along = FRAME_HW[0] + np.cumsum(rng.uniform(50, 110, count))
    spots = np.column_stack((rng.uniform(20, FRAME_HW[1] - 20, count), along))
    # The line is made for taller frames.
    scale = FRAME_HW[0] / web_lines.HW[0]
    length = (along[-1] + FRAME_HW[0]) / scale
    line = make_line("all", speed * web_lines.HW[0], length, rng)
    positions = np.round(line.positions * scale).astype(int)
    arrived = np.flatnonzero(~(line.dropped | line.lost))
    kill = len(arrived) // 3  # early, because the program needs a moment to end
    camera = _Camera(spots)
    first = _Part(folder, "first", motion, camera, positions, arrived)
    written = first.run(kill_after=kill)
    if (first.results / SUMMARY).exists():
        raise SystemExit(f"the run over {first.results} ended before it could be killed")
    recover(first.results)
    rest = arrived[arrived > arrived[min(written, len(arrived) - 1)] + _RESTART_FRAMES]
    if len(rest) < 2:
        return _compare([first], spots)
    second = _Part(folder, "second", motion, camera, positions, rest)
    second.run()
    return _compare([first, second], spots)


class _Camera:
    """Pictures of a bright web with dark spots."""

    def __init__(self, spots: npt.NDArray[np.float64]) -> None:
        rng = np.random.default_rng(5)
        height = int(spots[:, 1].max()) + 2 * FRAME_HW[0]
        noise = rng.standard_normal((height, FRAME_HW[1]), np.float32)
        self.web = 200 + 5 * cv2.GaussianBlur(noise, (0, 0), 1.2)
        for x, y in spots:
            cv2.circle(self.web, (round(x), round(y)), _RADIUS, 20.0, -1)

    def frame(self, position: int) -> Image:
        """Row y shows web row position + y."""
        rows = self.web[position : position + FRAME_HW[0]]
        return np.repeat(np.clip(np.rint(rows), 0, 255).astype(np.uint8)[..., None], 3, 2)


class _Part:
    """The frames of one run of the program."""

    def __init__(
        self,
        folder: Path,
        name: str,
        motion: str,
        camera: _Camera,
        positions: npt.NDArray[np.int_],
        arrived: npt.NDArray[np.int_],
    ) -> None:
        self._folder, self._pictures, self._motion = folder, folder / name, motion
        self.positions = positions[arrived]
        height = len(camera.web) - FRAME_HW[0]
        self.positions = self.positions[(self.positions >= 0) & (self.positions < height)]
        self._pictures.mkdir()
        lines = ["time_s,position_mm"]
        for number, position in enumerate(self.positions.tolist()):
            write_picture(self._pictures / f"{number:06d}.png", camera.frame(position))
            lines.append(f"{number / FPS},{position * MM_PER_PX:.1f}")
        (self._pictures / "encoder.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        scale = Calibration("scale", FRAME_HW, "simulated", "", mm_per_px=(MM_PER_PX, MM_PER_PX))
        save_calibration(scale, folder / "scale.yaml")
        self.results = Path()
        self.written = 0

    def run(self, kill_after: int | None = None) -> int:
        """Runs the program; kills it when the log has so many frames. Returns their number."""
        before = set((self._folder / "runs").glob("*"))
        process = subprocess.Popen(self._command(), stderr=subprocess.DEVNULL)
        while process.poll() is None:
            time.sleep(0.02)
            new = set((self._folder / "runs").glob("*")) - before
            if kill_after is None or not new:
                continue
            log = next(iter(new)) / LOG
            if log.exists() and log.read_bytes().count(b'"type":"measured"') >= kill_after:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        (self.results,) = set((self._folder / "runs").glob("*")) - before
        records = read_records(self.results / LOG)
        self.written = sum(record["type"] == "measured" for record in records)
        return self.written

    def _command(self) -> list[str]:
        settings = [
            *("engine.backend=fake", "log.path=null", f"source.fps={FPS}"),
            *("output.video.enabled=false", "output.snapshots.max_count=0"),
            *("tracking.enabled=true", "tracking.direction=up", f"tracking.motion={self._motion}"),
            "tracking.continue_last_run=true",
        ]
        if self._motion == "encoder":
            settings.append(f"tracking.encoder={self._pictures / 'encoder.csv'}")
        command = [sys.executable, "-m", "tools", "run", "--source", str(self._pictures / "*.png")]
        command += ["--output", str(self._folder / "runs" / "{number}")]
        command += ["--calibration", str(self._folder / "scale.yaml")]
        return [*command, *(word for value in settings for word in ("--set", value))]


def _compare(parts: Sequence[_Part], spots: npt.NDArray[np.float64]) -> _Count:
    count = _Count()
    seen = np.zeros(len(spots), bool)
    tracks: dict[str, int] = {}
    continued = 0
    for part in parts:
        for position in part.positions[: part.written]:
            low, high = position - _RADIUS / 2, position + FRAME_HW[0] + _RADIUS / 2
            seen |= (spots[:, 1] > low) & (spots[:, 1] < high)
        summary = json.loads((part.results / SUMMARY).read_text(encoding="utf-8"))
        ledger = summary["tracking"]
        count.high += ledger["defects"]
        count.low += ledger["defects_low"]
        continued += ledger["defects_continued"]
        count.frames += summary["inspected"]
        if summary["cpu_ms_per_frame"] is not None:
            count.cpu_ms.append(summary["cpu_ms_per_frame"])
        with (part.results / DEFECTS).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["track_id"]:
                    tracks.setdefault(row["track_id"], _nearest(row, part, spots))
    count.high, count.low = count.high - continued, count.low - continued
    count.seen = int(seen.sum())
    times = np.bincount([n for n in tracks.values() if n >= 0], minlength=len(spots))
    count.doubled = int(np.maximum(times - 1, 0).sum())
    count.lost = int((seen & (times == 0)).sum())
    count.other = sum(number < 0 for number in tracks.values())
    return count


def _nearest(row: dict[str, str], part: _Part, spots: npt.NDArray[np.float64]) -> int:
    """The spot that a defect of a table is; -1 if none is near. The place is taken from its best
    frame, because positions on the web can be unknown."""
    frame = int(row["frame_id"])
    x, y = float(row["centroid_x_px"]), float(row["centroid_y_px"]) + part.positions[frame]
    distances = np.hypot(spots[:, 0] - x, spots[:, 1] - y) * MM_PER_PX
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] < _NEAR_MM else -1
