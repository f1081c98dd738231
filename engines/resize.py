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
"""Largest relative difference that is accepted. Rounding a 16:9 frame to multiples of 32 changes
the aspect ratio by up to 1.6 %, during fitting as well."""

ALLOW_ASPECT: Final = "use an engine for such frames, or --allow-aspect to distort them"
"""What to do about frames of another aspect ratio."""


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


def describe_aspect(spec: EngineSpec, frame_hw: tuple[int, int]) -> str | None:
    """A clause about frames whose aspect ratio differs from that of the frames of fitting by more
    than ASPECT_TOLERANCE, or lies outside spec.aspects; None if it does not."""
    height, width = frame_hw
    if spec.aspects is not None:
        low, high = spec.aspects
        if low <= width / height <= high:
            return None
        return (
            f"frames of {width}x{height} have another aspect ratio ({width / height:.2f}) than "
            f"the engine accepts ({low:.2f} to {high:.2f})"
        )
    fitted_height, fitted_width = spec.frame_hw
    if abs(width * fitted_height / (height * fitted_width) - 1) <= ASPECT_TOLERANCE:
        return None
    return (
        f"frames of {width}x{height} have another aspect ratio than the "
        f"{fitted_width}x{fitted_height} of fitting"
    )


class Resizer:
    """Resizes frames for one engine, both in the pipeline and in predict().

    allow_aspect: accept frames of another aspect ratio than those of fitting; the first one adds a
    sentence to `warnings`.
    """

    def __init__(self, spec: EngineSpec, *, allow_aspect: bool) -> None:
        self._spec = spec
        self._allow_aspect = allow_aspect
        self._checked_hw: tuple[int, int] | None = None
        self.warnings: list[str] = []

    def __call__(self, image: Image) -> tuple[Image, Affine]:
        """See to_input. Raises FrameError for a frame that is too small for the crop, and for one
        of another aspect ratio unless that is allowed."""
        frame_hw = (image.shape[0], image.shape[1])
        if frame_hw != self._checked_hw:
            self._check(frame_hw)
            self._checked_hw = frame_hw
        return to_input(image, self._spec.resize)

    def _check(self, frame_hw: tuple[int, int]) -> None:
        x0, y0, x1, y1 = crop_box(self._spec.resize, frame_hw)
        if x0 >= x1 or y0 >= y1:
            raise FrameError(
                f"a frame of {frame_hw[1]}x{frame_hw[0]} pixels is too small for the engine's crop",
                Cause.SIZE,
            )
        sentence = describe_aspect(self._spec, frame_hw)
        if sentence is None:
            return
        if not self._allow_aspect:
            raise FrameError(f"{sentence}: {ALLOW_ASPECT}", Cause.SIZE)
        if not self.warnings:
            warning = f"{sentence}: they are distorted, and scores may change"
            logger.warning("{}", warning)
            self.warnings.append(warning)
