"""Reads the folders of one class, each of them a kind of picture, and the masks of the kinds."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from inspector.core.errors import DataError
from inspector.core.picture_files import (
    describe_unread,
    folders_in,
    pictures_below,
    pictures_in,
)
from learning.datasets.kind_names import folders_named, is_label_folder, kind_of
from learning.datasets.other_folders import describe_results
from learning.datasets.pairing import Masks, normalise_stem, pair
from learning.datasets.types import GOOD

Kinds = Mapping[Path, list[Path]]
"""Folder of a kind -> its pictures."""


def read_kind(folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures of a kind, and a sentence for each problem.

    They are directly in the folder or, if there are none, in the folders below it. Raises DataError
    if the folder looks like a class, because it has a folder of good pictures.
    """
    if is_label_folder(folder):
        return [], [
            f"{folder} is left out, because its name says that it holds masks: masks are read from "
            "the folder ground_truth/<kind> of the class"
        ]
    direct = pictures_in(folder)
    if not direct and (reason := describe_results(folder)):
        return [], [f"{folder} is left out: {reason}"]
    nested = [path for path in pictures_below(folder) if path.parent != folder]
    masks = [path for path in nested if _in_mask_folder(path, folder)]
    below = [path for path in nested if path not in set(masks)]
    problems = describe_unread(folder)
    if masks:
        problems.append(
            f"{len(masks)} pictures in {masks[0].parent} are not read: masks of a kind are read "
            "from the folder ground_truth/<kind> of the class"
        )
    if direct and below:
        problems.append(
            f"{len(below)} pictures in folders below {folder} are left out, first {below[0]}: "
            "move them up"
        )
    if not direct and below:
        _refuse_class(folder)
    if not direct and not below:
        problems.append(f"{folder} holds no pictures")
    return direct or below, problems


def _in_mask_folder(path: Path, folder: Path) -> bool:
    return any(is_label_folder(parent) for parent in path.relative_to(folder).parents)


def _refuse_class(folder: Path) -> None:
    good = [below for below in folders_in(folder) if kind_of(below) == GOOD]
    if good:
        raise DataError(
            f"{folder} should hold pictures of one kind, but it has a folder {good[0].name}: the "
            "folder of a class comes first, then train or test, then the kind, as in "
            "CLASS/test/good"
        )


def pair_kinds(kinds: Kinds, truth: Path) -> tuple[Masks, list[str]]:
    """Picture -> its masks, and a sentence for each problem.

    kinds: kinds of defect. truth: the folder of masks, with a folder for each kind, or with the
    masks of all kinds together. Names of kinds may differ in case.
    """
    places = {kind: _place(truth, kind.name) for kind in kinds}
    if not any(place.is_dir() for place in places.values()) and _holds_masks(kinds, truth):
        pictures = [path for paths in kinds.values() for path in paths]
        masks, problems = pair(pictures, pictures_below(truth), truth)
        return masks, list(problems)
    masks_of: Masks = {}
    sentences: list[str] = []
    for kind, pictures in kinds.items():
        masks, wrong = _pair_kind(kind, pictures, places[kind])
        masks_of |= masks
        sentences += wrong
    sentences += [
        f"masks in {place} belong to no kind of picture"
        for place in folders_in(truth)
        if place not in places.values() and kind_of(place) != GOOD
    ]
    sentences += [f"mask {path} belongs to no kind of picture" for path in pictures_in(truth)]
    return masks_of, sentences


def _place(truth: Path, kind: str) -> Path:
    """The folder of masks of a kind; the one of exactly its name if there are several."""
    exact = truth / kind
    others = folders_named(truth, kind)
    return others[0] if others and exact not in others else exact


def _holds_masks(kinds: Kinds, truth: Path) -> bool:
    """Whether masks are directly in the folder, or in a folder for each picture."""
    stems = {normalise_stem(path.stem) for paths in kinds.values() for path in paths}
    return bool(pictures_in(truth)) or any(
        normalise_stem(below.name) in stems for below in folders_in(truth)
    )


def _pair_kind(kind: Path, pictures: Iterable[Path], place: Path) -> tuple[Masks, tuple[str, ...]]:
    """Pictures in a folder below the kind have their masks in the same folder below the place, if
    there is one."""
    groups: dict[Path, list[Path]] = {}
    for path in pictures:
        mirror = place / path.parent.relative_to(kind)
        groups.setdefault(mirror if mirror.is_dir() else place, []).append(path)
    masks_of: Masks = {}
    problems: tuple[str, ...] = ()
    for mirror, group in groups.items():
        others = [m for m in groups if m != mirror and m.is_relative_to(mirror)]
        masks = [
            path
            for path in pictures_below(mirror)
            if not any(path.is_relative_to(other) for other in others)
        ]
        paired, wrong = pair(group, masks, mirror)
        masks_of |= paired
        problems += wrong
    return masks_of, problems
