"""Agreement and correctness of verdicts, in the words of AIAG, MSA, 4th edition (2010).

Sources: AIAG, chapter III, section C (cross-tabulation method and effectiveness); J. Cohen, "A
coefficient of agreement for nominal scales" (1960); J. L. Fleiss, "Measuring nominal scale
agreement among many raters" (1971).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from evaluation.gauge.design import Design
from inspector.core.errors import DataError
from learning.metrics.intervals import clopper_pearson

Passes = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Share:
    """interval: exact (Clopper-Pearson), 95 %. value is None if `of` is 0."""

    count: int
    of: int
    value: float | None
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance: 1 is perfect, 0 is chance. value: None if both sides gave only the
    same verdict."""

    between: tuple[str, ...]
    value: float | None


@dataclass(frozen=True, slots=True)
class AppraiserResult:
    """within: parts with the same verdict in all trials. The other figures need references.

    effective: parts whose verdict is right in all trials. misses: PASS verdicts of all verdicts on
    defective parts. false_alarms: FAIL verdicts of all verdicts on good parts. parts_missed,
    parts_alarmed: parts with at least one such verdict; their intervals do not assume that repeated
    trials of a part are independent.
    """

    name: str
    within: Share
    kappa: Kappa | None = None
    effective: Share | None = None
    misses: Share | None = None
    false_alarms: Share | None = None
    parts_missed: Share | None = None
    parts_alarmed: Share | None = None


@dataclass(frozen=True, slots=True)
class AttributeStudy:
    """pairs: Cohen's kappa of each two appraisers. fleiss: of all verdicts on a part, over all
    appraisers and trials. agreeing: parts with the same verdict of all appraisers in all trials.
    right: those where it is the verdict of the reference, None without references."""

    appraisers: tuple[AppraiserResult, ...]
    pairs: tuple[Kappa, ...]
    fleiss: Kappa
    agreeing: Share
    right: Share | None


def study_verdicts(design: Design) -> AttributeStudy:
    """The values of the design, and its references, are 1 for PASS and 0 for FAIL. Raises DataError
    for a nested study, and if only a part of the parts have references."""
    if design.nested:
        raise DataError("a study of verdicts needs each appraiser to judge the same parts")
    if 0 < len(design.references) < len(design.parts):
        part = next(part for part in design.parts if part not in design.references)
        raise DataError(f"part {part} has no reference; give all parts a reference, or none")
    passes = design.values == 1
    known = len(design.references) > 0
    references = np.array([design.references.get(part) == 1 for part in design.parts])
    columns = [passes[:, k] for k in range(len(design.appraisers))]
    names = design.appraisers
    by_part = passes.reshape(len(passes), -1)
    return AttributeStudy(
        tuple(
            _appraiser(name, column, references if known else None)
            for name, column in zip(names, columns, strict=True)
        ),
        tuple(
            Kappa((names[a], names[b]), cohen_kappa(columns[a].ravel(), columns[b].ravel()))
            for a, b in combinations(range(len(names)), 2)
        ),
        Kappa(names, fleiss_kappa(by_part)),
        _share(_same(by_part)),
        _share(np.all(by_part == references[:, None], axis=1)) if known else None,
    )


def _appraiser(name: str, passes: Passes, references: Passes | None) -> AppraiserResult:
    """passes: (parts, trials)."""
    within = _share(_same(passes))
    if references is None:
        return AppraiserResult(name, within)
    repeated = np.repeat(references, passes.shape[1])
    missed, alarmed = passes[~references], ~passes[references]
    return AppraiserResult(
        name,
        within,
        Kappa((name, "reference"), cohen_kappa(passes.ravel(), repeated)),
        effective=_share(np.all(passes == references[:, None], axis=1)),
        misses=_share(missed.ravel()),
        false_alarms=_share(alarmed.ravel()),
        parts_missed=_share(np.asarray(missed.any(axis=1))),
        parts_alarmed=_share(np.asarray(alarmed.any(axis=1))),
    )


def cohen_kappa(first: Passes, second: Passes) -> float | None:
    """None if both have only the same verdict, because then chance agrees as well."""
    agreed = float(np.mean(first == second))
    p, q = float(first.mean()), float(second.mean())
    return _beyond_chance(agreed, p * q + (1 - p) * (1 - q))


def fleiss_kappa(passes: Passes) -> float | None:
    """passes: (parts, verdicts). None if there is only the same verdict."""
    raters = passes.shape[1]
    counts = np.stack([passes.sum(axis=1), (~passes).sum(axis=1)], axis=1)
    agreed = float(np.mean((np.sum(counts**2, axis=1) - raters) / (raters * (raters - 1))))
    return _beyond_chance(agreed, float(np.sum(counts.mean(axis=0) ** 2)) / raters**2)


def _beyond_chance(agreed: float, by_chance: float) -> float | None:
    return None if by_chance >= 1 else (agreed - by_chance) / (1 - by_chance)


def _same(passes: Passes) -> Passes:
    return np.asarray(np.all(passes == passes[:, :1], axis=1))


def _share(hits: Passes | Sequence[bool]) -> Share:
    count, of = int(np.sum(hits)), len(hits)
    return Share(count, of, count / of if of else None, clopper_pearson(count, of))
