"""Decides which defects an acceptance test draws: kinds and sizes."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from calibration.plane import Calibration
from evaluation.acceptance.drawing import scale_at_centre
from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError
from inspector.core.schema import suggest
from learning.simulation.placing import SIDE, find_places
from learning.simulation.plans import KINDS, LINES

Sizes = tuple[float, ...]

COUNT: Final = 7
"""Default number of sizes."""

LARGEST_LINE: Final = 0.4
LARGEST_AREA: Final = 0.2
"""Largest default size of lines and of other kinds, as a share of the short side of the product."""

SPAN: Final = 16.0
"""Largest default size divided by the smallest."""

SMALLEST_PX: Final = 2.0

LARGEST: Final = 1e6
"""Largest size that can be given, px or mm."""


def parse_defects(groups: Sequence[str]) -> dict[str, Sizes | None]:
    """Kind -> sizes, rising; None for the default sizes.

    groups: KIND,KIND:SIZE,SIZE each; the sizes may be missing. No group means all kinds. Raises
    ConfigError for an unknown or repeated kind and for sizes that are no positive numbers.
    """
    chosen: dict[str, Sizes | None] = {}
    for group in groups or (",".join(KINDS),):
        names, colon, numbers = group.partition(":")
        sizes = _parse_sizes(group, numbers) if colon else None
        for kind in names.split(","):
            if kind not in KINDS:
                known = f"known are {', '.join(KINDS)}"
                raise ConfigError(
                    f"--defects {group}: kind {kind!r} is unknown{suggest(kind, KINDS)}; {known}"
                )
            if kind in chosen:
                raise ConfigError(f"--defects names {kind} twice: put all its sizes in one group")
            chosen[kind] = sizes
    return chosen


def _parse_sizes(group: str, numbers: str) -> Sizes:
    try:
        sizes = {float(number) for number in numbers.split(",")}
    except ValueError:
        sizes = {math.nan}
    if not all(0 < size <= LARGEST for size in sizes):
        raise ConfigError(
            f"--defects {group}: sizes must be numbers above 0, such as scratch,stain:1,2,5"
        )
    return tuple(sorted(sizes))


def choose_sizes(
    kinds: Mapping[str, Sizes | None],
    pictures: Sequence[Image],
    inside: Mask | None,
    calibration: Calibration | None,
) -> dict[str, Sizes]:
    """Fills in the default sizes: COUNT sizes whose largest is a share of the product in the good
    pictures, (H, W, 3) uint8 RGB each. inside: (H, W) of the part that the engine inspects."""
    short_px = float(np.median([_product_side(picture, inside) for picture in pictures]))
    scale = scale_at_centre(calibration)
    return {
        kind: default_sizes(short_px, scale, line=kind in LINES) if sizes is None else sizes
        for kind, sizes in kinds.items()
    }


def default_sizes(short_px: float, scale: float, *, line: bool) -> Sizes:
    """short_px: short side of the product, px. scale: unit of the sizes per px. Two digits each."""
    largest = max((LARGEST_LINE if line else LARGEST_AREA) * short_px, 2 * SMALLEST_PX)
    smallest = max(largest / SPAN, SMALLEST_PX)
    sizes = np.geomspace(smallest, largest, COUNT) * scale
    return tuple(sorted({float(f"{size:.2g}") for size in sizes}))


def _product_side(picture: Image, inside: Mask | None) -> float:
    """Short side of the box around the places where defects may lie, px."""
    rows, columns = np.nonzero(find_places(picture, inside).allowed)
    cells = min(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    return cells * min(picture.shape[:2]) / SIDE
