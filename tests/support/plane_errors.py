"""Compares a calibration with the camera that rendered its pictures."""

import math

import numpy as np

from benchmarks.board_pictures import Camera
from calibration.plane import Calibration
from inspector.core.geometry import Points

RADIUS_PX = 20.0


def length_errors(
    calibration: Calibration, camera: Camera, pose: Points, place: tuple[float, float]
) -> Points:
    """Relative errors of eight short lengths around a place, one for each direction."""
    angles = np.arange(16) * math.pi / 8
    circle = np.array(place) + RADIUS_PX * np.column_stack((np.cos(angles), np.sin(angles)))
    measured, true = calibration.to_plane(circle), camera.to_plane(circle, pose)
    lengths = [np.linalg.norm(ring[:8] - ring[8:], axis=1) for ring in (measured, true)]
    return lengths[0] / lengths[1] - 1


def length_u(calibration: Calibration, place: tuple[float, float]) -> float:
    """Relative standard uncertainty of lengths without the one of the squares."""
    assert calibration.uncertainty is not None
    return float(calibration.uncertainty.at(np.array((place,)), calibration.frame_hw)[0][0])
