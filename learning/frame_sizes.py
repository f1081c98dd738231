"""Chooses the frame size and the input size of an engine from the sizes of its good pictures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from loguru import logger

from engines.resize import ASPECT_TOLERANCE
from inspector.core.errors import DataError

SHORT_SIDE: Final = 256
MULTIPLE: Final = 32

LONGEST_SIDE: Final = 4096
"""Longest side of an input whose size is chosen here, px. Users must crop or scale longer pictures.
"""

Aspects = tuple[float, float]
"""Lowest and highest width / height."""

ASPECT_MARGIN: Final = 1.25
"""Factor by which new pictures may exceed the aspects of good pictures whose aspects vary. Even
with 100 good pictures, 2 % of new ones lie outside the range of these."""


def default_input_hw(frame_hw: tuple[int, int], short_side: int = SHORT_SIDE) -> tuple[int, int]:
    """The short side as given, the long side by the frame's aspect in multiples of 32. Raises
    DataError if that is beyond LONGEST_SIDE."""
    size = by_aspect(frame_hw, short_side)
    if max(size) > LONGEST_SIDE:
        raise DataError(f"pictures of {frame_hw[1]}x{frame_hw[0]} are too long; give --size")
    return size


def by_aspect(frame_hw: tuple[int, int], short_side: int = SHORT_SIDE) -> tuple[int, int]:
    """See default_input_hw; without a limit."""
    short, long = sorted(frame_hw)
    other = max(1, round(short_side * long / short / MULTIPLE)) * MULTIPLE
    return (short_side, other) if frame_hw[0] <= frame_hw[1] else (other, short_side)


def choose_frame(sizes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], Aspects | None]:
    """The size (height, width) that stands for all pictures, and the aspects of the frames that the
    engine accepts besides it.

    If at least half of the pictures have the aspect of the commonest size, that is this size, and
    None. Otherwise the aspects vary. Then it is the size of the picture with the median aspect,
    because the commonest size could be the size of any picture: an extreme one distorts the others
    most.
    """
    commonest = Counter(sizes).most_common(1)[0][0]
    usual = aspect(commonest)
    alike = sum(abs(aspect(hw) / usual - 1) <= ASPECT_TOLERANCE for hw in sizes)
    if 2 * alike >= len(sizes):
        return commonest, None
    rising = sorted(sizes, key=aspect)
    low, high = aspect(rising[0]), aspect(rising[-1])
    return rising[len(rising) // 2], (low / ASPECT_MARGIN, high * ASPECT_MARGIN)


def aspect(hw: tuple[int, int]) -> float:
    return hw[1] / hw[0]


def warn_of_varied_aspects(
    sizes: Mapping[str, tuple[int, int]], frame_hw: tuple[int, int], accepted: Aspects
) -> None:
    """sizes: name of each picture -> (height, width)."""
    narrow, wide = (f(sizes.items(), key=lambda item: aspect(item[1])) for f in (min, max))
    logger.warning(
        "the aspects of the {} good pictures vary, from {} ({}x{}) to {} ({}x{}): all are "
        "stretched to the median, {}x{}; the engine accepts frames with a width of {:.2f} to "
        "{:.2f} times their height",
        *(len(sizes), narrow[0], *narrow[1][::-1], wide[0], *wide[1][::-1], *frame_hw[::-1]),
        *accepted,
    )
