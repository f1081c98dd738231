"""A plain folder of pictures, sorted into good ones and kinds of defects or not sorted at all.

The good pictures are directly in the folder, or in its folder good, normal or ok. Every other
folder in it is a kind of defect, except the folder of masks: ground_truth, masks, mask or gt, with
the masks by kind or all together. There are no parts for training and testing.
"""

from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_below, pictures_in
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.mvtec import sample
from learning.datasets.pairing import pair
from learning.datasets.types import GOOD, TEST, TRAIN, ClassData, Sample

GOOD_FOLDERS: Final = ("good", "normal", "ok")
MASK_FOLDERS: Final = ("ground_truth", "masks", "mask", "gt")


class Folder(Layout):
    looked_for = "pictures or a folder good, normal or ok"

    def recognises(self, root: Path) -> bool:
        return bool(_names(root))

    def classes(self, root: Path) -> tuple[str, ...]:
        names = _names(root)
        if not names:
            raise DataError(
                f"{root} holds neither pictures nor a folder good, normal or ok, and none of its "
                "folders has one"
            )
        return names

    def read(self, root: Path, name: str) -> ClassData:
        folder = root if _is_class(root) else root / name
        good = _good_folders(folder)
        loose = pictures_in(folder)
        problems: list[str] = []
        if good and loose:
            problems.append(
                f"{len(loose)} pictures directly in {folder} are left out: it has {good[0].name}"
            )
        pictures = [path for place in good for path in pictures_in(place)] if good else loose
        samples = [sample(folder, path, GOOD, TRAIN) for path in pictures]
        defects, wrong = _defects(folder)
        return make_class_data(
            name, folder, self.name, samples + defects, problems + wrong, has_splits=False
        )


def _good_folders(folder: Path) -> list[Path]:
    return [below for below in folders_in(folder) if below.name.lower() in GOOD_FOLDERS]


def _mask_folders(folder: Path) -> list[Path]:
    return [below for below in folders_in(folder) if below.name.lower() in MASK_FOLDERS]


def _is_class(folder: Path) -> bool:
    return bool(_good_folders(folder) or pictures_in(folder))


def _names(root: Path) -> tuple[str, ...]:
    if _is_class(root):
        return (root.resolve().name,)
    return tuple(folder.name for folder in folders_in(root) if _good_folders(folder))


def _defects(folder: Path) -> tuple[list[Sample], list[str]]:
    masks = _mask_folders(folder)
    others = (*_good_folders(folder), *masks)
    kinds = {kind: pictures_in(kind) for kind in folders_in(folder) if kind not in others}
    if len(masks) > 1:
        listed = " and ".join(place.name for place in masks)
        raise DataError(f"{folder} has several folders of masks: {listed}; keep one")
    if not masks:
        return _samples(folder, kinds, {}), []
    truth = masks[0]
    masks_of: dict[Path, tuple[Path, ...]] = {}
    problems: list[str] = []
    if any((truth / kind.name).is_dir() for kind in kinds):
        for kind, pictures in kinds.items():
            place = truth / kind.name
            owned, wrong = pair(pictures, pictures_below(place), place)
            masks_of |= owned
            problems += wrong
        known = {kind.name for kind in kinds} | {place.name for place in _good_folders(folder)}
        extra = [place for place in folders_in(truth) if place.name not in known]
        problems += [f"masks in {place} belong to no kind of picture" for place in extra]
        problems += [f"mask {path} belongs to no kind of picture" for path in pictures_in(truth)]
    else:
        everything = [path for pictures in kinds.values() for path in pictures]
        masks_of, wrong = pair(everything, pictures_below(truth), truth)
        problems += wrong
    return _samples(folder, kinds, masks_of), problems


def _samples(
    folder: Path, kinds: dict[Path, list[Path]], masks: dict[Path, tuple[Path, ...]]
) -> list[Sample]:
    return [
        sample(folder, path, kind.name, TEST, masks.get(path, ()))
        for kind, pictures in kinds.items()
        for path in pictures
    ]
