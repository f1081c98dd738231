"""Draws what a board calibration saw: corners with their errors, and the undistorted grid."""

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from calibration.board import BoardReport, covered
from calibration.plane import Calibration
from inspector.core.arrays import Image
from inspector.core.geometry import Points

_ZOOMS: Final = (10, 20, 50, 100, 200, 500, 1000)
_COVERED, _CORNER, _ERROR, _GRID, _TEXT = (
    (90, 160, 60), (0, 200, 255), (40, 40, 255), (255, 160, 0), (255, 255, 255),
)  # fmt: skip
"""BGR."""

_MOST_LINES: Final = 100
_POINTS: Final = 200
"""On each line of the grid, which is bent in the frame."""


def draw_corners(image: Image, calibration: Calibration, report: BoardReport) -> Image:
    """The covered part of the frame in green, every corner with its error enlarged, and the
    uncertainty of lengths by place. image: (H, W, 3) BGR, a flat picture of the board."""
    canvas = _dim(image)
    height, width = calibration.frame_hw
    cells = covered(report.views).astype(np.uint8)
    inside = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    canvas[inside] = canvas[inside] // 2 + np.array(_COVERED, np.uint8) // 2
    thick = max(1, round(max(height, width) / 900))
    zoom = _choose_zoom(report, max(height, width))
    for view, residual in zip(report.views, report.fit.residuals, strict=True):
        for start, end in zip(view.corners, view.corners + zoom * residual, strict=True):
            cv2.circle(canvas, _pixel(start), 2 * thick, _CORNER, -1, cv2.LINE_AA)
            cv2.line(canvas, _pixel(start), _pixel(end), _ERROR, thick, cv2.LINE_AA)
    for y in (0.08, 0.5, 0.92):
        for x in (0.06, 0.27, 0.5, 0.73, 0.94):
            place = x * width, y * height
            u = calibration.relative_u(np.array((place,)))[0]
            _write(canvas, f"+-{200 * u:.2g} %", place)
    caption = f"errors x{zoom}, rms {report.residual_rms_px:.3f} px; +-: 2u of lengths"
    _write(canvas, caption, (width / 2, 0.97 * height))
    return canvas


def draw_grid(image: Image, calibration: Calibration, square_mm: float) -> Image:
    """The picture without distortion, with the lines of the squares on the whole plane. The lines
    are straight, and they run along the squares of the board if the calibration is right.

    Only for looking at: sizes are measured in the picture as the camera sees it.
    """
    lens = calibration.lens
    assert lens is not None  # calibrations from boards have a lens
    height, width = calibration.frame_hw
    border = lens.undistort(_border(height, width))
    low, high = border.min(axis=0), border.max(axis=0)
    scale = float(np.min((width, height) / (high - low)))
    offset = (low + high) / 2 - np.array((width, height)) / 2 / scale
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    straight = np.column_stack((x.ravel(), y.ravel())) / scale + offset
    source = (lens.distort(straight) - 0.5).astype(np.float32).reshape(height, width, 2)
    canvas = _dim(np.asarray(cv2.remap(image, source, None, cv2.INTER_LINEAR), np.uint8))
    to_pixel = np.linalg.inv(np.array(calibration.homography))
    plane = calibration.to_plane(_border(height, width))
    low_mm, high_mm = plane.min(axis=0), plane.max(axis=0)
    step = square_mm * max(1, math.ceil(float(np.max(high_mm - low_mm)) / square_mm / _MOST_LINES))
    for line in _grid_lines(low_mm, high_mm, step):
        mapped = np.column_stack((line, np.ones(len(line)))) @ to_pixel.T
        front = mapped[:, 2] * to_pixel[2, 2] > 0
        pixels = (mapped[front, :2] / mapped[front, 2:] - offset) * scale
        points = np.rint(np.clip(pixels, -width, 2 * width) * 16).astype(np.int32)
        cv2.polylines(canvas, [points], False, _GRID, 1, cv2.LINE_AA, 4)
    _write(canvas, f"lines every {step:g} mm", (width / 2, 0.97 * height))
    return canvas


def _dim(image: Image) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) // 4 * 3, np.uint8)


def _choose_zoom(report: BoardReport, side: int) -> int:
    """The largest zoom at which most errors are shorter than 2 % of the frame."""
    fits = [zoom for zoom in _ZOOMS if zoom * report.residual_rms_px < 0.02 * side]
    return max(fits, default=_ZOOMS[0])


def _border(height: int, width: int) -> Points:
    share = np.linspace(0, 1, _POINTS)
    zero = np.zeros(_POINTS)
    sides = ((share, zero), (zero + 1, share), (share, zero + 1), (zero, share))
    return np.concatenate([np.column_stack(side) for side in sides]) * (width, height)


def _grid_lines(low: Points, high: Points, step: float) -> list[Points]:
    """Lines on the plane at multiples of step, (_POINTS, 2) mm each."""
    lines = []
    for axis in (0, 1):
        along = np.linspace(low[1 - axis], high[1 - axis], _POINTS)
        for value in np.arange(math.ceil(low[axis] / step), math.floor(high[axis] / step) + 1):
            pair: Sequence[Points] = (np.full(_POINTS, value * step), along)
            lines.append(np.column_stack(pair if axis == 0 else pair[::-1]))
    return lines


def _pixel(point: Points) -> tuple[int, int]:
    return round(float(point[0]) - 0.5), round(float(point[1]) - 0.5)


def _write(canvas: Image, text: str, centre: tuple[float, float]) -> None:
    size = max(canvas.shape[:2]) / 2200
    thick = max(1, round(2 * size))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = int(np.clip(centre[0] - width / 2, 4, max(4, canvas.shape[1] - width - 4)))
    place = left, round(centre[1] + height / 2)
    cv2.rectangle(
        *(canvas, (left - 3, place[1] - height - 3), (left + width + 3, place[1] + 6)),
        *((0, 0, 0), -1),
    )
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(canvas, text, place, font, size, _TEXT, thick, cv2.LINE_AA)
