"""Which mask belongs to which picture: by the stem of their names, never by their order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

_ENDING = re.compile(r"[_-](?:mask|gt)(?P<part>[_-]?\d+)?$", re.IGNORECASE)

Masks = dict[Path, tuple[Path, ...]]


def pair(
    pictures: Sequence[Path], masks: Iterable[Path], folder: Path
) -> tuple[Masks, tuple[str, ...]]:
    """Picture -> its masks, and a sentence for everything that does not fit.

    A mask of the picture 001 is called 001, 001_mask or 001_gt; parts of it 001_mask_2, or anything
    in a folder 001. It is never one of 0010. folder: where the masks lie, for the sentences. A mask
    that more than one picture could own is given to none.
    """
    owners: dict[str, list[Path]] = {}
    for picture in pictures:
        owners.setdefault(_normal(picture.stem), []).append(picture)
    problems = [_shared(stem, group) for stem, group in owners.items() if len(group) > 1]
    claims: dict[Path, list[tuple[Path, bool]]] = {}
    for mask in masks:
        stem, is_part = _owner(mask, folder, owners)
        group = owners.get(stem, [])
        if not group:
            problems.append(f"mask {mask} belongs to no picture")
        elif len(group) == 1:
            claims.setdefault(group[0], []).append((mask, is_part))
    for picture, claimed in claims.items():
        whole = [mask.name for mask, is_part in claimed if not is_part]
        if len(whole) > 1:
            listed = " and ".join(whole)
            problems.append(f"picture {picture} is claimed by {listed}: they are united")
    problems += _without(pictures, claims, folder)
    return {picture: tuple(m for m, _ in claimed) for picture, claimed in claims.items()}, tuple(
        problems
    )


def _normal(stem: str) -> str:
    # Some file systems take "ü" apart, some do not.
    return unicodedata.normalize("NFC", stem)


def _owner(mask: Path, folder: Path, owners: dict[str, list[Path]]) -> tuple[str, bool]:
    """Stem of the picture that a mask is named after, and whether it says that it is a part."""
    if mask.parent != folder and _normal(mask.parent.name) in owners:
        return _normal(mask.parent.name), True
    stem = _normal(mask.stem)
    ending = _ENDING.search(stem)
    if stem in owners or ending is None:
        return stem, False
    return stem[: ending.start()], ending["part"] is not None


def _shared(stem: str, group: list[Path]) -> str:
    listed = " and ".join(path.name for path in group)
    return f"pictures {listed} in {group[0].parent} share the stem {stem}: no mask is given to them"


def _without(
    pictures: Sequence[Path], claims: dict[Path, list[tuple[Path, bool]]], folder: Path
) -> list[str]:
    if pictures and not claims:
        return [f"none of the {len(pictures)} pictures in {pictures[0].parent} has a mask"]
    return [f"picture {path} has no mask in {folder}" for path in pictures if path not in claims]
