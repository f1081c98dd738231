"""Limits the size of the rendered pictures to what the video encoder takes."""

import math
from typing import Final

MAX_SIDE: Final = 16384
"""Largest side of a picture in px that x264 encodes."""
HARDWARE_SIDE: Final = 4096
"""Largest side in px that every hardware encoder of H.264 takes."""
MAX_PIXELS: Final = 2**27
"""Largest picture in px. FFmpeg refuses pictures of twice this size."""

_HEADER_PX: Final = 200
"""At least the height of the header above the panels."""
_MARGIN_PX: Final = 4
"""Both panels are rounded up to even sides."""


def largest_scale(frame_hw: tuple[int, int], scale: float, max_side: int = MAX_SIDE) -> float:
    """`scale` if two panels side by side can be encoded at it. Otherwise the largest scale with
    three decimals at which they can. max_side: of the pictures, in px."""
    height, width = frame_hw
    largest = min(
        (max_side - _MARGIN_PX) / (2 * width),
        (max_side - _HEADER_PX) / height,
    )
    while (2 * width * largest + _MARGIN_PX) * (height * largest + _HEADER_PX) > MAX_PIXELS:
        largest *= 0.99
    return min(scale, math.floor(1000 * largest) / 1000)
