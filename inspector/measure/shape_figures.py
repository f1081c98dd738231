"""Computes figures of a defect's shape that have no unit. Each has a function and a table entry.

Every figure is computed for every defect and appears in the JSON log, in sightings.csv and in
defects.csv under its name in the table.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape

ShapeFigure = Callable[[Sequence[Points], int], float]
"""Outlines and the number of holes -> a finite number. Holes are the last outlines. Outlines are in
millimetres on the plane of the calibration, or in frame pixels without a calibration."""


def aspect_ratio(polygons: Sequence[Points], holes: int) -> float:
    """Width / length (least / greatest Feret diameter), 0 to 1: near 0 for a scratch."""
    points = np.concatenate(polygons[: len(polygons) - holes])
    length, _, width = shape.measure_calipers(points)
    return width / length if length > 0 else 0.0


def circularity(polygons: Sequence[Points], holes: int) -> float:
    """4 pi area / perimeter^2 of the outer outlines, 0 to 1: 1 for a disc."""
    outer = polygons[: len(polygons) - holes]
    perimeter = sum(shape.perimeter(polygon) for polygon in outer)
    area = sum(shape.area(polygon) for polygon in outer)
    return 4 * math.pi * area / perimeter**2 if perimeter > 0 else 0.0


SHAPE_FIGURES: Final[dict[str, ShapeFigure]] = {
    "aspect_ratio": aspect_ratio,
    "circularity": circularity,
}
"""Name and CSV column -> function."""


def compute_shape_figures(polygons: Sequence[Points], holes: int) -> dict[str, float]:
    """Computes all figures of the table. polygons: (n, 2) float64 each."""
    return {name: figure(polygons, holes) for name, figure in SHAPE_FIGURES.items()}
