"""Generates pictures of a part and fits engines on them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.spec import ResizeRule
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import EngineResult, FitOptions
from learning.methods.registry import make_method
from learning.normals import Normals

HW = (64, 96)


def part(seed: int, spot: bool = False) -> np.ndarray:
    """Picture (64, 96, 3) uint8 RGB of a bright plate with a ring and noise.

    spot: whether it has a dark spot as a defect.
    """
    random = np.random.default_rng(seed)
    picture = random.normal(170, 4, (*HW, 3)).clip(0, 255).astype(np.uint8)
    cv2.circle(picture, (48, 32), 20, (90, 110, 140), 3)
    if spot:
        cv2.circle(picture, (70, 40), 5, (20, 20, 20), -1)
    return picture


def parts(count: int) -> Normals:
    pixels = np.stack([part(seed) for seed in range(count)])
    names = tuple(f"{seed}.png" for seed in range(count))
    return Normals("parts", pixels, names, HW, ResizeRule(HW), ordered=False)


def fit_parts(out: Path, **changes: Any) -> EngineResult:
    """Fits a RAD engine on eight parts. `options` are for the method, all others for FitOptions."""
    method = make_method("rad", changes.pop("options", {}))
    options = FitOptions("parts", method, resolve(DEFAULT), threads=1, **changes)
    return fit_engine(parts(8), options, out, lambda *_: None)
