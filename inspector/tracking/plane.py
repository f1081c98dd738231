"""The web as a plane with two axes, along and across, and the view of a frame on it."""

from typing import Final

import numpy as np

from calibration.plane import Calibration, frame_corners
from inspector.core.geometry import Points

_STEPS: Final = {"down": (0.0, 1.0), "up": (0.0, -1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}
"""Direction -> step in the frame (x, y)."""


class WebPlane:
    """Maps frame pixels to the axes of the web, in mm with a calibration, else in frame pixels.

    A point has (along, across). along grows against the motion, because web that arrives later has
    a larger position. across grows in the direction of x (direction down or up) or of y (left or
    right). Coordinates of the web itself are these plus the way that the product has moved.
    """

    def __init__(
        self, frame_hw: tuple[int, int], direction: str, calibration: Calibration | None
    ) -> None:
        self.frame_hw = frame_hw
        self.unit = "px" if calibration is None else "mm"
        self._calibration = calibration
        step = np.array(_STEPS[direction])
        self.along_is_y = bool(step[1])
        if calibration is not None:
            centre = (frame_hw[1] / 2, frame_hw[0] / 2)
            step = calibration.jacobian(centre) @ step
        forward = step / np.linalg.norm(step)
        side = np.array((forward[1], -forward[0]))
        frame_side = np.array((1.0, 0.0) if self.along_is_y else (0.0, 1.0))
        if calibration is not None:
            frame_side = calibration.jacobian((frame_hw[1] / 2, frame_hw[0] / 2)) @ frame_side
        if side @ frame_side < 0:
            side = -side
        self._axes = np.column_stack((-forward, side))
        corners = self.to_web(frame_corners(frame_hw))
        self.corners = corners
        self.low, self.high = corners.min(axis=0), corners.max(axis=0)

    @property
    def length(self) -> float:
        """Length of web that a frame shows."""
        return float(self.high[0] - self.low[0])

    @property
    def width(self) -> float:
        return float(self.high[1] - self.low[1])

    def to_web(self, points: Points) -> Points:
        """(n, 2) frame pixels -> (n, 2) along and across, for a product that has not moved."""
        plane = points if self._calibration is None else self._calibration.to_plane(points)
        return np.asarray(plane @ self._axes)

    def to_frame(self, points: Points) -> Points:
        """The inverse of to_web."""
        plane = points @ self._axes.T  # the axes are orthonormal
        if self._calibration is None:
            return np.asarray(plane)
        if self._calibration.mm_per_px is not None:
            return np.asarray(plane / np.array(self._calibration.mm_per_px))
        back = np.linalg.inv(np.array(self._calibration.homography, dtype=np.float64))
        mapped = np.column_stack((plane, np.ones(len(plane)))) @ back.T
        straight = np.asarray(mapped[:, :2] / mapped[:, 2:])
        lens = self._calibration.lens
        return straight if lens is None else lens.distort(straight)

    def to_plane(self, points: Points) -> Points | None:
        """(n, 2) frame pixels -> mm on the plane of the calibration; None without one."""
        return None if self._calibration is None else self._calibration.to_plane(points)

    @property
    def pixel(self) -> float:
        """Size of a frame pixel in the middle of the frame."""
        if self._calibration is None:
            return 1.0
        return max(self._calibration.mm_per_px_at((self.frame_hw[1] / 2, self.frame_hw[0] / 2)))

    @property
    def is_rectangle(self) -> bool:
        """Whether the frame is a rectangle along the axes of the web."""
        box = (self.high - self.low).prod()
        x, y = self.corners.T
        area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        return bool(area > 0.999999 * box)
