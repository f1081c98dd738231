"""Layout of MVTec AD, and of the sets that follow it: MPDD, WFDD, VisA and 3D-ADAM as converted.

A class holds train/good, test/<kind> and ground_truth/<kind>; the masks may also lie beside the
classes, in ground_truth/<class>/<kind>, and a validation/<kind> is read where there is one. The
shape of MVTec AD, MPDD and WFDD (masks <stem>_mask.png in all three) and of the converted VisA
(test/bad, masks <stem>.png) was checked against public listings and loaders, not against the sets
themselves.
"""

from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_below, pictures_in
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.pairing import pair
from learning.datasets.types import GOOD, TEST, TRAIN, VALIDATION, ClassData, Sample

FOLDERS: Final = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "test": TEST}
"""Folder of a class -> the split of its pictures."""

TRUTH: Final = "ground_truth"


class Mvtec(Layout):
    looked_for = "folders train or test with folders of pictures in them"

    def recognises(self, root: Path) -> bool:
        return bool(_names(root))

    def classes(self, root: Path) -> tuple[str, ...]:
        names = _names(root)
        if not names:
            raise DataError(f"{root} is not of the layout {self.name}: it lacks {self.looked_for}")
        return names

    def read(self, root: Path, name: str) -> ClassData:
        folder = root if is_class(root) else root / name
        samples: list[Sample] = []
        problems: list[str] = []
        truth = _truth(folder)
        for below, split in FOLDERS.items():
            for kind in folders_in(folder / below):
                samples_of_kind, wrong = _kind(folder, split, kind, truth / kind.name)
                samples += samples_of_kind
                problems += wrong
        problems += _unknown_kinds(folder, truth)
        return make_class_data(name, folder, self.name, samples, problems)


def is_class(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in ("train", "test")) and not any(
        (kind / "rgb").is_dir() for part in FOLDERS for kind in folders_in(folder / part)
    )


def _names(root: Path) -> tuple[str, ...]:
    if is_class(root):
        return (root.resolve().name,)
    return tuple(folder.name for folder in folders_in(root) if is_class(folder))


def _truth(folder: Path) -> Path:
    """The folder of masks in the class, or else the one beside the classes."""
    inner = folder / TRUTH
    beside = folder.resolve().parent / TRUTH / folder.resolve().name
    return beside if not inner.is_dir() and beside.is_dir() else inner


def _kind(
    folder: Path, split: str, kind: Path, truth: Path
) -> tuple[list[Sample], tuple[str, ...]]:
    pictures = pictures_in(kind)
    if kind.name == GOOD:
        # Some sets have empty masks for good pictures too; they are ignored.
        return [sample(folder, path, GOOD, split) for path in pictures], ()
    if split != TEST:
        # Defective pictures for training share no folder of masks with those for testing.
        return [sample(folder, path, kind.name, split) for path in pictures], ()
    masks, problems = pair(pictures, pictures_below(truth), truth)
    samples = [sample(folder, path, kind.name, split, masks.get(path, ())) for path in pictures]
    return samples, problems


def sample(folder: Path, path: Path, kind: str, split: str, masks: tuple[Path, ...] = ()) -> Sample:
    """A sample named by its path below a class folder."""
    return Sample(path.relative_to(folder).as_posix(), path, kind, split, masks)


def _unknown_kinds(folder: Path, truth: Path) -> list[str]:
    known = {kind.name for kind in folders_in(folder / "test")} | {GOOD}
    return [
        f"masks in {kind} belong to no kind of picture in {folder / 'test'}"
        for kind in folders_in(truth)
        if kind.name not in known
    ]
