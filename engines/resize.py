"""Resizes a frame to the input of an engine. Fitting and running both use this function."""

import cv2
import numpy as np

from engines.spec import ResizeRule
from inspector.core.arrays import Image
from inspector.core.geometry import Affine


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
