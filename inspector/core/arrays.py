"""Frames are shared between threads, so their arrays are frozen."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, C-contiguous."""

Map = npt.NDArray[np.float32]
"""(h, w) float32, raw scores, larger = more anomalous."""

Mask = npt.NDArray[np.bool_]
"""(h, w) bool."""


def frozen(array: Image) -> Image:
    """The array itself, read-only; a contiguous copy first where it is not contiguous."""
    out = np.ascontiguousarray(array)
    out.flags.writeable = False
    return out
