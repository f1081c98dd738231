"""A sheet of pictures with synthetic defects, so that people see what a training learns from."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.errors import SinkError
from inspector.core.files import write_whole
from inspector.core.picture_grid import join_rows
from learning.methods.glass.training.las import Synthesis

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
    _write_picture(folder / SHEET, join_rows(rows))


def _outline(pixels: Image, mask: Mask) -> Image:
    copy = pixels.copy()
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(copy, contours, -1, (0, 255, 0), 1)
    return copy


def _write_picture(path: Path, pixels: Image) -> None:
    done, content = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise SinkError(f"{path}: a sheet of shape {pixels.shape} cannot be stored as PNG")
    write_whole(path, content.tobytes())
