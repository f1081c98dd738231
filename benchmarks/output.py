"""Measures how long drawing the view and encoding the video take, in ms per frame.

python -m benchmarks.output needs scikit-image, which has the photograph of gravel.
"""

import json
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Final

import cv2
import numpy as np
from skimage import data

from inspector.core.arrays import Image, freeze
from inspector.core.geometry import Affine
from inspector.core.types import Defect, Frame, Inspection, Severity, Verdict
from inspector.outputs.mp4 import Mp4Writer
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.options import X264
from inspector.outputs.video_encoders import open_encoder
from inspector.render.side_by_side import SideBySide

SIZES: Final = {"720p": (720, 1280), "1080p": (1080, 1920)}
PRESETS: Final = ("ultrafast", "superfast", "veryfast")
DEFECTS: Final = (0, 3, 12)
FRAMES: Final = 60
FPS: Final = 30


def main() -> None:
    cv2.setNumThreads(1)
    rows = [*render_rows(), *encode_rows()]
    print("stage                          size    CPU-ms  wall-ms  (medians per frame)")
    for row in rows:
        print(f"{row['stage']:<30} {row['size']:<6} {row['cpu_ms']:>7.2f} {row['wall_ms']:>8.2f}")
    print(json.dumps({"output": rows}))


def render_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for size, hw in SIZES.items():
        for count in DEFECTS:
            render = SideBySide(display_range=(0, 4), unit="mm")
            shown = [inspection(number, hw, count) for number in range(8)]
            draw = [lambda i=i, r=render: r(i).i420() for i in shown]
            rows.append(time_steps(f"render i420, {count} defects", size, draw * 8))
        draw = [lambda i=i, r=render: r(i).bgr() for i in shown]
        rows.append(time_steps(f"render bgr, {DEFECTS[-1]} defects", size, draw * 4))
    return rows


def encode_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for size, hw in SIZES.items():
        render = SideBySide(display_range=(0, 4), unit="mm")
        shown = [render(inspection(number, hw, 0)).i420().copy() for number in range(FRAMES)]
        for preset in PRESETS:
            rows.append(encode(preset, size, shown))
    return rows


def encode(preset: str, size: str, pictures: list[Image]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        encoder = open_encoder(
            X264,
            hw=(pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]),
            time_base=Fraction(1, FPS),
            preset=preset,
            crf=23,
            threads=1,
            gop=30,
        )
        file = Mp4File(Path(folder) / "out.mp4")
        writer = Mp4Writer(file, encoder=encoder, gop=30, sound=None)
        steps = [lambda p=p, n=n: writer.write(p, n) for n, p in enumerate(pictures)]
        row = time_steps(f"x264 {preset}, crf 23", size, steps)
        writer.drain()
        writer.finish()
    return row


def time_steps(stage: str, size: str, steps: list[Callable[[], object]]) -> dict[str, object]:
    """Medians over the steps. The first five warm up and are left out."""
    cpu, wall = [], []
    for step in steps:
        before = time.process_time(), time.perf_counter()
        step()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return {
        "stage": stage,
        "size": size,
        "cpu_ms": round(median(cpu[5:]) * 1e3, 3),
        "wall_ms": round(median(wall[5:]) * 1e3, 3),
    }


def inspection(number: int, hw: tuple[int, int], defects: int) -> Inspection:
    """Gravel that scrolls by 8 pixels per frame, with low scores and a row of defects."""
    height, width = hw
    wide = np.tile(data.gravel(), (3, 5))[:height, number * 8 : number * 8 + width]
    image = freeze(np.ascontiguousarray(np.repeat(wide[:, :, None], 3, axis=2)))
    scores = np.random.default_rng(number).normal(1, 0.2, (256, 256)).astype(np.float32)
    scores = cv2.GaussianBlur(scores, (0, 0), 4)
    frame = Frame(number, "bench", image, 0, number / FPS, "2026-01-31T12:00:00.123Z")
    return Inspection(
        frame,
        Verdict.FAIL if defects else Verdict.PASS,
        1.8,
        2.0,
        score=1.1,
        anomaly_map=np.asarray(scores, np.float32),
        to_frame=Affine.between((256, 256), (0, 0, width, height)),
        defects=tuple(defect(i, (150 + 90 * i, 100 + 45 * i)) for i in range(defects)),
        timings_ms={"latency": 61.2},
    )


def defect(number: int, at: tuple[int, int]) -> Defect:
    turn = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    outline = np.stack((at[0] + 30 * np.cos(turn), at[1] + 15 * np.sin(turn)), axis=1)
    box = (at[0] - 30.0, at[1] - 15.0, at[0] + 30.0, at[1] + 15.0)
    return Defect(
        number,
        (outline,),
        0,
        box,
        (float(at[0]), float(at[1])),
        1414.0,
        60.0,
        30.0,
        0.0,
        3.0,
        2.5,
        list(Severity)[number % 4],
        "refined",
        False,
        1500.0,
        62.0,
        31.0,
        length_mm=6.0,
        width_mm=3.0,
    )


if __name__ == "__main__":
    main()
