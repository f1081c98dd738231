"""Leaves out good pictures that show nothing or are copies of others."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import DataError
from learning.copies import differ_by_noise_only, find_exact, find_similar, mark_empty
from learning.normals import Normals, list_some

LOSSY: Final = (".jpg", ".jpeg", ".webp", ".jp2")
"""Suffixes of files that lose detail when they are written."""

Indices = npt.NDArray[np.int64]


def keep_distinct(normals: Normals, *, keep_similar: bool = False) -> Normals:
    """The pictures that show something, each once. A warning names the others.

    keep_similar: pictures that differ from others by noise only are different products; otherwise
    they count as one picture. Raises DataError if fewer than two pictures remain.
    """
    if normals.distinct:
        return normals
    empty = np.flatnonzero(mark_empty(normals.pixels))
    shown = np.setdiff1d(np.arange(len(normals.pixels)), empty)
    _report_empty(normals, empty, len(shown))
    first = map_copies(find_exact(take(normals.pixels, shown)), shown)
    single = np.setdiff1d(shown, list(first))
    similar = {} if keep_similar else _find_similar(normals, single)
    remaining = np.setdiff1d(single, list(similar))
    _report_copies(normals, first, similar, len(remaining))
    several = not keep_similar and len(remaining) > 1
    if several and differ_by_noise_only(take(normals.pixels, remaining)):
        logger.warning(
            "the {} good pictures of {} differ by little more than noise: they may show one "
            "product, and then the thresholds are too low for others",
            *(len(remaining), normals.name),
        )
    return dataclasses.replace(
        normals,
        pixels=take(normals.pixels, remaining),
        names=_names(normals, remaining),
        empty=normals.empty + _names(normals, empty),
        copies=normals.copies + _names(normals, sorted({*first, *similar})),
        distinct=True,
    )


def _find_similar(normals: Normals, single: Indices) -> dict[int, int]:
    lossy = np.array([Path(normals.names[i]).suffix.lower() in LOSSY for i in single], bool)
    return map_copies(find_similar(take(normals.pixels, single), lossy), single)


def take(pixels: Image, indices: Indices) -> Image:
    """(n, H, W, 3) -> those at the indices. It does not copy if all are taken."""
    return pixels if len(indices) == len(pixels) else pixels[indices]


def map_copies(copies: dict[int, int], places: Indices) -> dict[int, int]:
    """The same copies with the indices in the list of all pictures. places: index in the list that
    was searched -> index in that of all."""
    return {int(places[copy]): int(places[original]) for copy, original in copies.items()}


def _report_empty(normals: Normals, empty: Indices, remaining: int) -> None:
    if not len(empty):
        return
    listed = list_some(
        [f"{normals.names[i]} (brightness {normals.pixels[i].mean():.0f} of 255)" for i in empty]
    )
    count = len(normals.pixels)
    if remaining < 2:
        raise DataError(
            f"{len(empty)} of {count} good pictures of {normals.name} show nothing, only one "
            f"brightness or colour: {listed}; look at the light and the lens, and record good "
            "product again"
        )
    logger.warning(
        "{} of {} good pictures show nothing, only one brightness or colour, and are left out: {}",
        *(len(empty), count, listed),
    )


def _report_copies(
    normals: Normals, exact: dict[int, int], similar: dict[int, int], remaining: int
) -> None:
    copies = exact | similar
    if not copies:
        return
    names = normals.names
    listed = list_some([f"{names[copy]} = {names[copies[copy]]}" for copy in sorted(copies)])
    advice = (
        "if those that are not exactly equal show different products, use --keep-similar"
        if similar
        else ""
    )
    if remaining < 2:
        raise DataError(
            f"the good pictures of {normals.name} are {len(copies) + remaining} times the same "
            f"picture ({listed}); fitting needs at least two pictures of different products, "
            "better eight" + (f"; {advice}" if advice else "")
        )
    logger.warning(
        "{} of {} good pictures are copies of others and count as one with them: {}{}",
        *(len(copies), len(names), listed, f"; {advice}" if advice else ""),
    )


def _names(normals: Normals, indices: Sequence[int] | Indices) -> tuple[str, ...]:
    return tuple(normals.names[index] for index in indices)
