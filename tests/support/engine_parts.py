"""Generates pictures of a part and fits engines on them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.spec import ResizeRule
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import Fitted, Recipe, fit_engine
from learning.methods.base import make_method
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


def fit_parts(out: Path, **recipe: Any) -> Fitted:
    """Fits a RAD engine on eight parts. `options` are for the method, all others for the recipe."""
    method = make_method("rad", recipe.pop("options", {}))
    full_recipe = Recipe("parts", method, resolve(DEFAULT), threads=1, **recipe)
    return fit_engine(parts(8), full_recipe, out, lambda *_: None)
