"""Gradient noise (Perlin, SIGGRAPH 2002), on pictures of any size."""

from typing import Final

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
"""(H, W)."""

GAIN: Final = np.float32(np.sqrt(2))
"""Brings the noise's range from +-sqrt(1/2) to +-1."""


def noise(hw: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Field:
    """(H, W) in [-1, 1], 0 at the corners of a lattice of `cells` (rows, columns) over the picture.

    Pixel y lies at y * rows / H of the lattice, so H need not be a multiple of the rows.
    """
    angles = rng.uniform(0, 2 * np.pi, (cells[0] + 1, cells[1] + 1))
    slopes = np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)
    (row, y), (column, x) = _lattice(hw[0], cells[0]), _lattice(hw[1], cells[1])

    def corner(down: int, right: int) -> Field:
        across = [slope[np.ix_(row + down, column + right)] for slope in slopes]
        sloped: Field = across[0] * (y - down)[:, None] + across[1] * (x - right)
        return sloped

    fade_y, fade_x = _fade(y)[:, None], _fade(x)
    top, left = corner(0, 0), corner(1, 0)
    top += fade_x * (corner(0, 1) - top)
    left += fade_x * (corner(1, 1) - left)
    mixed: Field = GAIN * (top + fade_y * (left - top))
    return mixed


def _lattice(length: int, cells: int) -> tuple[npt.NDArray[np.intp], Field]:
    """Per pixel: its cell, and where in the cell it lies, 0 to 1."""
    at = np.arange(length) * cells / length
    cell = np.floor(at).astype(np.intp)
    return cell, (at - cell).astype(np.float32)


def _fade(at: Field) -> Field:
    faded: Field = at**3 * (at * (at * 6 - 15) + 10)
    return faded
