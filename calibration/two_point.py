"""Calibration from two points whose distance is known; pixels are taken as square."""

import math

from calibration.plane import Calibration
from inspector.core.clock import utc_now
from inspector.core.errors import CalibrationError

Point = tuple[float, float]


def from_two_points(
    first: Point,
    second: Point,
    distance_mm: float,
    frame_hw: tuple[int, int],
    *,
    point_u_px: float,
    distance_u_mm: float = 0.0,
    camera: str = "",
) -> Calibration:
    """point_u_px: standard uncertainty of each point along the line between them.

    The plane is taken as parallel to the sensor. Raises CalibrationError for points outside the
    frame, or closer than 10 of their uncertainties.
    """
    if not (math.isfinite(distance_mm) and distance_mm > 0):
        raise CalibrationError(f"distance_mm must be positive, not {distance_mm}")
    if not (math.isfinite(point_u_px) and point_u_px >= 0 and distance_u_mm >= 0):
        raise CalibrationError("point_u_px and distance_u_mm must be 0 or more")
    for x, y in (first, second):
        if not (0 <= x <= frame_hw[1] and 0 <= y <= frame_hw[0]):
            raise CalibrationError(
                f"point ({x:g}, {y:g}) lies outside the frame of {frame_hw[1]}x{frame_hw[0]} pixels"
            )
    span_px = math.dist(first, second)
    if span_px < max(2.0, 10 * point_u_px):
        raise CalibrationError(
            f"the two points are only {span_px:.3g} pixels apart, known to {point_u_px:g} each"
        )
    mm_per_px = distance_mm / span_px
    spread = math.hypot(math.sqrt(2) * point_u_px / span_px, distance_u_mm / distance_mm)
    return Calibration(
        kind="scale",
        frame_hw=frame_hw,
        how=f"two points {span_px:.2f} pixels apart, {distance_mm:g} mm",
        made_utc=utc_now(),
        mm_per_px=(mm_per_px, mm_per_px),
        scale_u_rel=spread,
        camera=camera,
    )
