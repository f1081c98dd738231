"""Measures an outline in millimetres, with standard uncertainties."""

import math
from dataclasses import dataclass

import numpy as np

from calibration.plane import Calibration
from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.outline import Outline


@dataclass(frozen=True, slots=True)
class PhysicalSizes:
    """The fields of a Defect that need a calibration. Without a calibration all are None."""

    centroid_mm: tuple[float, float] | None = None
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None
    equivalent_diameter_mm: float | None = None
    area_u_mm2: float | None = None
    length_u_mm: float | None = None
    width_u_mm: float | None = None
    map_area_mm2: float | None = None
    map_length_mm: float | None = None
    map_width_mm: float | None = None


def measure_in_millimetres(
    calibration: Calibration, outline: Outline, map_polygons: tuple[Points, ...], map_holes: int
) -> PhysicalSizes:
    """Measures polygons on the plane of the calibration.

    Every vertex is moved to the plane first. So the sizes are right for a tilted camera and for
    pixels that are not square. The uncertainty of the outline is scaled with the scale at its
    centroid. The relative uncertainties of the calibration at the place of the outline, for
    lengths and for areas, are added in quadrature.
    """
    polygons = tuple(calibration.to_plane(p) for p in outline.polygons)
    points = np.concatenate(polygons[: len(polygons) - outline.holes])
    on_map = tuple(calibration.to_plane(p) for p in map_polygons)
    map_points = np.concatenate(on_map[: len(on_map) - map_holes])
    area = shape.region_area(polygons, outline.holes)
    length, _, width = shape.measure_calipers(points)
    map_length, _, map_width = shape.measure_calipers(map_points)
    centre = shape.region_centroid(outline.polygons, outline.holes)
    scale = abs(float(np.linalg.det(calibration.jacobian(centre))))
    pitch = math.sqrt(scale)
    length_u_rel, area_u_rel = calibration.relative_u(outline.outer)
    return PhysicalSizes(
        centroid_mm=shape.region_centroid(polygons, outline.holes),
        area_mm2=area,
        length_mm=length,
        width_mm=width,
        equivalent_diameter_mm=shape.equivalent_diameter(area),
        area_u_mm2=math.hypot(outline.area_u_px * scale, area_u_rel * area),
        length_u_mm=math.hypot(outline.length_u_px * pitch, length_u_rel * length),
        width_u_mm=math.hypot(outline.width_u_px * pitch, length_u_rel * width),
        map_area_mm2=shape.region_area(on_map, map_holes),
        map_length_mm=map_length,
        map_width_mm=map_width,
    )
