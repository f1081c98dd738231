"""Cuts the part of a frame around a region, at a limited resolution."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Box, Points
from inspector.measure.contours import paint
from inspector.measure.smoothing import Float32Array


@dataclass(frozen=True, slots=True)
class Patch:
    """pixels: (h, w, 3) float32 BGR of the box. factor: frame pixels per pixel of the patch.
    to_frame: patch pixels -> frame pixels. open_sides: left, top, right, bottom; True where the
    patch does not end at the border of the frame."""

    pixels: Float32Array
    box: Box
    factor: int
    to_frame: Affine
    open_sides: tuple[bool, bool, bool, bool]

    @property
    def hw(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]

    def paint(self, polygons: tuple[Points, ...]) -> Mask:
        """Pixels inside the polygons, which are in frame pixels."""
        height, width = self.hw
        back = self.to_frame.inverse()
        rings = tuple(back.apply(p) for p in polygons)
        return paint(rings, (0, 0, width, height)).astype(bool)

    def draw_disc(self, middle: tuple[float, float], radius: float) -> Mask:
        """Pixels within a radius around a point, both in frame pixels."""
        height, width = self.hw
        x, y = self.to_frame.inverse().apply(np.array((middle,)))[0]
        across = np.arange(width) + 0.5 - x
        down = np.arange(height)[:, None] + 0.5 - y
        return np.asarray(across**2 + down**2 <= (radius / self.factor) ** 2)

    def sample(self, values: Map, to_frame: Affine) -> Float32Array:
        """Interpolates another grid, such as the anomaly map, at the patch's pixels."""
        step = to_frame.inverse().after(self.to_frame)
        # OpenCV's origin is the middle of the first pixel. Ours is its corner.
        matrix = np.array(
            (
                (step.scale_x, 0, 0.5 * step.scale_x + step.shift_x - 0.5),
                (0, step.scale_y, 0.5 * step.scale_y + step.shift_y - 0.5),
            )
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        height, width = self.hw
        out = cv2.warpAffine(
            values, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(out, dtype=np.float32)

    def touches_open_side(self, mask: Mask) -> bool:
        """Whether a mask reaches an open side of the patch."""
        left, top, right, bottom = self.open_sides
        return bool(
            (left and mask[:, :2].any())
            or (top and mask[:2].any())
            or (right and mask[:, -2:].any())
            or (bottom and mask[-2:].any())
        )


def cut_patch(image: Image, around: tuple[float, float, float, float], limit: int) -> Patch:
    """Cuts a box out of the frame.

    around: (x0, y0, x1, y1) in frame pixels. limit: largest number of pixels. A larger box is
    averaged down by a whole factor.
    """
    height, width = image.shape[:2]
    x0, y0 = max(math.floor(around[0]), 0), max(math.floor(around[1]), 0)
    x1, y1 = min(math.ceil(around[2]), width), min(math.ceil(around[3]), height)
    factor = max(1, math.ceil(math.sqrt((x1 - x0) * (y1 - y0) / limit)))
    columns, rows = max(1, (x1 - x0) // factor), max(1, (y1 - y0) // factor)
    x1, y1 = min(x1, x0 + columns * factor), min(y1, y0 + rows * factor)
    pixels = image[y0:y1, x0:x1]
    if factor > 1:
        pixels = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    return Patch(
        pixels=pixels.astype(np.float32),
        box=(x0, y0, x1, y1),
        factor=factor,
        to_frame=Affine.between((rows, columns), (x0, y0, x1, y1)),
        open_sides=(x0 > 0, y0 > 0, x1 < width - factor, y1 < height - factor),
    )
