"""Compares engines on the same pictures of one class, with intervals of the differences."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.class_metrics import IMAGE_METRICS
from evaluation.inference import open_engine_with
from evaluation.latency import EngineTimes, time_engines
from evaluation.provenance import Settings
from evaluation.results import ClassResult, Failure, Latency
from inspector.core.errors import DataError
from learning.datasets.pictures import read_picture
from learning.datasets.types import ClassData
from learning.metrics import bootstrap
from learning.metrics.value import Metric

COMPARED_METRICS: Final = ("image_auroc", "image_ap", "pixel_auroc", "aupro")

MAX_TIMED_PICTURES: Final = 16
"""Pictures of a class for timing, evenly spread over the test pictures."""

ROUNDS: Final = 3
"""Times that each engine runs each of these pictures."""


@dataclass(frozen=True, slots=True)
class ComparedEngine:
    """One engine on one class.

    label: short name of the engine. latency: of one picture at a time, measured in turns with the
    other engines. time_ratio: median over pictures of its time divided by the first engine's.
    """

    label: str
    result: ClassResult
    latency: Latency
    time_ratio: float


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric of the engine `label` minus that of the first engine, on the same resamples.

    figure: name of the metric. value: None if it is undefined; then reason says why.
    interval: 95 %. p: two-sided p-value of this comparison alone.
    """

    label: str
    figure: str
    value: float | None
    interval: tuple[float, float] | None = None
    p: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Names of the pictures for which only the first engine, or only the engine `label`, gives the
    right verdict at its own threshold."""

    label: str
    only_first_right: tuple[str, ...]
    only_this_right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """The other engines are compared with the first one. notes: sentences for the reader."""

    name: str
    engines: tuple[ComparedEngine, ...]
    differences: tuple[MetricDifference, ...]
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All classes, and those that could not be compared."""

    classes: tuple[ClassComparison, ...]
    failures: tuple[Failure, ...] = ()


def compare_class(
    labels: Sequence[str], results: Sequence[ClassResult], paths: Sequence[Path], data: ClassData
) -> ClassComparison:
    """labels, results, paths: of the engines, in the same order. results: with equal settings.

    Raises DataError if no picture has a score from every engine, or none can be read for timing.
    """
    settings = results[0].made_from.settings
    common = _common_pictures(results)
    if not common:
        raise DataError(f"no picture of class {data.name} has a score from every engine")
    times = _time_engines(paths, data, settings)
    engines = tuple(
        ComparedEngine(label, result, engine_times.summarize(), engine_times.ratio)
        for label, result, engine_times in zip(labels, results, times, strict=True)
    )
    differences: list[MetricDifference] = []
    for metric in COMPARED_METRICS:
        if metric in IMAGE_METRICS:
            differences += _image_differences(metric, engines, common, settings)
        else:
            differences += _pixel_differences(metric, engines)
    return ClassComparison(
        name=data.name,
        engines=engines,
        differences=tuple(differences),
        disagreements=tuple(_disagreement(engines[0], other, common) for other in engines[1:]),
        notes=tuple(_notes(results, common)),
    )


def _common_pictures(results: Sequence[ClassResult]) -> list[str]:
    """Sorted names of the pictures that have a score from every engine."""
    scored = [{p.name for p in result.pictures if p.error is None} for result in results]
    return sorted(set.intersection(*scored))


def _time_engines(paths: Sequence[Path], data: ClassData, settings: Settings) -> list[EngineTimes]:
    tests = data.tests()
    positions = np.linspace(0, len(tests) - 1, MAX_TIMED_PICTURES).round().astype(int)
    pictures = [
        read_picture(tests[position].path, settings.reading) for position in np.unique(positions)
    ]
    readable = [picture for picture in pictures if picture is not None]
    if not readable:
        raise DataError(f"no test picture of class {data.name} can be read for timing")
    with ExitStack() as stack:
        engines = []
        for path in paths:
            engines.append(open_engine_with(path, settings))
            stack.callback(engines[-1].close)
        return time_engines(engines, readable, ROUNDS)


