"""Arranges the measurements of a study in a balanced table, or says what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError

Values = npt.NDArray[np.float64]

_MOST_NAMES: Final = 3
"""Cells that an error names."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A single measurement. value: the size in its unit, or 1 for PASS and 0 for FAIL.
    reference: the true value of the part, if it is known."""

    part: str
    appraiser: str
    trial: str
    value: float
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """A balanced study.

    Crossed: each appraiser measured each part; `parts` names them, and values is (parts,
    appraisers, trials). Nested: each part was measured by a single appraiser; values is (parts of
    an appraiser, appraisers, trials), and `parts` has the names of the first appraiser, then of the
    second, and so on. references: part -> true value.
    """

    parts: tuple[str, ...]
    appraisers: tuple[str, ...]
    values: Values
    nested: bool
    references: Mapping[str, float]

    @property
    def trials(self) -> int:
        return self.values.shape[2]

    def of_part(self, part: str) -> Values:
        """All values of a part."""
        index = self.parts.index(part)
        if not self.nested:
            return self.values[index].ravel()
        appraiser, place = divmod(index, self.values.shape[0])
        return self.values[place, appraiser]


def arrange(rows: Sequence[Measurement]) -> Design:
    """Parts, appraisers and trials in the order in which they first appear. Raises DataError if the
    study is not balanced, or has a single trial."""
    if not rows:
        raise DataError("the study has no measurements")
    parts = tuple(dict.fromkeys(row.part for row in rows))
    appraisers = tuple(dict.fromkeys(row.appraiser for row in rows))
    cells = _cells(rows)
    owners = {part: [each for each in appraisers if (part, each) in cells] for part in parts}
    nested = len(appraisers) > 1 and all(len(names) == 1 for names in owners.values())
    if nested:
        groups = [[part for part in parts if owners[part] == [each]] for each in appraisers]
        if len({len(group) for group in groups}) > 1:
            counts = ", ".join(f"{a} {len(g)}" for a, g in zip(appraisers, groups, strict=True))
            raise DataError(f"each appraiser must measure the same number of parts; here: {counts}")
        parts = tuple(part for group in groups for part in group)
        grid = [list(row) for row in zip(*groups, strict=True)]
    else:
        grid = [[part] * len(appraisers) for part in parts]
    trials = max(map(len, cells.values()))
    _refuse_gaps(cells, grid, appraisers, trials)
    if trials < 2:
        raise DataError(
            "each part was measured once by each appraiser; a gauge study needs two or more "
            "trials, because repeatability is the variation between trials"
        )
    values = [
        [cells[part, each] for part, each in zip(row, appraisers, strict=True)] for row in grid
    ]
    return Design(parts, appraisers, np.array(values, np.float64), nested, _references(rows))


def _cells(rows: Sequence[Measurement]) -> dict[tuple[str, str], list[float]]:
    """The values of each part and appraiser, in the order of the trials."""
    order = {trial: k for k, trial in enumerate(dict.fromkeys(row.trial for row in rows))}
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        cell = cells.setdefault((row.part, row.appraiser), {})
        if row.trial in cell:
            raise DataError(
                f"part {row.part}, appraiser {row.appraiser} and trial {row.trial} appear twice"
            )
        cell[row.trial] = row.value
    return {
        key: [cell[trial] for trial in sorted(cell, key=order.__getitem__)]
        for key, cell in cells.items()
    }


def _refuse_gaps(
    cells: Mapping[tuple[str, str], list[float]],
    grid: Sequence[Sequence[str]],
    appraisers: Sequence[str],
    trials: int,
) -> None:
    short = [
        f"part {part} of appraiser {each} has {len(cells.get((part, each), ()))}"
        for row in grid
        for part, each in zip(row, appraisers, strict=True)
        if len(cells.get((part, each), ())) != trials
    ]
    if short:
        more = f", and {len(short) - _MOST_NAMES} more" if len(short) > _MOST_NAMES else ""
        raise DataError(
            "the study is not balanced: each appraiser must measure each part in the same number "
            f"of trials, here {trials}, but {', '.join(short[:_MOST_NAMES])}{more}; measure what "
            "is missing, or remove these parts"
        )


def _references(rows: Sequence[Measurement]) -> dict[str, float]:
    references: dict[str, float] = {}
    for row in rows:
        if row.reference is None:
            continue
        if references.setdefault(row.part, row.reference) != row.reference:
            raise DataError(
                f"part {row.part} has two reference values: {references[row.part]:g} and "
                f"{row.reference:g}"
            )
    return references
