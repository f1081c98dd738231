"""The mask of a picture as one boolean array, by a stated rule."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError, DataError
from learning.datasets.types import Sample

MASK_RULES: Final[dict[str, str]] = {
    "any": "a pixel is defective where its value in the mask file is above 0",
    "half": "a pixel is defective where its value in the mask file is above half of what its type "
    "can hold, or above 0.5 where it is a float",
}
DEFAULT_MASK_RULE: Final = "any"
"""VisA's masks hold small numbers; on masks of 0 and 255 both rules are the same. Reports of
pixel metrics name the rule."""

_CHANNELS = 3


def read_mask(sample: Sample, hw: tuple[int, int], rule: str = DEFAULT_MASK_RULE) -> Mask:
    """(H, W) bool; the union if a sample has several masks, all False for a good one.

    hw: size of the sample's picture. Raises DataError for a defective sample without a mask, for a
    mask that cannot be read and for one of another size; ConfigError for an unknown rule.
    """
    if rule not in MASK_RULES:
        raise ConfigError(f"mask rule {rule!r} is unknown; known: {', '.join(MASK_RULES)}")
    defects = np.zeros(hw, np.bool_)
    if not sample.defective:
        return defects
    if not sample.masks:
        raise DataError(f"picture {sample.path} is defective ({sample.kind}) and has no mask")
    for path in sample.masks:
        try:
            mask = _one_mask(path, rule)
        except DataError as exc:
            raise DataError(
                f"mask {path} of picture {sample.path} is not a readable picture"
            ) from exc
        if mask.shape != hw:
            raise DataError(
                f"mask {path} is {mask.shape[1]}x{mask.shape[0]} and its picture {sample.path} is "
                f"{hw[1]}x{hw[0]}"
            )
        defects |= mask
    return defects


def _one_mask(path: Path, rule: str) -> Mask:
    """Colour channels are joined; alpha is ignored. Raises DataError."""
    # Unchanged, since turning colours into grey would round small labels down to 0.
    image = decode_picture(path, cv2.IMREAD_UNCHANGED)
    values = image if image.ndim == 2 else image[..., :_CHANNELS].max(axis=-1)
    if rule == "half" and values.dtype.kind == "u":
        return np.asarray(values > np.iinfo(values.dtype).max // 2, np.bool_)
    return np.asarray(values > (0.5 if rule == "half" else 0), np.bool_)
