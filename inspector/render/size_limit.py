"""Chooses the size of the rendered pictures, and limits it to what the video encoder takes."""

import math
from typing import Final

MAX_SIDE: Final = 16384
"""Largest side of a picture in px that x264 encodes."""
HARDWARE_SIDE: Final = 4096
"""Largest side in px that every hardware encoder of H.264 takes."""
MAX_PIXELS: Final = 2**27
"""Largest picture in px. FFmpeg refuses pictures of twice this size."""

LARGE_PX: Final = 1280 * 720
"""Pixels from which a panel is reduced by default."""

_HEADER_PX: Final = 200
"""At least the height of the header above the panels."""
_MARGIN_PX: Final = 4
"""Both panels are rounded up to even sides."""


def default_scale(frame_hw: tuple[int, int]) -> float:
    """1, 0.5, 0.25 and so on: the first at which a panel has less than LARGE_PX. So the video of
    large frames does not take more time than their inspection. Labels are drawn after the frame is
    reduced, so they stay readable."""
    scale = 1.0
    while frame_hw[0] * frame_hw[1] * scale**2 >= LARGE_PX:
        scale /= 2
    return scale


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
