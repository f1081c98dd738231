"""Runs over a rendered web with the fake engine and a calibration, and their tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from calibration.plane import Calibration
from calibration.store import save_calibration
from inspector.synthetic.media import write_picture
from run_inspector import main

HW = (240, 320)
FRAMES = 60
STEP_MM = HW[0] / 16 * 0.1
"""The synthetic web moves by a sixteenth of the frame."""


def run(folder: Path, *settings: str, frames: int = FRAMES, video: bool = False) -> Path:
    calibration = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(calibration, folder / "line.yaml")
    values = (
        f"source.frame_size={HW[1]}x{HW[0]}",
        f"source.synthetic.frames={frames}",
        "source.synthetic.defect_rate=0.2",
        "engine.backend=fake",
        "engine.allow_aspect=true",
        "verdict.pixel_threshold=0.52",
        "measure.refine=false",
        "log.path=null",
        *settings,
    )
    argv = ["--source", "synthetic", "--output", str(folder / "out")]
    argv += [] if video else ["--no-video"]
    argv += ["--calibration", str(folder / "line.yaml")]
    for value in {value.partition("=")[0]: value for value in values}.values():
        argv += ["--set", value]  # of a key that is there twice, the last
    assert main(argv) == 0
    return folder / "out"


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, without those of frames that fail without a defect."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["defect_id"]]


SPOT_HW = (192, 256)
"""Size of the frames of run_spots. The fake engine finds dark places on the bright web."""


def write_web(
    folder: Path, spots: Sequence[tuple[float, float]], positions: Sequence[float]
) -> None:
    """Writes pictures of a bright web with dark spots of 12 px that moves up, and encoder.csv.

    spots: centre of each (x, web position) in px. positions: web position of the first row of each
    picture. A pixel is 0.1 mm, and the pictures come 10 times in a second.
    """
    height = int(max(positions)) + SPOT_HW[0] + 2
    noise = np.random.default_rng(5).standard_normal((height, SPOT_HW[1]), np.float32)
    web = 200 + 10 * cv2.GaussianBlur(noise, (0, 0), 1.2)
    for x, y in spots:
        cv2.circle(web, (round(x), round(y)), 6, 20.0, -1)
    folder.mkdir(parents=True)
    lines = ["time_s,position_mm"]
    for number, position in enumerate(positions):
        rows_of_web = web[round(position) : round(position) + SPOT_HW[0]]
        image = np.repeat(np.clip(np.rint(rows_of_web), 0, 255).astype(np.uint8)[..., None], 3, 2)
        write_picture(folder / f"{number:05d}.png", image)
        lines.append(f"{number / 10},{round(position) * 0.1:.1f}")
    (folder / "encoder.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def spot_arguments(pictures: Path, output: str, *settings: str) -> list[str]:
    """The arguments of the command that inspects a web with spots."""
    calibration = Calibration("scale", SPOT_HW, "test", "", mm_per_px=(0.1, 0.1))
    save_calibration(calibration, pictures.parent / "spots.yaml")
    argv = ["--source", str(pictures / "*.png"), "--output", output, "--no-video"]
    argv += ["--calibration", str(pictures.parent / "spots.yaml")]
    values = ("engine.backend=fake", "log.path=null", "source.fps=10", "tracking.enabled=true")
    # Without refining, because it finds pieces of the noise beside a spot.
    values += ("tracking.direction=up", "output.snapshots.max_count=0", "measure.refine=false")
    for value in {v.partition("=")[0]: v for v in (*values, *settings)}.values():
        argv += ["--set", value]
    return argv
