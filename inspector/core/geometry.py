"""Points, boxes, and maps between pixel grids.

Coordinates are continuous: (0, 0) is the corner of the first pixel.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask

Points = npt.NDArray[np.float64]
"""(n, 2) float64, x to the right then y down."""

Box = tuple[int, int, int, int]
"""Half-open (x0, y0, x1, y1) in whole pixels."""


@dataclass(frozen=True, slots=True)
class Affine:
    """x' = scale_x * x + shift_x, y' = scale_y * y + shift_y; scales are positive."""

    scale_x: float
    scale_y: float
    shift_x: float = 0.0
    shift_y: float = 0.0

    def __post_init__(self) -> None:
        if not (self.scale_x > 0 and self.scale_y > 0):
            raise ValueError(f"scales must be positive, not {self.scale_x} and {self.scale_y}")

    @classmethod
    def between(cls, from_hw: tuple[int, int], to_box: tuple[float, float, float, float]) -> Self:
        """The map that stretches a grid of size `from_hw` over the box (x0, y0, x1, y1)."""
        x0, y0, x1, y1 = to_box
        return cls((x1 - x0) / from_hw[1], (y1 - y0) / from_hw[0], x0, y0)

    def apply(self, points: Points) -> Points:
        """points: (n, 2) -> (n, 2) float64."""
        scale = np.array((self.scale_x, self.scale_y))
        return points * scale + np.array((self.shift_x, self.shift_y))

    def inverse(self) -> "Affine":
        return Affine(
            1 / self.scale_x,
            1 / self.scale_y,
            -self.shift_x / self.scale_x,
            -self.shift_y / self.scale_y,
        )

    def after(self, first: "Affine") -> "Affine":
        """The map that applies `first`, then this map."""
        return Affine(
            self.scale_x * first.scale_x,
            self.scale_y * first.scale_y,
            self.scale_x * first.shift_x + self.shift_x,
            self.scale_y * first.shift_y + self.shift_y,
        )


def sample_mask(mask: Mask, to_mask: Affine, hw: tuple[int, int]) -> Mask:
    """The value of a mask at the centre of each pixel of another grid of size hw; False outside.

    mask: (h, w) bool. to_mask: pixels of the other grid -> pixels of the mask.
    """
    height, width = mask.shape
    columns = np.floor(to_mask.scale_x * (np.arange(hw[1]) + 0.5) + to_mask.shift_x).astype(int)
    rows = np.floor(to_mask.scale_y * (np.arange(hw[0]) + 0.5) + to_mask.shift_y).astype(int)
    known = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    picked = mask[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    return np.asarray(picked & known, np.bool_)
