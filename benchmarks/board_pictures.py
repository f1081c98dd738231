"""Renders pictures of calibration boards, seen by a camera with a known lens.

The lens is defined in the other direction than the one of OpenCV: here the undistorted radius is a
polynomial of the distorted radius. So the product never fits exactly the model that it sees.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.geometry import Points

SQUARE_MM: Final = 10.0
TEXTURE_PER_MM: Final = 12.0
_OVER: Final = 3
_PAPER, _INK, _TABLE = 235, 20, 150


@dataclass(frozen=True, slots=True)
class Camera:
    """frame_hw: in pixels. barrel: a corner of the undistorted picture is this share farther from
    the centre than in the frame; below 0 for a pincushion. centre_px: of the lens; None for the
    middle of the frame."""

    frame_hw: tuple[int, int] = (720, 1280)
    focal_px: float = 1500.0
    barrel: float = 0.0
    centre_px: tuple[float, float] | None = None

    @property
    def middle(self) -> Points:
        height, width = self.frame_hw
        return np.array(self.centre_px or (width / 2, height / 2), dtype=np.float64)

    @property
    def matrix(self) -> Points:
        cx, cy = self.middle
        return np.array(((self.focal_px, 0, cx), (0, self.focal_px, cy), (0, 0, 1.0)))

    def undistort(self, pixels: Points) -> Points:
        """(n, 2) frame pixels -> (n, 2) undistorted pixels."""
        away = pixels - self.middle
        reach = math.hypot(*self.frame_hw) / 2
        share = np.sum(away**2, axis=1, keepdims=True) / reach**2
        return self.middle + away * (1 + self.barrel * share)

    def to_plane(self, pixels: Points, pose: Points) -> Points:
        """(n, 2) frame pixels -> (n, 2) mm on the plane of a pose."""
        straight = self.undistort(pixels)
        rays = np.column_stack((straight, np.ones(len(straight))))
        mapped = rays @ np.linalg.inv(self.matrix @ pose).T
        return mapped[:, :2] / mapped[:, 2:]


def pose(
    tilt_deg: float = 0.0,
    *,
    towards_deg: float = 0.0,
    turn_deg: float = 0.0,
    distance_mm: float = 250.0,
    shift_mm: tuple[float, float] = (0.0, 0.0),
) -> Points:
    """Matrix (3, 3) from (x, y, 1) in mm on a plane to camera coordinates.

    The optical axis meets the plane at distance_mm. tilt_deg: of the plane, around an axis in the
    plane that is turned by towards_deg. turn_deg, shift_mm: of the board in the plane.
    """
    tilt, towards, turn = (math.radians(a) for a in (tilt_deg, towards_deg, turn_deg))
    axis = tilt * np.array((math.cos(towards), math.sin(towards), 0.0))
    rotation = np.asarray(cv2.Rodrigues(axis)[0], dtype=np.float64)
    c, s = math.cos(turn), math.sin(turn)
    move = np.array(((c, -s, shift_mm[0]), (s, c, shift_mm[1]), (0, 0, 1.0)))
    return np.column_stack((rotation[:, :2], (0.0, 0.0, distance_mm))) @ move


def checkerboard(columns: int, rows: int) -> Image:
    """Texture of TEXTURE_PER_MM pixels per mm with a white border of one square."""
    side = round(SQUARE_MM * TEXTURE_PER_MM)
    dark = (np.indices((rows, columns)).sum(axis=0) % 2) == 0
    cells = np.where(np.kron(dark, np.ones((side, side))), _INK, _PAPER)
    return np.pad(cells, side, constant_values=_PAPER).astype(np.uint8)


def charuco(
    columns: int, rows: int, marker_mm: float, *, legacy: bool = False, markers: str = "4X4_50"
) -> Image:
    """As checkerboard(), with a marker in every white square."""
    code = getattr(cv2.aruco, f"DICT_{markers}")
    dictionary = cv2.aruco.getPredefinedDictionary(code)
    board = cv2.aruco.CharucoBoard((columns, rows), SQUARE_MM, marker_mm, dictionary)
    board.setLegacyPattern(legacy)
    side = round(SQUARE_MM * TEXTURE_PER_MM)
    drawn = board.generateImage((columns * side, rows * side), marginSize=0)
    return np.pad(np.asarray(drawn, np.uint8), side, constant_values=_PAPER)


def photograph(
    texture: Image, camera: Camera, plane: Points, *, noise: float = 2.0, seed: int = 1
) -> Image:
    """Picture (H, W, 3) BGR. The centre of the texture is the origin of the plane."""
    height, width = camera.frame_hw
    straight = _straight_pixels(camera)
    middle = np.array(texture.shape[::-1]) / 2 - 0.5
    to_texture = np.array(
        ((TEXTURE_PER_MM, 0, middle[0]), (0, TEXTURE_PER_MM, middle[1]), (0, 0, 1))
    )
    full = (to_texture @ np.linalg.inv(camera.matrix @ plane)).astype(np.float32)
    x, y, w = (straight[0] * a + straight[1] * b + c for a, b, c in full)
    np.divide(x, w, out=x)
    np.divide(y, w, out=y)
    large = cv2.remap(
        texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(_TABLE,)
    )
    small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(small, (0, 0), 0.7)
    grey = soft + np.random.default_rng(seed).normal(0, noise, small.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@lru_cache(maxsize=4)
def _straight_pixels(camera: Camera) -> tuple[Points, Points]:
    """The undistorted place of every small pixel: x and y, float32."""
    height, width = camera.frame_hw
    rows, columns = np.mgrid[0 : height * _OVER, 0 : width * _OVER]
    pixels = (np.column_stack((columns.ravel(), rows.ravel())) + 0.5) / _OVER
    straight = camera.undistort(pixels).astype(np.float32).reshape(height * _OVER, -1, 2)
    return np.ascontiguousarray(straight[..., 0]), np.ascontiguousarray(straight[..., 1])
