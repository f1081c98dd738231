"""Layout of Real-IAD (arXiv 2403.12580), with its lists in JSON.

Below the root: realiad_jsons/<class>.json (or realiad_jsons/realiad_jsons/<class>.json, where the
lists for one view lie beside it) and the pictures in realiad_256, realiad_512 or realiad_1024. A
list has meta (normal_class, prefix) and train and test, each a list of category, anomaly_class,
image_path and mask_path (null for normal ones); paths are relative to <pictures>/<prefix>. Checked
against public loaders and tests, not against the set itself, which is available on request only.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import DataError
from inspector.core.picture_files import entries, folders_in
from learning.datasets.kind_names import kind_of
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.listed import below
from learning.datasets.types import GOOD, TEST, TRAIN, ClassData, Sample

LISTS: Final = "realiad_jsons"
PICTURES: Final = "realiad_"


class RealIad(Layout):
    looked_for = f"folders {LISTS} and {PICTURES}1024 (or 512, 256)"

    def recognises(self, root: Path) -> bool:
        return _base(root) is not None

    def classes(self, root: Path) -> tuple[str, ...]:
        base = self._base(root)
        folder = _lists(base)
        names = [path.stem for path in entries(folder) if _is_list(path)]
        if root.resolve().parent.name.startswith(PICTURES):
            names = [name for name in names if name == root.resolve().name]
        if not names:
            raise DataError(f"{folder} holds no JSON list for {root}")
        return tuple(sorted(names))

    def read(self, root: Path, name: str) -> ClassData:
        base = self._base(root)
        listed_in = _lists(base) / f"{name}.json"
        content = _read_list(listed_in)
        meta = _require(content, "meta", dict, listed_in)
        normal = _require(meta, "normal_class", str, listed_in)
        folder = below(_pictures(base, root), _require(meta, "prefix", str, listed_in), listed_in)
        samples: dict[str, Sample] = {}
        problems: list[str] = []
        for split in (TRAIN, TEST):
            for entry in _require(content, split, list, listed_in):
                sample, wrong = _sample(entry, split, normal, folder, listed_in)
                problems += wrong
                if sample is not None and sample.name in samples:
                    problems.append(f"{listed_in} lists {sample.name} twice: the first counts")
                elif sample is not None:
                    samples[sample.name] = sample
        return make_class_data(name, folder, self.name, samples.values(), problems)

    def _base(self, root: Path) -> Path:
        base = _base(root)
        if base is None:
            raise DataError(f"{root} is not of the layout {self.name}: it lacks {self.looked_for}")
        return base


def _base(root: Path) -> Path | None:
    """The data set's root, from itself, from one folder of pictures or from one class in it."""
    here = root.resolve()
    if here.name.startswith(PICTURES) and here.name != LISTS:
        here = here.parent
    elif here.parent.name.startswith(PICTURES) and here.parent.name != LISTS:
        here = here.parent.parent
    return here if (here / LISTS).is_dir() else None


def _lists(base: Path) -> Path:
    nested = base / LISTS / LISTS
    return nested if nested.is_dir() else base / LISTS


def _is_list(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.startswith(".")


def _pictures(base: Path, root: Path) -> Path:
    """The folder of pictures that contains root, or else the only one in base."""
    pictures = [
        folder
        for folder in folders_in(base)
        if folder.name.startswith(PICTURES) and not folder.name.startswith(LISTS)
    ]
    here = root.resolve()
    chosen = [folder for folder in pictures if folder in (here, *here.parents)] or pictures
    if len(chosen) != 1:
        listed = ", ".join(folder.name for folder in pictures) or "none"
        raise DataError(
            f"{base} needs one folder {PICTURES}<size>, it has {listed}: give one of them"
        )
    return chosen[0]


def _read_list(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise DataError(f"the list of pictures {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{path} is no list of pictures in JSON: {exc}") from exc
    if not isinstance(content, dict):
        raise DataError(f"{path} is no list of pictures: its JSON is no object")
    return content


def _require(content: Any, key: str, kind: type, listed_in: Path) -> Any:
    value = content.get(key) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        raise DataError(f"{listed_in} lacks {key}, or it is no {kind.__name__}")
    return value


def _sample(
    entry: Any, split: str, normal: str, folder: Path, listed_in: Path
) -> tuple[Sample | None, list[str]]:
    image = _require(entry, "image_path", str, listed_in)
    label = _require(entry, "anomaly_class", str, listed_in)
    path = below(folder, image, listed_in)
    if not os.path.isfile(path):
        return None, [f"{listed_in} lists {image}, which is not there"]
    if label == normal or kind_of(Path(label)) == GOOD:
        return Sample(image, path, GOOD, split), []
    masks: tuple[Path, ...] = ()
    problems = []
    if entry.get("mask_path") is None:
        problems.append(f"{listed_in} lists no mask for {image}")
    else:
        mask = below(folder, _require(entry, "mask_path", str, listed_in), listed_in)
        if os.path.isfile(mask):
            masks = (mask,)
        else:
            problems.append(f"{listed_in} lists the mask {mask}, which is not there")
    return Sample(image, path, label, split, masks), problems
