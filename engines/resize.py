"""Frame to input pixels by the spec's rule: the one function that fitting and running share."""

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
"""Relative. Multiples of 32 alone bend a 16:9 frame by 1.6 %, which fitting bends as well."""


def to_input(image: Image, rule: ResizeRule) -> tuple[Image, Affine]:
    """image: (H, W, 3) uint8 BGR -> ((h, w, 3) uint8 RGB, the map input pixels -> frame pixels).

    Crops rule.crop, halves by area averaging while both sides stay at least twice the target,
    then resamples bilinearly. Plain bilinear aliases, and area averaging by a broken factor costs
    ten times more; an exact half is cheap.
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
    """The part of a frame that the engine sees, in whole pixels, half-open (x0, y0, x1, y1)."""
    height, width = frame_hw
    left, top, right, bottom = rule.crop
    return (
        round(left * width),
        round(top * height),
        round(right * width),
        round(bottom * height),
    )


class Resizer:
    """Resizes frames for one engine, in the pipeline and in predict() alike.

    warnings: one sentence once a frame has another aspect than the frames of fitting.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._rule = spec.resize
        self._fitted_hw = spec.frame_hw
        self._seen_hw: tuple[int, int] | None = None
        self.warnings: list[str] = []

    def __call__(self, image: Image) -> tuple[Image, Affine]:
        """See to_input. Raises FrameError for a frame of which the engine's crop leaves nothing."""
        frame_hw = (image.shape[0], image.shape[1])
        if frame_hw != self._seen_hw:
            self._check_aspect(frame_hw)
            self._seen_hw = frame_hw
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
            f"frames of {frame_hw[1]}x{frame_hw[0]} have another aspect than the engine's "
            f"{self._fitted_hw[1]}x{self._fitted_hw[0]}: they are squeezed, and scores may shift"
        )
        logger.warning("{}", warning)
        self.warnings.append(warning)
