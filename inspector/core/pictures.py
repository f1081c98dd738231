"""Pictures that callers of the Python API pass in, in the form that the program works with."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.errors import DataError

CHANNELS: Final = ("bgr", "rgb")


def as_bgr(picture: npt.NDArray[Any], channels: str = "bgr") -> Image:
    """(H, W, 3) uint8 BGR, contiguous, from a picture of colour (H, W, 3) or grey (H, W), uint8.

    channels: the order of the colours in `picture`, one of CHANNELS. Copies only where the picture
    is not in that form already. Raises DataError for any other array.
    """
    if channels not in CHANNELS:
        raise DataError(f"channels must be one of {', '.join(CHANNELS)}, not {channels!r}")
    if not isinstance(picture, np.ndarray):
        raise DataError(f"the picture must be a numpy array, not {type(picture).__name__}")
    if picture.dtype != np.uint8:
        raise DataError(f"the picture must be uint8 with values from 0 to 255, not {picture.dtype}")
    if picture.size == 0 or not (
        picture.ndim == 2 or (picture.ndim == 3 and len(picture[0, 0]) == 3)
    ):
        raise DataError(
            "the picture must have the shape (height, width, 3), or (height, width) for grey, "
            f"not {picture.shape}"
        )
    if picture.ndim == 2:
        return np.repeat(picture[:, :, np.newaxis], 3, axis=2).astype(np.uint8, copy=False)
    ordered = picture[:, :, ::-1] if channels == "rgb" else picture
    return np.ascontiguousarray(ordered, np.uint8)
