"""A plain folder of pictures, sorted into good ones and kinds of defects or not sorted at all.

The good pictures are directly in the folder, or in a folder named good, ok, normal ... (see
learning.datasets.kind_names). Every other folder in it is a kind of defect, except the folder of
masks: ground_truth, masks, mask or gt, with the masks by kind or all together. There are no parts
for training and testing.
"""

from pathlib import Path

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_in
from learning.datasets.kind_names import (
    EXAMPLES,
    describe_several,
    good_folders,
    is_mask_folder,
    kind_of,
)
from learning.datasets.kinds import pair_kinds, read_kind
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.mvtec import sample
from learning.datasets.pairing import Masks
from learning.datasets.types import GOOD, TEST, TRAIN, ClassData, Sample


class Folder(Layout):
    looked_for = f"pictures or a folder of good pictures ({EXAMPLES})"

    def recognises(self, root: Path) -> bool:
        return bool(_names(root))

    def classes(self, root: Path) -> tuple[str, ...]:
        names = _names(root)
        if not names:
            raise DataError(
                f"{root} holds neither pictures nor a folder of good pictures ({EXAMPLES}), and "
                "none of its folders has one"
            )
        return names

    def read(self, root: Path, name: str) -> ClassData:
        folder = root if _is_class(root) else root / name
        good = good_folders(folder)
        loose = pictures_in(folder)
        problems = describe_several(good)
        if good and loose:
            problems.append(
                f"{len(loose)} pictures directly in {folder} are left out: it has {good[0].name}"
            )
        pictures = [] if good else loose
        for place in good:
            inside, wrong = read_kind(place)
            pictures += inside
            problems += wrong
        samples = [sample(folder, path, GOOD, TRAIN) for path in pictures]
        defects, wrong = _defects(folder)
        return make_class_data(
            name, folder, self.name, samples + defects, problems + wrong, has_splits=False
        )


def _is_class(folder: Path) -> bool:
    return bool(good_folders(folder) or pictures_in(folder))


def _names(root: Path) -> tuple[str, ...]:
    if _is_class(root):
        return (root.resolve().name,)
    return tuple(folder.name for folder in folders_in(root) if good_folders(folder))


def _defects(folder: Path) -> tuple[list[Sample], list[str]]:
    truth = [below for below in folders_in(folder) if is_mask_folder(below)]
    if len(truth) > 1:
        listed = " and ".join(place.name for place in truth)
        raise DataError(f"{folder} has several folders of masks: {listed}; keep one")
    kinds: dict[Path, list[Path]] = {}
    problems: list[str] = []
    for kind in folders_in(folder):
        if kind not in truth and kind_of(kind) != GOOD:
            kinds[kind], wrong = read_kind(kind)
            problems += wrong
    masks: Masks = {}
    if truth:
        masks, wrong = pair_kinds(kinds, truth[0])
        problems += wrong
    samples = [
        sample(folder, path, kind.name, TEST, masks.get(path, ()))
        for kind, pictures in kinds.items()
        for path in pictures
    ]
    return samples, problems
