"""How picture files are read: the bit depth and the largest number of pixels."""

from dataclasses import dataclass
from typing import Final

BIT_DEPTHS: Final = (8, 10, 12, 14, 16)

MAX_PIXELS: Final = 1 << 27
"""Pixels of the largest picture or frame, unless the user allows more. 134 million pixels, such as
16384x8192, take 400 MB."""


@dataclass(frozen=True, slots=True)
class Reading:
    """bit_depth: bits per channel that the camera used, one of BIT_DEPTHS, for files that have room
    for 16; None: as the file says. max_pixels: a larger picture is refused before it is decoded.
    """

    bit_depth: int | None = None
    max_pixels: int = MAX_PIXELS


READING: Final = Reading()