def _image_differences(
    metric: str, engines: Sequence[ComparedEngine], common: Sequence[str], settings: Settings
) -> list[MetricDifference]:
    by_name = [{p.name: p for p in engine.result.pictures} for engine in engines]
    scores = [
        np.array([pictures[name].score for name in common], np.float64) for pictures in by_name
    ]
    defective = np.array([by_name[0][name].defective for name in common], bool)
    statistic = IMAGE_METRICS[metric]
    if settings.resamples:
        pairs = bootstrap.compare(
            scores, defective, statistic, seed=settings.seed, replicates=settings.resamples
        )
    else:
        exact = [bootstrap.FIGURES[statistic].exact(values, defective) for values in scores]
        pairs = bootstrap.differences(exact, np.full((len(exact), 1), np.nan))
    reason = getattr(engines[0].result.figures, metric).reason
    return _against_first(metric, engines, pairs, reason)


def _pixel_differences(metric: str, engines: Sequence[ComparedEngine]) -> list[MetricDifference]:
    results = [engine.result for engine in engines]
    values = [getattr(result.figures, metric) for result in results]
    resampled = [{item.name: item.values for item in result.resampled} for result in results]
    reason = next((value.reason for value in values if value.value is None), None)
    if reason is None and len({_counted_pictures(result) for result in results}) > 1:
        reason = "the engines could not score the same pictures"
    if reason is None and not all(metric in by_metric for by_metric in resampled):
        reason = "the results were made without resamples"
    if reason is not None:
        return [
            MetricDifference(engine.label, metric, None, reason=reason) for engine in engines[1:]
        ]
    exact = [Metric(value.value) for value in values]
    paired = np.array([by_metric[metric] for by_metric in resampled], np.float64)
    return _against_first(metric, engines, bootstrap.differences(exact, paired), None)


def _counted_pictures(result: ClassResult) -> frozenset[tuple[str, bool]]:
    """Names of the scored pictures, and whether the pixel metrics count them."""
    return frozenset((p.name, p.note is None) for p in result.pictures if p.error is None)


def _against_first(
    metric: str,
    engines: Sequence[ComparedEngine],
    pairs: Sequence[bootstrap.Difference],
    reason: str | None,
) -> list[MetricDifference]:
    """pairs: the first minus the second engine of each pair, so the signs are changed."""
    differences = []
    for pair in pairs:
        if pair.first != 0:
            continue
        label = engines[pair.second].label
        if math.isnan(pair.value):
            reason = reason or "the metric is undefined"
            differences.append(MetricDifference(label, metric, None, reason=reason))
            continue
        # 0 - x, because -x turns 0 into a negative zero.
        interval = pair.interval and (0 - pair.interval[1], 0 - pair.interval[0])
        p = pair.p if math.isfinite(pair.p) else None
        differences.append(MetricDifference(label, metric, 0 - pair.value, interval, p))
    return differences


def _disagreement(
    first: ComparedEngine, other: ComparedEngine, common: Sequence[str]
) -> Disagreement:
    wrong_first, wrong_other = (
        {p.name for p in engine.result.pictures if p.false_alarm or p.miss}
        for engine in (first, other)
    )
    return Disagreement(
        other.label,
        tuple(name for name in common if name in wrong_other - wrong_first),
        tuple(name for name in common if name in wrong_first - wrong_other),
    )


def _notes(results: Sequence[ClassResult], common: Sequence[str]) -> list[str]:
    notes = []
    sizes = {result.engine.map_hw for result in results}
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
        notes.append(f"pixel metrics are on maps of different size: {listed}")
    total = len(results[0].pictures)
    if len(common) < total:
        notes.append(
            f"image metrics are compared on the {len(common)} of {total} pictures that every "
            "engine could score"
        )
    return notes
