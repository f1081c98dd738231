"""Runs over a rendered web with the fake engine and a calibration, and their tables."""

import csv
from pathlib import Path

from calibration.plane import Calibration
from calibration.store import save_calibration
from run_inspector import main

HW = (240, 320)
FRAMES = 60
STEP_MM = HW[0] / 16 * 0.1
"""The synthetic web moves by a sixteenth of the frame."""


def run(folder: Path, *settings: str, frames: int = FRAMES) -> Path:
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
    argv = ["--source", "synthetic", "--output", str(folder / "out"), "--no-video"]
    argv += ["--calibration", str(folder / "line.yaml")]
    for value in {value.partition("=")[0]: value for value in values}.values():
        argv += ["--set", value]  # of a key that is there twice, the last
    assert main(argv) == 0
    return folder / "out"


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, without those of frames that fail without a defect."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["defect_id"]]
