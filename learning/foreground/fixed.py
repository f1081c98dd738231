"""Turns a mask that is the same for all pictures into a region of interest."""

import cv2
import numpy as np

from engines.roi import Polygon, draw_mask
from engines.spec import ResizeRule, Roi
from engines.spec_fields import LONGEST_VIEW
from inspector.core.arrays import Image, Mask


def region_of_mask(
    fixed: Mask, roi: Roi | None, rule: ResizeRule, frame_hw: tuple[int, int]
) -> Roi:
    """fixed: (H, W) of rule.input_hw. roi: of the user, which the result does not exceed.

    The outlines are drawn one pixel outside the mask. Holes in it are inspected too, but not those
    that the user leaves out.
    """
    ignore = () if roi is None else roi.ignore
    limits = None if roi is None or not roi.inspect else Roi(roi.frame_hw, roi.inspect)
    grown = cv2.dilate(np.pad(fixed, 2).astype(np.uint8), np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(grown), outlines, -1, 1, cv2.FILLED)
    if limits is not None:
        inside = draw_mask(limits, rule.input_hw, rule.crop)
        filled = filled & np.pad(inside, 2, mode="edge").astype(np.uint8)
    outlines, tree = cv2.findContours(filled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    inspect: list[Polygon] = []
    left_out: list[Polygon] = []
    for outline, (_, _, _, parent) in zip(outlines, tree[0] if len(outlines) else (), strict=True):
        if len(outline) >= 3:
            points = outline[:, 0].astype(np.float64) - 1.5
            (inspect if parent < 0 else left_out).append(_polygon(points, rule, frame_hw))
    return Roi(frame_hw, tuple(inspect), (*ignore, *left_out))


def _polygon(
    points: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    rule: ResizeRule,
    frame_hw: tuple[int, int],
) -> Polygon:
    """points: (n, 2) as (x, y), px of the input."""
    left, top, right, bottom = rule.crop
    height, width = rule.input_hw
    x = (left + points[:, 0] / width * (right - left)) * frame_hw[1]
    y = (top + points[:, 1] / height * (bottom - top)) * frame_hw[0]
    return tuple((round(float(a), 2), round(float(b), 2)) for a, b in zip(x, y, strict=True))


def shrink_mask(fixed: Mask) -> Image:
    """uint8 grey, 255 on the product, with a longest side of LONGEST_VIEW at most."""
    height, width = fixed.shape
    scale = min(1.0, LONGEST_VIEW / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(fixed.astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(picture, np.uint8)
