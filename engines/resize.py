"""Resizes a frame to the input of an engine. Fitting and running both use this function."""

from typing import Final

import cv2
import numpy as np
from loguru import logger

from engines.spec import EngineSpec, ResizeRule
from inspector.core.arrays import Image
from inspector.core.errors import FrameError
from inspector.core.geometry import Affine
from inspector.core.types import Cause

ASPECT_TOLERANCE: Final = 0.02
"""Largest relative difference without a warning. Rounding a 16:9 frame to multiples of 32 changes
the aspect ratio by up to 1.6 %, during fitting as well."""


def to_input(image: Image, rule: ResizeRule) -> tuple[Image, Affine]:
    """Returns (h, w, 3) uint8 RGB and the transformation from input pixels to frame pixels.

    image: (H, W, 3) uint8 BGR. The function crops rule.crop. It halves the picture by area
    averaging while both sides are at least twice the target. Then it resizes bilinearly. Bilinear
    resizing alone would cause aliasing, and area averaging by a factor that is not a whole number
    takes ten times as long; halving is fast.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = crop_box(rule, (height, width))
    pixels = image[y0:y1, x0:x1]
    target_h, target_w = rule.input_hw
    while pixels.shape[0] >= 2 * target_h and pixels.shape[1] >= 2 * target_w:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
    if pixels.shape[:2] != (target_h, target_w):
        pixels = cv2.resize(pixels, (target_w, target_h), interpolation=cv2.INTER_LINEAR)
    rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return rgb, Affine.between(rule.input_hw, (x0, y0, x1, y1))


def crop_box(rule: ResizeRule, frame_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a frame that the engine sees: (x0, y0, x1, y1) in pixels, x1 and y1 excluded."""
    height, width = frame_hw
    left, top, right, bottom = rule.crop
    return (
        round(left * width),
        round(top * height),
        round(right * width),
        round(bottom * height),
    )


class Resizer:
    """Resizes frames for one engine, both in the pipeline and in predict().

    warnings: gets a sentence when a frame has another aspect ratio than the frames of fitting.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._rule = spec.resize
        self._fitted_hw = spec.frame_hw
        self._checked_hw: tuple[int, int] | None = None
        self.warnings: list[str] = []

    def __call__(self, image: Image) -> tuple[Image, Affine]:
        """See to_input. Raises FrameError for a frame that is too small for the crop."""
        frame_hw = (image.shape[0], image.shape[1])
        if frame_hw != self._checked_hw:
            self._check_aspect(frame_hw)
            self._checked_hw = frame_hw
        return to_input(image, self._rule)

    def _check_aspect(self, frame_hw: tuple[int, int]) -> None:
        x0, y0, x1, y1 = crop_box(self._rule, frame_hw)
        if x0 >= x1 or y0 >= y1:
            raise FrameError(
                f"a frame of {frame_hw[1]}x{frame_hw[0]} pixels is too small for the engine's crop",
                Cause.SIZE,
            )
        fx0, fy0, fx1, fy1 = crop_box(self._rule, self._fitted_hw)
        aspect, fitted = (x1 - x0) / (y1 - y0), (fx1 - fx0) / (fy1 - fy0)
        if self.warnings or abs(aspect / fitted - 1) <= ASPECT_TOLERANCE:
            return
        warning = (
            f"frames of {frame_hw[1]}x{frame_hw[0]} have another aspect ratio than the "
            f"{self._fitted_hw[1]}x{self._fitted_hw[0]} of fitting: they are distorted, and scores "
            "may change"
        )
        logger.warning("{}", warning)
        self.warnings.append(warning)
