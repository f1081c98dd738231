"""Checks the masks that callers of the Python API pass in."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Map
from inspector.core.errors import DataError


def check_mask(mask: npt.NDArray[Any], threshold: float) -> tuple[Map, float, bool]:
    """Checks a mask. Returns it as (h, w) float32, its threshold, and whether it holds scores.

    Floats with more than two values are scores and do not change. Booleans, whole numbers and
    floats with one or two values become 1 where the mask is at or above the threshold and 0
    elsewhere; their threshold becomes 0.5. Raises DataError.
    """
    if not isinstance(mask, np.ndarray):
        raise DataError(f"the mask must be a numpy array, not {type(mask).__name__}")
    if mask.ndim != 2:
        raise DataError(f"the mask must have the shape (height, width), not {mask.shape}")
    if mask.size == 0:
        raise DataError(f"the mask is empty: its shape is {mask.shape}")
    if not np.isfinite(threshold):
        raise DataError(f"threshold must be a finite number, not {threshold}")
    if mask.dtype.kind in "biu":
        _check_whole(mask.dtype, threshold)
        return (mask >= threshold).astype(np.float32), 0.5, False
    if mask.dtype.kind != "f":
        raise DataError(f"the mask must hold bool, whole numbers or floats, not {mask.dtype}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(mask, dtype=np.float32)
    if not np.isfinite(values).all():
        raise DataError("the mask holds NaN or infinite values, or values too large for float32")
    if ((values == values.min()) | (values == values.max())).all():
        return (values >= np.float32(threshold)).astype(np.float32), 0.5, False
    return values, threshold, True


def _check_whole(dtype: np.dtype[Any], threshold: float) -> None:
    largest = 1 if dtype.kind == "b" else int(np.iinfo(dtype.str).max)
    if not 0 < threshold <= largest:
        raise DataError(
            f"threshold must be above 0 and at most {largest} for a mask of {dtype}, "
            f"got {threshold}: otherwise all of its pixels are defective, or none can be"
        )
