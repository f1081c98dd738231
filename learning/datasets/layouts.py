"""The table of layouts of data sets, and reading a folder by one of them."""

import dataclasses
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final

from inspector.core.errors import ConfigError, DataError
from inspector.core.lazy import load_entry
from inspector.core.picture_files import folders_in, pictures_in
from learning.datasets.kind_names import good_folders
from learning.datasets.other_folders import describe_other, describe_results
from learning.datasets.types import ClassData, Sample

LAYOUTS: Final[dict[str, str]] = {
    "mvtec": "learning.datasets.mvtec:Mvtec",
    "visa": "learning.datasets.visa:Visa",
    "mpdd": "learning.datasets.mvtec:Mvtec",
    "wfdd": "learning.datasets.mvtec:Mvtec",
    "realiad": "learning.datasets.realiad:RealIad",
    "3dadam": "learning.datasets.adam3d:Adam3d",
    "folder": "learning.datasets.folder:Folder",
}
"""Name -> "module:Class", imported when it is used."""

_DETECTED = ("visa", "realiad", "3dadam", "mvtec")
"""Layouts that can be detected; MPDD and WFDD look like MVTec AD."""

_FALL_BACK = "folder"


class Layout(ABC):
    """How a data set is stored on disk. name: the name in LAYOUTS that was asked for."""

    looked_for: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def recognises(self, root: Path) -> bool:
        """Whether root looks like one class or a set of classes of this layout."""

    @abstractmethod
    def classes(self, root: Path) -> tuple[str, ...]:
        """Names of the classes, sorted; root may also be the folder of one class. Raises
        DataError if there is none."""

    @abstractmethod
    def read(self, root: Path, name: str) -> ClassData:
        """Raises DataError if the class holds no pictures or its list of them is broken."""


def make_layout(name: str) -> Layout:
    """Raises ConfigError for an unknown name."""
    if name not in LAYOUTS:
        raise ConfigError(f"data set layout {name!r} is unknown; known: {', '.join(LAYOUTS)}")
    cls: type[Layout] = load_entry(LAYOUTS[name])
    return cls(name)


def detect(root: Path) -> str:
    """Name of the layout that root shows. Raises DataError if it shows none or several."""
    _refuse_missing(root)
    layouts = [make_layout(name) for name in _DETECTED]
    matching = [layout for layout in layouts if layout.recognises(root)]
    if len(matching) > 1:
        listed = " or ".join(layout.name for layout in matching)
        raise DataError(f"{root} could be {listed}: say which layout it is")
    if matching:
        return matching[0].name
    fall_back = make_layout(_FALL_BACK)
    if fall_back.recognises(root):
        # A data set may hold results beside its folders of pictures.
        if not good_folders(root) and pictures_in(root) and (reason := describe_results(root)):
            raise DataError(f"{root} is no data set: {reason}")
        return _FALL_BACK
    if reason := describe_other(root):
        raise DataError(f"{root} is no data set: {reason}")
    for below in folders_in(root):
        if any(layout.recognises(below) for layout in layouts):
            raise DataError(f"{root} is no data set, but the folder {below} in it is: give that")
    tried = "; ".join(f"{layout.name}: {layout.looked_for}" for layout in (*layouts, fall_back))
    raise DataError(f"{root} has no known layout of a data set; looked for {tried}")


def load(root: Path, layout: str | None) -> tuple[ClassData, ...]:
    """The classes of a data set, sorted by name.

    root: the data set, a folder of classes or the folder of one class. layout: None detects it;
    `ClassData.layout` says which one it is. A class that cannot be read has no samples and has the
    reason as its problem, unless it is the only class. Raises DataError, and ConfigError for
    an unknown layout.
    """
    _refuse_missing(root)
    chosen = make_layout(detect(root) if layout is None else layout)
    names = chosen.classes(root)
    if len(names) == 1:
        return (chosen.read(root, names[0]),)
    read = tuple(_read_or_problem(chosen, root, name) for name in names)
    if not any(data.samples for data in read):
        raise DataError(f"no class of {root} can be used; first: {read[0].problems[0]}")
    return read


def make_class_data(
    name: str,
    folder: Path,
    layout: str,
    samples: Iterable[Sample],
    problems: Iterable[str],
    *,
    has_splits: bool = True,
) -> ClassData:
    """The class with its samples in order. Raises DataError if there are no samples, or if two have
    the same name. Everything else that is missing in the class becomes a problem."""
    problems = tuple(problems)
    ordered = sorted(samples, key=lambda sample: sample.name)
    if not ordered:
        message = f"class {name} in {folder} holds no pictures"
        causes = [problem for problem in problems if not problem.endswith("holds no pictures")]
        raise DataError(f"{message}: {causes[0]}" if causes else message)
    twice = [key for key, count in Counter(s.name for s in ordered).items() if count > 1]
    if twice:
        raise DataError(f"class {name} in {folder} names the picture {twice[0]} twice")
    data = ClassData(name, tuple(ordered), layout, problems, has_splits)
    return dataclasses.replace(data, problems=(*data.problems, *_missing(data)))


def _missing(data: ClassData) -> list[str]:
    missing = []
    if not data.normals():
        missing.append(f"class {data.name} has no good pictures for training")
    if not data.has_splits:
        return missing
    if not data.tests():
        missing.append(f"class {data.name} has no test pictures")
    elif not data.defects():
        missing.append(f"class {data.name} has no defective test pictures")
    elif len(data.defects()) == len(data.tests()):
        missing.append(f"class {data.name} has no good test pictures")
    return missing


def _read_or_problem(layout: Layout, root: Path, name: str) -> ClassData:
    try:
        return layout.read(root, name)
    except DataError as exc:
        return ClassData(name, (), layout.name, (str(exc),))


def _refuse_missing(root: Path) -> None:
    # Unlike Path.is_dir, isdir is False for a name that is too long.
    if not os.path.isdir(root):
        raise DataError(f"data set {root} is no folder")
