"""Finds free places for the numbers of defects, and fits outlines to a strip."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from inspector.report.drawing import FONT_SHARE, Box, box_points

Points = Sequence[tuple[float, float]]

SIZE: Final = 10.0
"""Font size of the numbers."""

_CELL: Final = 2.0
"""Side of a cell in pixels."""


class Labels:
    """Places short texts so that they cover no mark and no other text.

    The area from (x0, y0) to (x1, y1) is divided into cells that are free or covered.
    """

    def __init__(self, area: Box) -> None:
        self._area = area
        x0, y0, x1, y1 = area
        self._covered = np.zeros((int((y1 - y0) / _CELL) + 2, int((x1 - x0) / _CELL) + 2), bool)

    def cover(self, points: Points) -> None:
        """Marks the edges of an outline as covered. Parts outside the area count at its border."""
        corners = np.array([*points, points[0]])
        steps = int(np.abs(np.diff(corners, axis=0)).max() / _CELL) + 2
        shares = np.linspace(0.0, 1.0, steps)[:, None, None]
        edges = corners[:-1] + shares * np.diff(corners, axis=0)
        cells = ((edges.reshape(-1, 2) - self._area[:2]) / _CELL).astype(int)
        rows, columns = self._covered.shape
        self._covered[cells[:, 1].clip(0, rows - 1), cells[:, 0].clip(0, columns - 1)] = True

    def place(self, text: str, points: Points) -> tuple[float, float] | None:
        """Start of the base line of a text beside an outline; None if there is no room."""
        width, height = FONT_SHARE * SIZE * len(text), SIZE
        x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
        y0, y1 = min(y for _, y in points), max(y for _, y in points)
        column, row = (x0 + x1 - width) / 2, (y0 + y1 - height) / 2
        for x, y in (
            (x1 + 3, row),
            (x0 - 3 - width, row),
            (column, y0 - height - 2),
            (column, y1 + 3),
            (column, row - height),
            (column, row + height),
        ):
            if self._take((x, y, x + width, y + height)):
                return x, y + height - 1.5
        return None

    def _take(self, box: Box) -> bool:
        """Covers a box, if it is inside the area and free."""
        left, top, right, bottom = self._area
        x0, y0, x1, y1 = box
        if x0 < left or y0 < top or x1 > right or y1 > bottom:
            return False
        rows = slice(int((y0 - top) / _CELL), int((y1 - top) / _CELL) + 1)
        columns = slice(int((x0 - left) / _CELL), int((x1 - left) / _CELL) + 1)
        cells = self._covered[rows, columns]
        if cells.any():
            return False
        cells[:] = True
        return True


def clip(points: Points, left: float, right: float) -> list[tuple[float, float]]:
    """The part of a convex outline between two vertical lines; empty if it is outside."""
    return _cut(_cut(list(points), left, 1.0), right, -1.0)


def enlarge(points: Points, least: float) -> Points:
    """The outline, or a box around it if a side of this box would be shorter than `least`."""
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0, y1 = min(y for _, y in points), max(y for _, y in points)
    if x1 - x0 >= least and y1 - y0 >= least:
        return points
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    half, side = max(x1 - x0, least) / 2, max(y1 - y0, least) / 2
    return box_points(x - half, y - side, x + half, y + side)


def _cut(points: list[tuple[float, float]], edge: float, side: float) -> list[tuple[float, float]]:
    """side: 1 for the part to the right of the edge, -1 for the part to the left."""
    part: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in zip([*points[-1:], *points[:-1]], points, strict=True):
        inside0, inside1 = (x0 - edge) * side >= 0, (x1 - edge) * side >= 0
        if inside0 != inside1:
            part.append((edge, y0 + (y1 - y0) * (edge - x0) / (x1 - x0)))
        if inside1:
            part.append((x1, y1))
    return part
