"""Layout of VisA (arXiv 2207.14315) as it is distributed, with its split for one class.

Below the root: <class>/Data/Images/{Normal,Anomaly}, <class>/Data/Masks/Anomaly, and
split_csv/1cls.csv with the columns object, split, label, image, mask (paths from the root, mask
empty for normal ones). The kinds of defect are in <class>/image_anno.csv (image, label, mask); a
label of several kinds, joined by commas, is called "combined", and without that file all are
"anomaly". Checked against the set's README and public loaders and tests of it, not against the set
itself. A set that was converted to the layout of MVTec AD is read as such.
"""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from inspector.core.errors import DataError
from inspector.core.picture_files import folders_in, pictures_below
from learning.datasets.kind_names import kind_of
from learning.datasets.layouts import Layout, make_class_data
from learning.datasets.listed import below
from learning.datasets.mvtec import Mvtec
from learning.datasets.types import GOOD, TEST, TRAIN, ClassData, Sample

SPLIT_FILE: Final = "split_csv/1cls.csv"
COLUMNS: Final = ("object", "split", "label", "image", "mask")
KINDS_FILE: Final = "image_anno.csv"
ANOMALY: Final = "anomaly"
COMBINED: Final = "combined"

CsvRow = dict[str, str]


class Visa(Layout):
    looked_for = f"{SPLIT_FILE} or folders Data/Images"

    def recognises(self, root: Path) -> bool:
        return bool(_base(root))

    def classes(self, root: Path) -> tuple[str, ...]:
        base = _base(root)
        if base is None:
            converted = Mvtec(self.name)
            if not converted.recognises(root):
                raise DataError(f"{root} is not of the layout visa: it lacks {self.looked_for}")
            return converted.classes(root)
        names = sorted({row["object"] for row in _rows(base / SPLIT_FILE, COLUMNS)})
        if base != root:
            names = [name for name in names if name == root.resolve().name]
        if not names:
            raise DataError(f"{base / SPLIT_FILE} lists no pictures for {root}")
        return tuple(names)

    def read(self, root: Path, name: str) -> ClassData:
        base = _base(root)
        if base is None:
            return Mvtec(self.name).read(root, name)
        listed_in = base / SPLIT_FILE
        if below(base, name, listed_in) == base:
            raise DataError(f"{listed_in} has the object {name!r}, which is no name of a class")
        samples: dict[str, Sample] = {}
        problems: list[str] = []
        kinds = _kinds(base / name / KINDS_FILE)
        for row in _rows(listed_in, COLUMNS):
            if row["object"] != name:
                continue
            image = row["image"]
            path = below(base, image, listed_in)
            if image in samples:
                problems.append(f"{listed_in} lists {image} twice: its first line counts")
            elif not os.path.isfile(path):
                problems.append(f"{listed_in} lists {image}, which is not there")
            else:
                masks, wrong = _masks(row, base, listed_in)
                kind = _kind(row, kinds, listed_in)
                samples[image] = Sample(image, path, kind, _split(row, listed_in), masks)
                problems += wrong
        problems += _describe_unlisted(base / name, samples.values(), listed_in)
        return make_class_data(name, base / name, self.name, samples.values(), problems)


def _base(root: Path) -> Path | None:
    """The data set's root, from itself or from the folder of one class; None if the folders
    are not as distributed."""
    for base in (root, root.resolve().parent):
        if (base / SPLIT_FILE).is_file() and (base == root or (root / "Data").is_dir()):
            return base
    if (root / "Data" / "Images").is_dir():
        return root.resolve().parent
    raw = any((folder / "Data" / "Images").is_dir() for folder in folders_in(root))
    return root if raw else None


def _rows(path: Path, columns: tuple[str, ...]) -> list[CsvRow]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path} lacks the column {missing[0]}; it needs {columns}")
            return [_require_cells(row, columns, path, reader.line_num) for row in reader]
    except OSError as exc:
        raise DataError(f"the list of pictures {path} cannot be read: {exc.strerror}") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"{path} is no list of pictures in CSV: {exc}") from exc


def _require_cells(
    row: dict[str, str | None], columns: tuple[str, ...], path: Path, line: int
) -> CsvRow:
    # The reader fills a line that ends too early with None.
    cells = {name: row[name] for name in columns}
    if any(value is None for value in cells.values()):
        raise DataError(f"line {line} of {path} ends too early")
    return {name: (value or "").strip() for name, value in cells.items()}


def _split(row: CsvRow, listed_in: Path) -> str:
    known = {"train": TRAIN, "test": TEST}
    if row["split"] not in known:
        raise DataError(f"{listed_in} has the split {row['split']!r}; known: train, test")
    return known[row["split"]]


def _kind(row: CsvRow, kinds: dict[str, str], listed_in: Path) -> str:
    if _is_good(row):
        return GOOD
    if row["label"].lower() != ANOMALY:
        raise DataError(f"{listed_in} has the label {row['label']!r}; known: normal, {ANOMALY}")
    return kinds.get(row["image"], ANOMALY)


def _is_good(row: CsvRow) -> bool:
    return bool(row["label"]) and kind_of(Path(row["label"])) == GOOD


def _kinds(path: Path) -> dict[str, str]:
    """Picture -> kind of its defect."""
    if not path.is_file():
        return {}
    kinds = {}
    for row in _rows(path, ("image", "label")):
        if row["label"] and not _is_good(row):
            kinds[row["image"]] = COMBINED if "," in row["label"] else row["label"]
    return kinds


def _masks(row: CsvRow, base: Path, listed_in: Path) -> tuple[tuple[Path, ...], list[str]]:
    if _is_good(row):
        return (), []
    if not row["mask"]:
        return (), [f"{listed_in} lists no mask for {row['image']}"]
    path = below(base, row["mask"], listed_in)
    if os.path.isfile(path):
        return (path,), []
    return (), [f"{listed_in} lists the mask {row['mask']}, which is not there"]


def _describe_unlisted(folder: Path, samples: Iterable[Sample], listed_in: Path) -> list[str]:
    listed = {path for sample in samples for path in (sample.path, *sample.masks)}
    problems = []
    for below_data, what in (("Images", "pictures"), ("Masks", "masks")):
        place = folder / "Data" / below_data
        extra = [path for path in pictures_below(place) if path not in listed]
        if extra:
            problems.append(
                f"{len(extra)} {what} in {place} are not used by {listed_in}, first {extra[0].name}"
            )
    return problems
