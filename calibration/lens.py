"""The lens of a camera: focal length, optical centre and distortion."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

COEFFICIENTS: Final = ("k1", "k2", "p1", "p2", "k3")
_MOST_STEPS: Final = 40
_STEP_LIMIT: Final = 1e-9
"""In focal lengths. OpenCV stops after 5 steps by default, which leaves 0.1 px at the corners of a
frame with 10 % of barrel distortion."""

_RADII: Final = 64


@dataclass(frozen=True, slots=True)
class Lens:
    """A pinhole camera with distortion, as OpenCV defines it.

    focal_px: along x and y. centre_px: of the distortion, in frame pixels. coefficients: k1, k2,
    p1, p2, k3 (Brown, Decentering Distortion of Lenses, 1966). Raises CalibrationError for values
    that are impossible.
    """

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    coefficients: tuple[float, float, float, float, float]

    def __post_init__(self) -> None:
        values = (*self.focal_px, *self.centre_px, *self.coefficients)
        if not all(map(math.isfinite, values)):
            raise CalibrationError("all numbers of a lens must be finite")
        if min(self.focal_px) <= 0:
            raise CalibrationError(f"focal_px must be above 0, not {self.focal_px}")

    @property
    def matrix(self) -> Points:
        """(3, 3) from directions (x / z, y / z, 1) to undistorted frame pixels."""
        (fx, fy), (cx, cy) = self.focal_px, self.centre_px
        return np.array(((fx, 0.0, cx), (0.0, fy, cy), (0.0, 0.0, 1.0)))

    def undistort(self, points: Points) -> Points:
        """(n, 2) frame pixels -> (n, 2) pixels of the same camera without distortion."""
        if not len(points):
            return points
        matrix = self.matrix
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _MOST_STEPS, _STEP_LIMIT)
        column = np.ascontiguousarray(points, dtype=np.float64)[:, None]
        moved = cv2.undistortPoints(
            column, matrix, np.array(self.coefficients), R=None, P=matrix, criteria=criteria
        )
        return np.asarray(moved, dtype=np.float64)[:, 0]

    def distort(self, points: Points) -> Points:
        """The inverse of undistort()."""
        rays = (points - np.array(self.centre_px)) / np.array(self.focal_px)
        return project(np.column_stack((rays, np.ones(len(rays)))), self)

    def check(self, frame_hw: tuple[int, int]) -> None:
        """Raises CalibrationError if two places of the plane would be at the same pixel.

        The distance from the centre must grow with the true distance, up to the farthest corner.
        """
        height, width = frame_hw
        corners = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float64)
        reach = self.undistort(corners)
        back = np.abs(self.distort(reach) - corners).max()
        rays = (reach - np.array(self.centre_px)) / np.array(self.focal_px)
        k1, k2, _, _, k3 = self.coefficients
        squares = np.linspace(0, 1, _RADII) * float(np.max(np.sum(rays**2, axis=1)))
        slope = 1 + squares * (3 * k1 + squares * (5 * k2 + squares * 7 * k3))
        if not (np.isfinite(reach).all() and back < 1e-3 and np.all(slope > 0)):
            raise CalibrationError(
                "lens is wrong: its distortion maps two places to the same pixel of the frame"
            )


def project(points: Points, lens: Lens) -> Points:
    """(n, 3) points in front of the camera -> (n, 2) frame pixels, with distortion."""
    zero = np.zeros(3)
    pixels, _ = cv2.projectPoints(points, zero, zero, lens.matrix, np.array(lens.coefficients))
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
