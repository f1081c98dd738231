"""Renders pictures of calibration boards, seen by a camera with known parameters."""

import math

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Points

FRAME_HW = (720, 1280)
FOCAL_PX = 1500.0
SQUARE_MM = 10.0
_TEXTURE_PER_MM = 24.0
_OVER = 4


def camera(tilt_deg: float, distance_mm: float = 250.0, turn_deg: float = 8.0) -> Points:
    """Matrix (3, 3) from mm on the plane (origin at the frame's centre) to square frame pixels."""
    t, s = math.radians(tilt_deg), math.radians(turn_deg)
    turn = np.array(((math.cos(s), -math.sin(s), 0), (math.sin(s), math.cos(s), 0), (0, 0, 1)))
    lean = np.array(((math.cos(t), 0, math.sin(t)), (0, 1, 0), (-math.sin(t), 0, math.cos(t))))
    rotation = lean @ turn
    lens = np.array(((FOCAL_PX, 0, FRAME_HW[1] / 2), (0, FOCAL_PX, FRAME_HW[0] / 2), (0, 0, 1.0)))
    pose = np.column_stack((rotation[:, :2], (0.0, 0.0, distance_mm)))
    return lens @ pose


def checkerboard(columns: int, rows: int) -> Image:
    """Texture of _TEXTURE_PER_MM pixels per mm with a white border of one square."""
    side = round(SQUARE_MM * _TEXTURE_PER_MM)
    dark = (np.indices((rows, columns)).sum(axis=0) % 2) == 0
    cells = np.where(np.kron(dark, np.ones((side, side))), 20, 235)
    return np.pad(cells, side, constant_values=235).astype(np.uint8)


def charuco(
    columns: int, rows: int, marker_mm: float, *, legacy: bool = False, markers: str = "4X4_50"
) -> Image:
    code = getattr(cv2.aruco, f"DICT_{markers}")
    dictionary = cv2.aruco.getPredefinedDictionary(code)
    board = cv2.aruco.CharucoBoard((columns, rows), SQUARE_MM, marker_mm, dictionary)
    board.setLegacyPattern(legacy)
    side = round(SQUARE_MM * _TEXTURE_PER_MM)
    drawn = board.generateImage((columns * side, rows * side), marginSize=0)
    return np.pad(np.asarray(drawn, np.uint8), side, constant_values=235)


def photograph(
    texture: Image, matrix: Points, *, shift_mm: tuple[float, float] = (0, 0), turn_deg: float = 0
) -> Image:
    """Picture (H, W, 3) BGR of a board whose centre is shift_mm from the origin of the plane."""
    height, width = texture.shape
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    centre = np.array(((1, 0, -width / 2), (0, 1, -height / 2), (0, 0, _TEXTURE_PER_MM)))
    move = np.array(((c, -s, shift_mm[0]), (s, c, shift_mm[1]), (0, 0, 1.0)))
    # OpenCV puts the origin at the centre of the first pixel, this project at its corner.
    half = np.array(((1, 0, 0.5), (0, 1, 0.5), (0, 0, 1.0)))
    bigger = np.diag((_OVER, _OVER, 1.0))
    full = np.linalg.inv(half) @ bigger @ matrix @ move @ centre @ half
    size = (FRAME_HW[1] * _OVER, FRAME_HW[0] * _OVER)
    large = cv2.warpPerspective(texture, full, size, flags=cv2.INTER_LINEAR, borderValue=150)
    small = cv2.resize(large, FRAME_HW[::-1], interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).normal(0, 2, FRAME_HW)
    grey = np.clip(small + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
