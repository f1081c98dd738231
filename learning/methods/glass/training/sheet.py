"""A sheet of pictures with synthetic defects, so that people see what a training learns from."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Mask
from learning.methods.glass.training.las import Synthesis
from learning.training_sheet import write_sheet_picture

SHEET: Final = "defects.png"

SHOWN: Final = 12
"""Synthetic defects on the sheet."""

WIDEST: Final = 1600
"""Of the sheet, px."""


def write_sheet(
    folder: Path, pixels: Image, foregrounds: Mask | None, synthesis: Synthesis, seed: int
) -> None:
    """Rows of pictures with synthetic defects, and below each the same with the mask outlined.
    pixels: (n, H, W, 3) uint8 RGB, foregrounds: (n, H, W)."""
    hw = (pixels.shape[1], pixels.shape[2])
    plain, outlined = [], []
    for number in range(SHOWN):
        index = number * len(pixels) // SHOWN
        rng = np.random.default_rng([seed, number])
        allowed = None if foregrounds is None else foregrounds[index]
        synthetic = synthesis.defect(pixels[index], allowed, hw, rng)
        plain.append(synthetic.pixels)
        outlined.append(_outline(synthetic.pixels, synthetic.mask.pixels))
    columns = max(1, min(SHOWN, WIDEST // hw[1]))
    rows = []
    for start in range(0, SHOWN - SHOWN % columns, columns):
        for tiles in (plain, outlined):
            rows.append(tiles[start : start + columns])
    write_sheet_picture(folder / SHEET, rows)


def _outline(pixels: Image, mask: Mask) -> Image:
    copy = pixels.copy()
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(copy, contours, -1, (0, 255, 0), 1)
    return copy
