"""Frame to input pixels by the spec's rule: the one function that fitting and running share."""

import cv2
import numpy as np

from engines.spec import ResizeRule
from inspector.core.arrays import Image
from inspector.core.geometry import Affine


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
