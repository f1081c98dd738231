"""Renders pictures of calibration boards with a camera that has no distortion."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks import board_pictures
from benchmarks.board_pictures import Camera
from calibration.board import BoardReport, from_views
from calibration.plane import Calibration
from calibration.target import Board, find_corners
from inspector.core.arrays import Image
from inspector.core.geometry import Points

FRAME_HW = (720, 1280)
SQUARE_MM = board_pictures.SQUARE_MM
CAMERA = Camera(FRAME_HW)

checkerboard, charuco = board_pictures.checkerboard, board_pictures.charuco


def camera(tilt_deg: float, distance_mm: float = 250.0, turn_deg: float = 8.0) -> Points:
    """Matrix (3, 3) from mm on the plane (origin at the frame's centre) to square frame pixels."""
    t, s = math.radians(tilt_deg), math.radians(turn_deg)
    turn = np.array(((math.cos(s), -math.sin(s), 0), (math.sin(s), math.cos(s), 0), (0, 0, 1)))
    lean = np.array(((math.cos(t), 0, math.sin(t)), (0, 1, 0), (-math.sin(t), 0, math.cos(t))))
    pose = np.column_stack(((lean @ turn)[:, :2], (0.0, 0.0, distance_mm)))
    return CAMERA.matrix @ pose


def photograph(
    texture: Image, matrix: Points, *, shift_mm: tuple[float, float] = (0, 0), turn_deg: float = 0
) -> Image:
    """Picture (H, W, 3) BGR of a board whose centre is shift_mm from the origin of the plane."""
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    move = np.array(((c, -s, shift_mm[0]), (s, c, shift_mm[1]), (0, 0, 1.0)))
    plane = np.linalg.inv(CAMERA.matrix) @ matrix @ move
    return board_pictures.photograph(texture, CAMERA, plane)


def from_board(
    images: Sequence[Image],
    names: Sequence[str],
    board: Board,
    *,
    max_residual_px: float,
    flat: Sequence[bool] | None = None,
) -> tuple[Calibration, BoardReport]:
    """Finds the corners in pictures of a board, and computes the calibration."""
    views = [find_corners(image, board, name) for image, name in zip(images, names, strict=True)]
    return from_views(views, board, max_residual_px=max_residual_px, flat=flat)
