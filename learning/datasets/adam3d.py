"""Layout of 3D-ADAM (arXiv 2507.07838) in its version for unsupervised training.

A class holds train, validation and test, each with <kind>/rgb (the pictures), <kind>/ground_truth
(masks of the same name) and <kind>/xyz (not read). Checked against a public listing of the set and
public loaders of it, not against the set itself. It is not known whether test/good exists (a widely
used conversion takes validation/good instead). MVTec 3D-AD, which this layout follows, has the name
"gt" for ground_truth. A set that was converted to the layout of MVTec AD is read as such.
"""

from pathlib import Path

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_below, pictures_in
from learning.datasets.kind_names import describe_several, good_folders, kind_of
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.mvtec import Mvtec, parts_of, sample
from learning.datasets.pairing import pair
from learning.datasets.types import GOOD, ClassData, Sample


class Adam3d(Layout):
    looked_for = "folders train, validation or test with <kind>/rgb in them"

    def recognises(self, root: Path) -> bool:
        return bool(_names(root))

    def classes(self, root: Path) -> tuple[str, ...]:
        if names := _names(root):
            return names
        converted = Mvtec(self.name)
        if not converted.recognises(root):
            raise DataError(f"{root} is not of the layout {self.name}: it lacks {self.looked_for}")
        return converted.classes(root)

    def read(self, root: Path, name: str) -> ClassData:
        if not _names(root):
            return Mvtec(self.name).read(root, name)
        folder = root if _is_class(root) else root / name
        samples: list[Sample] = []
        problems: list[str] = []
        for part, split in parts_of(folder):
            problems += describe_several(good_folders(part))
            for kind in folders_in(part):
                pictures = pictures_in(kind / "rgb")
                truth = kind / ("ground_truth" if (kind / "ground_truth").is_dir() else "gt")
                masks: dict[Path, tuple[Path, ...]] = {}
                if kind_of(kind) != GOOD:
                    masks, wrong = pair(pictures, pictures_below(truth), truth)
                    problems += wrong
                samples += [
                    sample(folder, path, kind_of(kind), split, masks.get(path, ()))
                    for path in pictures
                ]
        return make_class_data(name, folder, self.name, samples, problems)


def _is_class(folder: Path) -> bool:
    return any((kind / "rgb").is_dir() for part, _ in parts_of(folder) for kind in folders_in(part))


def _names(root: Path) -> tuple[str, ...]:
    if _is_class(root):
        return (root.resolve().name,)
    return tuple(folder.name for folder in folders_in(root) if _is_class(folder))
