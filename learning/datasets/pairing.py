"""Finds the masks of each picture by the stem of their names, never by their order."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

_ENDING = re.compile(r"[_-](?:mask|gt)(?P<part>[_-]?\d+)?$", re.IGNORECASE)

Masks = dict[Path, tuple[Path, ...]]


def pair(
    pictures: Sequence[Path], masks: Iterable[Path], folder: Path
) -> tuple[Masks, tuple[str, ...]]:
    """Picture -> its masks, and a sentence for each problem.

    A mask of the picture 001 is called 001, 001_mask or 001_gt. A mask of a part of the defects is
    called 001_mask_2, or is any file in a folder 001. A mask of the picture 0010 is never a mask of
    001. A mask that fits several pictures is not used. folder: of the masks, for the sentences.
    """
    owners: dict[str, list[Path]] = {}
    for picture in pictures:
        owners.setdefault(normalise_stem(picture.stem), []).append(picture)
    problems = [
        _describe_shared_stem(stem, group) for stem, group in owners.items() if len(group) > 1
    ]
    claims: dict[Path, list[tuple[Path, bool]]] = {}
    for mask in masks:
        stem, is_part = _owner(mask, folder, owners)
        group = owners.get(stem, [])
        if not group:
            problems.append(f"mask {mask} belongs to no picture")
        elif len(group) == 1:
            claims.setdefault(group[0], []).append((mask, is_part))
    for picture, claimed in claims.items():
        whole_masks = [mask.name for mask, is_part in claimed if not is_part]
        if len(whole_masks) > 1:
            listed = " and ".join(whole_masks)
            problems.append(f"picture {picture} has several masks, {listed}: they are united")
    problems += _describe_missing_masks(pictures, claims, folder)
    return {picture: tuple(m for m, _ in claimed) for picture, claimed in claims.items()}, tuple(
        problems
    )


def normalise_stem(stem: str) -> str:
    # Some file systems take "ü" apart, some do not.
    return unicodedata.normalize("NFC", stem)


def _owner(mask: Path, folder: Path, owners: dict[str, list[Path]]) -> tuple[str, bool]:
    """Stem of the picture that a mask is named after, and whether it is named as a part."""
    if mask.parent != folder and normalise_stem(mask.parent.name) in owners:
        return normalise_stem(mask.parent.name), True
    stem = normalise_stem(mask.stem)
    ending = _ENDING.search(stem)
    if stem in owners or ending is None:
        return stem, False
    return stem[: ending.start()], ending["part"] is not None


def _describe_shared_stem(stem: str, group: list[Path]) -> str:
    listed = " and ".join(path.name for path in group)
    return f"pictures {listed} in {group[0].parent} share the stem {stem}: they get no mask"


def _describe_missing_masks(
    pictures: Sequence[Path], claims: dict[Path, list[tuple[Path, bool]]], folder: Path
) -> list[str]:
    if pictures and not claims:
        return [f"none of the {len(pictures)} pictures in {pictures[0].parent} has a mask"]
    return [f"picture {path} has no mask in {folder}" for path in pictures if path not in claims]
