"""Turns the uint8 picture into the float picture that a backbone takes."""

import numpy as np
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.arrays import Image, Mask

BLANK = 127
"""Level that pixels outside the region of interest are set to: mid-grey."""


def image(pixels: Var, inside: Mask | None = None) -> Var:
    """pixels: (N, H, W, 3) uint8 RGB -> (N, 3, H, W) float32 in [0, 1].

    inside: (H, W); every pixel outside it becomes BLANK, so that no later step can see it. The
    transpose is before the cast because it then moves a quarter of the bytes.
    """
    if inside is not None:
        seen = op.const(inside[:, :, None])
        pixels = op.where(seen, pixels, op.const(np.uint8(BLANK)))
    planes = op.transpose(pixels, perm=[0, 3, 1, 2])
    return op.mul(op.cast(planes, to=np.float32), op.const(np.float32(1 / 255)))


def blank_outside(pixels: Image, inside: Mask | None) -> Image:
    """Sets the pixels outside the region to BLANK, as `image` does: (..., H, W, 3) uint8."""
    if inside is None:
        return pixels
    return np.where(inside[:, :, None], pixels, np.uint8(BLANK))
