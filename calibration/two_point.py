"""Calibrates from two points with a known distance. Assumes square pixels."""

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
    """Makes a calibration of kind scale. Assumes that the plane is parallel to the sensor.

    first, second: (x, y) in frame pixels. point_u_px: standard uncertainty of each point along the
    line between them. distance_u_mm: standard uncertainty of distance_mm. Raises CalibrationError
    for points outside the frame, and for points closer together than 10 times point_u_px.
    """
    if not (math.isfinite(distance_mm) and distance_mm > 0):
        raise CalibrationError(f"distance_mm must be above 0, not {distance_mm}")
    if not (math.isfinite(point_u_px) and point_u_px >= 0 and distance_u_mm >= 0):
        raise CalibrationError("point_u_px and distance_u_mm must be 0 or more")
    for x, y in (first, second):
        if not (0 <= x <= frame_hw[1] and 0 <= y <= frame_hw[0]):
            raise CalibrationError(
                f"point ({x:g}, {y:g}) is outside the frame of {frame_hw[1]}x{frame_hw[0]} pixels"
            )
    span_px = math.dist(first, second)
    if span_px < max(2.0, 10 * point_u_px):
        raise CalibrationError(
            f"the two points are only {span_px:.3g} pixels apart, with an uncertainty of "
            f"{point_u_px:g} each; choose points that are further apart"
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
