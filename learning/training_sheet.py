"""Writes a sheet of the pictures that a training learns from."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.core.files import write_whole
from inspector.core.picture_grid import join_rows


def write_sheet_picture(path: Path, rows: Sequence[Sequence[Image]]) -> None:
    """rows: of pictures (H, W, 3) uint8 RGB of one size. Writes a PNG. Raises SinkError."""
    pixels = join_rows(rows)
    done, content = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise SinkError(f"{path}: a sheet of shape {pixels.shape} cannot be stored as PNG")
    write_whole(path, content.tobytes())
