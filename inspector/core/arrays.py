"""Array types of pictures, maps and masks. Pictures are read-only: threads share them."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, C-contiguous."""

Map = npt.NDArray[np.float32]
"""(h, w) float32, raw scores, larger = more anomalous."""

Mask = npt.NDArray[np.bool_]
"""(h, w) bool."""


def freeze(array: Image) -> Image:
    """Makes the array read-only and returns it. Copies it first if it is not contiguous."""
    out = np.ascontiguousarray(array)
    out.flags.writeable = False
    return out
