"""Measures the shape of an outline as far as the kind of a defect needs it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape

STEP_SHARE: Final = 1 / 200
"""Step of the resampled outline, as a share of its perimeter."""


def measure_shape(polygons: Sequence[Points], holes: int) -> dict[str, float]:
    """The figures of the shape; docs/explanations.md defines them. polygons: in frame pixels."""
    outer = polygons[: len(polygons) - holes]
    points = np.concatenate([_resample(polygon) for polygon in outer])
    length, angle_deg, width = shape.measure_calipers(points)
    area = shape.region_area(polygons, holes)
    perimeter = sum(shape.perimeter(polygon) for polygon in outer)
    thickness = 2 * area / perimeter if perimeter > 0 else 0.0
    length = max(length, 1e-6)
    bow, bend = _measure_bend(points, angle_deg, thickness)
    return {
        "aspect_ratio": width / length,
        "roundness": 4 * np.pi * area / perimeter**2 if perimeter > 0 else 0.0,
        "thickness_share": thickness / length,
        "bow_share": bow / length,
        "bend_share": bend / length,
    }


def _resample(polygon: Points) -> Points:
    """Points of equal distance along the outline."""
    closed = np.concatenate((polygon, polygon[:1]))
    at = np.concatenate(((0.0,), np.cumsum(np.hypot(*np.diff(closed, axis=0).T))))
    places = np.linspace(0, at[-1], round(1 / STEP_SHARE), endpoint=False)
    return np.column_stack([np.interp(places, at, closed[:, k]) for k in range(2)])


def _measure_bend(points: Points, angle_deg: float, thickness: float) -> tuple[float, float]:
    """How far the outline of a line is from a straight line, and from a parabola (rms), in addition
    to half of its thickness."""
    angle = np.radians(angle_deg)
    along = points @ np.array((np.cos(angle), np.sin(angle)))
    across = points @ np.array((-np.sin(angle), np.cos(angle)))
    along = along - along.mean()
    scale = max(float(np.abs(along).max()), 1e-9)
    results = []
    for degree in (1, 2):
        rest = across - np.polyval(np.polyfit(along / scale, across, degree), along / scale)
        results.append(float(np.sqrt(max(np.mean(rest**2) - thickness**2 / 4, 0.0))))
    return results[0], results[1]
