"""Computes the cells of a study: writes the pictures, fits the models and evaluates them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError, DataError
from learning.datasets.types import TEST, VALIDATION, ClassData
from studies.shift import picture_sets
from studies.shift.cells import (
    ADAPTED,
    CROSS,
    FORMAT,
    GLOBAL,
    PLAIN,
    RECALIBRATED,
    SHIFTED,
    Cell,
    CellKey,
    find_cell,
    make_cell,
    write_cell,
)
from studies.shift.method_names import folder_name
from studies.shift.models import Models, StudyOptions, TrainingSet
from studies.shift.picture_sets import CLEAN_CONDITION, Condition, hash_request
from studies.shift.shifts import GROUPS
from studies.shift.splitting import StudySplit, load_or_make, split_file

RUN: Final = "run.json"
"""Record of time and memory."""

ALL: Final = "all-classes"
"""Folder of the global models, and start of the names of their jobs."""


@dataclass(frozen=True, slots=True)
class CellTask:
    """A cell, and how it is computed. training: what the model is fitted on. calibrated_on: the
    condition of the validation pictures that choose the thresholds."""

    key: CellKey
    training_condition: Condition
    tested: Condition
    calibrated_on: Condition


class Study:
    """classes: of a data set. out: folder for everything. Cells of an earlier run with the same
    request are reused."""

    def __init__(self, classes: Sequence[ClassData], out: Path, options: StudyOptions) -> None:
        _check(classes, options)
        self.out = out
        self._options = options
        self._models = Models(out, options)
        self._splits: dict[str, StudySplit] = {}
        self._divided: dict[str, ClassData] = {}
        self._copies: dict[tuple[str, Condition], ClassData] = {}
        for data in classes:
            split = load_or_make(split_file(out, data.name), data, options.seed)
            self._splits[data.name] = split
            self._divided[data.name] = split.apply(data)

    @property
    def classes(self) -> tuple[ClassData, ...]:
        """With the parts of the study."""
        return tuple(self._divided.values())

    def tasks(self) -> Iterator[CellTask]:
        """The clean cells first, then one shift after the other."""
        names, methods = tuple(self._divided), self._options.methods
        clean = CLEAN_CONDITION
        for name, method in itertools.product(names, methods):
            yield CellTask(CellKey(name, method, PLAIN), clean, clean, clean)
        for shifted, name, method in itertools.product(self.conditions(), names, methods):
            place = (shifted.transform, shifted.severity)
            key = CellKey(name, method, SHIFTED, *place)
            yield CellTask(key, clean, shifted, clean)
            key = CellKey(name, method, RECALIBRATED, *place)
            yield CellTask(key, clean, shifted, shifted)
            key = CellKey(name, method, ADAPTED, *place, fitted_on=shifted.transform)
            yield CellTask(key, shifted, shifted, shifted)
        for (first, second), name, method in itertools.product(self._pairs(), names, methods):
            place = (second.transform, second.severity)
            key = CellKey(name, method, CROSS, *place, fitted_on=first.transform)
            yield CellTask(key, first, second, first)
        if len(names) > 1:
            groups = [each for each in self.conditions() if each.transform in GROUPS]
            for tested, name, method in itertools.product([clean, *groups], names, methods):
                key = CellKey(name, method, GLOBAL, tested.transform, tested.severity)
                yield CellTask(key, clean, tested, clean)

    def conditions(self) -> tuple[Condition, ...]:
        """All shifts of the study."""
        pairs = itertools.product(self._options.severities, self._options.transforms)
        return tuple(Condition(transform, severity) for severity, transform in pairs)

    def _pairs(self) -> Iterator[tuple[Condition, Condition]]:
        """Ordered pairs of groups of the same severity, for models that were fitted on another
        shift."""
        for first, second in itertools.permutations(self.conditions(), 2):
            if first.severity == second.severity and {first.transform, second.transform} <= set(
                GROUPS
            ):
                yield first, second

    def compute(self, task: CellTask) -> Cell:
        """Computes a cell and writes it, or reads it. Raises DataError and SinkError."""
        training = self._training(task)
        request = self._request(task, training)
        earlier = find_cell(self.out, task.key, request)
        if earlier is not None:
            return earlier
        name = task.key.class_name
        tested = self._models.evaluate(
            training, self._copy(name, task.tested), TEST, f"{name}-{task.tested.name}"
        )
        names = tuple(self._divided) if task.key.phase == GLOBAL else (name,)
        validated = [
            self._models.evaluate(
                training,
                self._copy(each, task.calibrated_on),
                VALIDATION,
                f"{each}-{task.calibrated_on.name}",
            )
            for each in names
        ]
        cell = make_cell(task.key, request, tested, validated)
        write_cell(self.out, cell)
        return cell

    def _training(self, task: CellTask) -> TrainingSet:
        key, condition = task.key, task.training_condition
        names = tuple(self._divided) if key.phase == GLOBAL else (key.class_name,)
        place = ALL if key.phase == GLOBAL else key.class_name
        return TrainingSet(
            f"{place}/{folder_name(key.method)}/{condition.name}",
            key.method,
            tuple(self._copy(name, condition) for name in names),
            {name: self._source(name, condition) for name in names},
        )

    def _request(self, task: CellTask, training: TrainingSet) -> str:
        """Hash of what the cell depends on."""
        names = tuple(self._divided) if task.key.phase == GLOBAL else (task.key.class_name,)
        return hash_request(
            {
                "format": FORMAT,
                "file": task.key.file,
                "model": self._models.request(training),
                "tested": self._source(task.key.class_name, task.tested),
                "calibrated": [self._source(name, task.calibrated_on) for name in names],
                "resamples": self._options.resamples,
            }
        )

    def _source(self, name: str, condition: Condition) -> str:
        """Hash of what the pictures of a copy depend on."""
        return hash_request(
            {
                "split": self._splits[name].sha256,
                "side": picture_sets.SIDE,
                "format": picture_sets.FORMAT,
                "seed": self._options.seed,
                "condition": condition.describe(),
            }
        )

    def _copy(self, name: str, condition: Condition) -> ClassData:
        key = (name, condition)
        if key not in self._copies:
            folder = self.out / "pictures" / condition.name / name
            if condition == CLEAN_CONDITION:
                split = self._splits[name].sha256
                copy = picture_sets.write_clean(folder, self._divided[name], split)
            else:
                clean = self._copy(name, CLEAN_CONDITION)
                copy = picture_sets.write_shifted(folder, clean, condition, self._options.seed)
            self._copies[key] = copy
        return self._copies[key]


def _check(classes: Sequence[ClassData], options: StudyOptions) -> None:
    if not options.methods or not options.severities or not options.transforms:
        raise ConfigError("a study needs at least one method, one severity and one transform")
    for data in classes:
        if not data.samples:
            raise DataError(f"class {data.name} cannot be studied: {data.problems[0]}")
        if not data.normals() or not any(sample.defective for sample in data.samples):
            raise DataError(
                f"class {data.name} cannot be studied: it needs good pictures for training and "
                "defective pictures"
            )
