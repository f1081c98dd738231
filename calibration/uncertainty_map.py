"""Relative uncertainty of lengths and areas, by place in the frame."""

import math
from dataclasses import dataclass

import numpy as np

from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class UncertaintyMap:
    """length_rel, area_rel: relative standard uncertainties (k = 1) on a grid of rows and columns.

    The first and the last row and column are at the edges of the frame. length_rel holds for the
    worst direction at the place. Raises CalibrationError for values below 0 and for rows of
    different lengths.
    """

    length_rel: Rows
    area_rel: Rows

    def __post_init__(self) -> None:
        grids = (self.length_rel, self.area_rel)
        shapes = {(len(rows), len(row)) for rows in grids for row in rows}
        if len(shapes) != 1 or min(shapes.pop()) < 2:
            raise CalibrationError(
                "length_rel and area_rel must have the same rows and columns, at least 2 of each"
            )
        for value in (value for rows in grids for row in rows for value in row):
            if not (math.isfinite(value) and value >= 0):
                raise CalibrationError(f"length_rel and area_rel must be 0 or more, not {value}")

    def at(self, points: Points, frame_hw: tuple[int, int]) -> tuple[Points, Points]:
        """(n,) length and (n,) area, linear between the places of the grid.

        points: (n, 2) frame pixels; outside the frame the nearest edge counts.
        """
        height, width = frame_hw
        rows, columns = len(self.length_rel), len(self.length_rel[0])
        x = np.clip(points[:, 0] / width, 0, 1) * (columns - 1)
        y = np.clip(points[:, 1] / height, 0, 1) * (rows - 1)
        left = np.minimum(x.astype(np.intp), columns - 2)
        top = np.minimum(y.astype(np.intp), rows - 2)
        x, y = x - left, y - top

        def blend(grid: Rows) -> Points:
            values = np.array(grid)
            upper = values[top, left] * (1 - x) + values[top, left + 1] * x
            lower = values[top + 1, left] * (1 - x) + values[top + 1, left + 1] * x
            return np.asarray(upper * (1 - y) + lower * y, np.float64)

        return blend(self.length_rel), blend(self.area_rel)
