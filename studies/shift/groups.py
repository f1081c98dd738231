"""Compares the pictures of one kind, size or place of defect, and counts verdicts of each kind."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.results import MetricValue, Rate
from learning.metrics.image import auroc
from studies.shift.analysis import ADAPTATION, DEGRADATION, REST, Analysis, rate
from studies.shift.cells import PLAIN, Cell, PictureScore
from studies.shift.changes import Change

GROUPINGS: Final = ("kind", "size", "place")
"""Fields of PictureScore. Size and place are those of the largest defect region of the picture
without a shift, so that a picture is in the same group in all phases."""


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A change of the image AUROC of all good pictures and the defective ones of a group. name: of
    the group, such as "small". pictures: defective ones."""

    grouping: str
    name: str
    pictures: int
    change: Change


@dataclass(frozen=True, slots=True)
class GroupMisses:
    """Defective test pictures of a group in one cell."""

    grouping: str
    name: str
    cell: Cell
    misses: Rate


@dataclass(frozen=True, slots=True)
class KindVerdicts:
    """Verdicts of the test pictures of a kind in one cell. failed: with verdict FAIL."""

    cell: Cell
    kind: str
    defective: bool
    failed: Rate


def changes_by_group(analysis: Analysis) -> Iterator[GroupChange]:
    """What a shift costs, what adapting gives back and what remains, for each group."""
    for comparison, first, second in analysis.pairs():
        if comparison not in (DEGRADATION, ADAPTATION, REST) or first is None:
            continue
        for grouping in GROUPINGS:
            groups = _groups(analysis, second, grouping)
            for name in sorted(set(groups.values())):
                members = {picture for picture, group in groups.items() if group == name}
                cells = [_reduce(cell, members) for cell in (first, second)]
                change = analysis.compare(comparison, cells[0], cells[1], "image_auroc")
                yield GroupChange(grouping, name, len(members), change)


def misses_by_group(analysis: Analysis, grouping: str) -> Iterator[GroupMisses]:
    """grouping: of GROUPINGS. Verdicts are those of the strategy of the analysis."""
    for cell in analysis.cells:
        threshold = analysis.verdicts(cell).threshold
        if threshold is None:
            continue
        groups = _groups(analysis, cell, grouping)
        missed: dict[str, list[bool]] = {}
        for picture in cell.pictures:
            if picture.name in groups:
                missed.setdefault(groups[picture.name], []).append(picture.score <= threshold)
        for name, flags in sorted(missed.items()):
            yield GroupMisses(grouping, name, cell, rate(sum(flags), len(flags)))


def verdicts_by_kind(analysis: Analysis) -> Iterator[KindVerdicts]:
    """The confusion of each cell: how many pictures of each kind FAIL; good pictures first."""
    for cell in analysis.cells:
        threshold = analysis.verdicts(cell).threshold
        if threshold is None:
            continue
        fails: dict[tuple[bool, str], list[bool]] = {}
        for picture in cell.pictures:
            fails.setdefault((picture.defective, picture.kind), []).append(
                picture.score > threshold
            )
        for (defective, kind), flags in sorted(fails.items()):
            yield KindVerdicts(cell, kind, defective, rate(sum(flags), len(flags)))


def _groups(analysis: Analysis, cell: Cell, grouping: str) -> dict[str, str]:
    """Name of a defective picture -> its group."""
    plain = analysis.find(PLAIN, cell, clean=True) or cell
    names = {picture.name for picture in cell.pictures}
    groups = {p.name: getattr(p, grouping) for p in plain.pictures if p.defective}
    return {name: group for name, group in groups.items() if group is not None and name in names}


def _reduce(cell: Cell, members: set[str]) -> Cell:
    """The cell with its good pictures and these defective ones only. Of its figures, only the image
    AUROC is that of these pictures."""
    pictures = tuple(p for p in cell.pictures if not p.defective or p.name in members)
    figures = dataclasses.replace(cell.figures, image_auroc=_auroc(pictures))
    return dataclasses.replace(cell, pictures=pictures, figures=figures)


def _auroc(pictures: tuple[PictureScore, ...]) -> MetricValue:
    figure = auroc(
        np.array([p.score for p in pictures], np.float64),
        np.array([p.defective for p in pictures], np.bool_),
    )
    return MetricValue(figure.value) if figure.defined else MetricValue(None, figure.reason)
