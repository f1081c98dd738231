"""Makes folders of generated pictures, and trains on them for a short time."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from replace_options import replace_options

from tools.train import main

HW = (64, 96)
ROOT = Path(__file__).parents[2]

SHORT = ("--size", "96x64", "--epochs", "3", "--batch", "4", "--eval-every", "1", "--threads", "1")


def picture(seed: int, *, spot: bool = False) -> np.ndarray:
    """(64, 96, 3) uint8 BGR: grain with a dark bar. spot: with a red spot as a defect."""
    image = np.random.default_rng(seed).normal(120, 6, (*HW, 3))
    image[24:40] -= 50
    image = np.clip(image, 0, 255).astype(np.uint8)
    if spot:
        image[10:22, 50:66] = (40, 40, 200)
    return image


def class_folder(place: Path, *, good: int = 8, tests: bool = False) -> Path:
    folder = place / "bars"
    _write(folder / "train" / "good", [picture(seed) for seed in range(good)])
    if tests:
        _write(folder / "test" / "good", [picture(100 + seed) for seed in range(4)])
        _write(folder / "test" / "spot", [picture(200 + seed, spot=True) for seed in range(4)])
        mask = np.zeros(HW, np.uint8)
        mask[10:22, 50:66] = 255
        _write(folder / "ground_truth" / "spot", [mask] * 4, "_mask")
    return folder


def _write(folder: Path, pictures: list[np.ndarray], suffix: str = "") -> None:
    folder.mkdir(parents=True)
    for index, image in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index:03}{suffix}.png"), image)


def train(data: Path, out: Path, *more: str) -> int:
    argv = ["--method", "glass", "--data", str(data), "--out", str(out), *SHORT]
    return main(replace_options(argv, more))


def command(data: Path, out: Path, hook: str) -> list[str]:
    """A command that trains in a separate process and calls `hook` at every step."""
    code = f"""
import os, signal, sys
from tools import _train_watch, train
def hook(self, epoch, done, steps):
    {hook}
_train_watch.TrainingWatch.progress = hook
sys.exit(train.main({["--method", "glass", "--data", str(data), "--out", str(out), *SHORT]!r}))
"""
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}
