"""Sets engines side by side on the same pictures, with the doubt of their differences."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engines.opening import open_engine
from evaluation.accuracy import IMAGE
from evaluation.given import Settings
from evaluation.latency import in_turns
from evaluation.results import ClassResult, Failure, Latency
from inspector.core.errors import DataError
from learning.datasets.pictures import read_picture
from learning.datasets.types import ClassData
from learning.metrics import bootstrap
from learning.metrics.value import Metric

COMPARED: Final = ("image_auroc", "image_ap", "pixel_auroc", "aupro")
TIMED: Final = 16
"""Pictures of a class that are timed, evenly spread over it."""
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Entrant:
    """One engine on one class. label: short name of the engine. latency: of one picture at a time,
    all engines in turns. times_first: median over pictures of its time to the first engine's.
    """

    label: str
    result: ClassResult
    latency: Latency
    times_first: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of `label` minus that of the first engine, on the same resamples of the pictures.

    interval: 95 %. p: two-sided chance of so large a difference if there were none, of this one
    comparison alone. value is None where it is undefined, and reason says why.
    """

    label: str
    figure: str
    value: float | None
    interval: tuple[float, float] | None = None
    p: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Verdicts of `label` and the first engine, each at its own threshold: pictures that only one
    of the two judges rightly."""

    label: str
    only_first_right: tuple[str, ...]
    only_this_right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """The first entrant is what the others are compared with. notes: sentences for a reader."""

    name: str
    entrants: tuple[Entrant, ...]
    differences: tuple[Difference, ...]
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All classes, and those that could not be compared."""

    classes: tuple[ClassComparison, ...]
    failures: tuple[Failure, ...] = ()


def compare_class(
    labels: Sequence[str], results: Sequence[ClassResult], engines: Sequence[Path], data: ClassData
) -> ClassComparison:
    """results: of the engines on the test pictures of this class, with equal settings. Raises
    DataError where the engines have no judged picture in common."""
    settings = results[0].made_from.settings
    common = _common(results)
    if not common:
        raise DataError(f"the engines judged no picture of class {data.name} in common")
    timed = _timed(engines, data, settings)
    entrants = tuple(
        Entrant(label, result, latency, ratio)
        for label, result, (latency, ratio) in zip(labels, results, timed, strict=True)
    )
    return ClassComparison(
        name=data.name,
        entrants=entrants,
        differences=tuple(_differences(entrants, common, settings)),
        disagreements=tuple(_disagreement(entrants[0], one, common) for one in entrants[1:]),
        notes=tuple(_notes(entrants, common)),
    )


def _common(results: Sequence[ClassResult]) -> list[str]:
    """Names of the pictures that all engines judged, in order."""
    judged = [{one.name for one in result.pictures if one.error is None} for result in results]
    return sorted(set.intersection(*judged))


def _timed(
    engines: Sequence[Path], data: ClassData, settings: Settings
) -> list[tuple[Latency, float]]:
    tests = data.tests()
    chosen = np.unique(np.linspace(0, len(tests) - 1, TIMED).round().astype(int))
    images = [image for i in chosen if (image := read_picture(tests[i].path)) is not None]
    if not images:
        raise DataError(f"no test picture of class {data.name} can be read for timing")
    with ExitStack() as stack:
        opened = []
        for path in engines:
            engine = open_engine(
                path, backend=settings.backend, device=settings.device, threads=settings.threads
            )
            stack.callback(engine.close)
            opened.append(engine)
        return [(one.summary(), one.ratio) for one in in_turns(opened, images, ROUNDS)]


def _differences(
    entrants: Sequence[Entrant], common: Sequence[str], settings: Settings
) -> list[Difference]:
    found = []
    for figure in COMPARED:
        pairs = _image if figure in IMAGE else _pixel
        found += pairs(figure, entrants, common, settings)
    return found


def _image(
    figure: str, entrants: Sequence[Entrant], common: Sequence[str], settings: Settings
) -> list[Difference]:
    by_name = [{one.name: one for one in entrant.result.pictures} for entrant in entrants]
    scores = [np.array([own[name].score for name in common], np.float64) for own in by_name]
    anomalous = np.array([by_name[0][name].defective for name in common], bool)
    statistic = IMAGE[figure]
    if settings.resamples:
        found = bootstrap.compare(
            scores, anomalous, statistic, seed=settings.seed, replicates=settings.resamples
        )
    else:
        exact = [bootstrap.FIGURES[statistic].exact(one, anomalous) for one in scores]
        found = bootstrap.differences(exact, np.full((len(exact), 1), np.nan))
    reason = getattr(entrants[0].result.figures, figure).reason
    return _against_first(figure, entrants, found, reason)


def _pixel(
    figure: str, entrants: Sequence[Entrant], common: Sequence[str], settings: Settings
) -> list[Difference]:
    results = [one.result for one in entrants]
    values = [getattr(one.figures, figure) for one in results]
    reason = next((one.reason for one in values if one.value is None), None)
    drawn = [{one.name: one.values for one in result.resampled} for result in results]
    if reason is None and any(_used(one) != _used(results[0]) for one in results):
        reason = "the engines could not judge the same pictures"
    if reason is None and not all(figure in own for own in drawn):
        reason = "the results were made without resamples"
    if reason is not None:
        return [Difference(one.label, figure, None, reason=reason) for one in entrants[1:]]
    exact = [Metric(one.value) for one in values]
    paired = np.array([own[figure] for own in drawn], np.float64)
    return _against_first(figure, entrants, bootstrap.differences(exact, paired), None)


def _used(result: ClassResult) -> set[tuple[str, bool]]:
    return {(one.name, one.note is None) for one in result.pictures if one.error is None}


def _against_first(
    figure: str,
    entrants: Sequence[Entrant],
    found: Sequence[bootstrap.Difference],
    reason: str | None,
) -> list[Difference]:
    made = []
    for one in found:
        if one.first != 0:
            continue
        label = entrants[one.second].label
        if math.isnan(one.value):
            made.append(Difference(label, figure, None, reason=reason or "it is undefined"))
            continue
        # Not -x, which makes a negative zero of 0.
        interval = None if one.interval is None else (0 - one.interval[1], 0 - one.interval[0])
        p = one.p if math.isfinite(one.p) else None
        made.append(Difference(label, figure, 0 - one.value, interval, p))
    return made


def _disagreement(first: Entrant, other: Entrant, common: Sequence[str]) -> Disagreement:
    by_first, by_other = (
        {one.name for one in entrant.result.pictures if one.false_alarm or one.miss}
        for entrant in (first, other)
    )
    return Disagreement(
        other.label,
        tuple(name for name in common if name in by_other - by_first),
        tuple(name for name in common if name in by_first - by_other),
    )


def _notes(entrants: Sequence[Entrant], common: Sequence[str]) -> list[str]:
    found = []
    sizes = {one.result.engine.map_hw for one in entrants}
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h}" for h, w in sorted(sizes))
        found.append(f"pixel figures are on maps of different size: {listed}")
    total = len(entrants[0].result.pictures)
    if len(common) < total:
        found.append(
            f"image figures are compared on the {len(common)} of {total} pictures that all "
            "engines could judge"
        )
    return found
