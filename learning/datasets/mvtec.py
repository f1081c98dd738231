"""Layout of MVTec AD, and of the sets that follow it: MPDD, WFDD, VisA and 3D-ADAM as converted.

A class holds train/good, test/<kind> and ground_truth/<kind>; the masks may also lie beside the
classes, in ground_truth/<class>/<kind>, and a validation/<kind> is read where there is one. The
case of these names does not matter, and learning.datasets.kind_names lists the names for good. The
shape of MVTec AD, MPDD and WFDD (masks <stem>_mask.png in all three) and of the converted VisA
(test/bad, masks <stem>.png) was checked against public listings and loaders, not against the sets
themselves.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_in
from learning.datasets.kind_names import (
    MASK_FOLDERS,
    describe_several,
    folders_named,
    good_folders,
    kind_of,
)
from learning.datasets.kinds import pair_kinds, read_kind
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.types import GOOD, TEST, TRAIN, VALIDATION, ClassData, Sample

FOLDERS: Final = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "val": VALIDATION,
    "valid": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""Folder of a class, in lower case -> the split of its pictures."""


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
        tested: dict[Path, list[Path]] = {}
        for part, split in parts_of(folder):
            if loose := pictures_in(part):
                problems.append(
                    f"{len(loose)} pictures directly in {part} are left out: move the good ones to "
                    f"{part / GOOD}, and the others to a folder for each kind of defect"
                )
            problems += describe_several(good_folders(part))
            for kind in folders_in(part):
                pictures, wrong = read_kind(kind)
                problems += wrong
                if split == TEST and kind_of(kind) != GOOD:
                    tested[kind] = pictures
                else:
                    # Good pictures may have empty masks. Defective pictures for training share no
                    # folder of masks with those for testing.
                    samples += [sample(folder, path, kind_of(kind), split) for path in pictures]
        masks, wrong = pair_kinds(tested, _truth(folder))
        samples += [
            sample(folder, path, kind.name, TEST, masks.get(path, ()))
            for kind, pictures in tested.items()
            for path in pictures
        ]
        return make_class_data(name, folder, self.name, samples, [*problems, *wrong])


def parts_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Folders of a class with pictures for training, validation and testing, and their split."""
    for part in folders_in(folder):
        if split := FOLDERS.get(part.name.lower()):
            yield part, split


def is_class(folder: Path) -> bool:
    parts = dict(parts_of(folder))
    return bool({TRAIN, TEST} & set(parts.values())) and not any(
        (kind / "rgb").is_dir() for part in parts for kind in folders_in(part)
    )


def _names(root: Path) -> tuple[str, ...]:
    if is_class(root):
        return (root.resolve().name,)
    return tuple(folder.name for folder in folders_in(root) if is_class(folder))


def _truth(folder: Path) -> Path:
    """The folder of masks in the class, or else the one beside the classes."""
    here = folder.resolve()
    beside = [truth / here.name for truth in folders_named(here.parent, MASK_FOLDERS[0])]
    inner = folders_named(folder, *MASK_FOLDERS)
    if len(inner) > 1:
        listed = " and ".join(place.name for place in inner)
        raise DataError(f"{folder} has several folders of masks: {listed}; keep one")
    existing = [place for place in (*inner, *beside) if place.is_dir()]
    return existing[0] if existing else folder / MASK_FOLDERS[0]


def sample(folder: Path, path: Path, kind: str, split: str, masks: tuple[Path, ...] = ()) -> Sample:
    """A sample named by its path below a class folder."""
    return Sample(path.relative_to(folder).as_posix(), path, kind, split, masks)
