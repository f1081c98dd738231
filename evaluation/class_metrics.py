"""Computes the metrics, curves and histograms of one class from its counts."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from evaluation.class_counts import ClassCounts
from evaluation.conclusion import Conclusion, conclude
from evaluation.provenance import Settings
from evaluation.results import (
    Histogram,
    KindResult,
    Metrics,
    MetricValue,
    PictureResult,
    Rate,
    RegionGroup,
    ReportCurve,
    ResampledMetric,
    TestSelected,
    ThresholdResult,
)
from inspector.core.arrays import Mask
from inspector.core.errors import DataError
from learning.metrics import bootstrap, image
from learning.metrics.curves import Floats, Steps, precision
from learning.metrics.intervals import clopper_pearson
from learning.metrics.pixel_bootstrap import PixelBootstrap
from learning.metrics.pixels import FPR_LIMIT, PixelCurve
from learning.metrics.regions import Place, SizeGroup
from learning.metrics.value import Metric

IMAGE_METRICS: Final = {
    "image_auroc": "auroc",
    "image_ap": "average_precision",
    "image_f1_max": "f1_max",
}
PIXEL_METRICS: Final = {
    "pixel_auroc": "auroc",
    "pixel_ap": "average_precision",
    "pixel_f1_max": "f1_max",
    "aupro": "aupro",
}
"""Field of Metrics -> name in learning.metrics."""

MAX_POINTS: Final = 300
"""Points of a curve."""

BINS: Final = 60
"""Bins of a histogram."""


class ClassMetrics:
    """Computes the parts of a ClassResult that have the same names."""

    def __init__(self, counts: ClassCounts) -> None:
        self._counts = counts
        self._scored = [picture for picture in counts.pictures if picture.error is None]
        self._pixels = _merge(counts.good_pixels, *counts.kind_pixels.values())
        self._pixel_steps = self._pixels.steps()
        self._image_steps = image.steps(*_scores_and_labels(self._scored))
        self._bootstrap = counts.bootstrap if counts.settings.resamples else None
        aupimo = counts.mean_aupimo(self._scored)
        self.figures = _metrics(
            self._scored, self._pixels, aupimo, counts.settings, self._bootstrap
        )

    def conclusion(self) -> Conclusion:
        return conclude(self._image_steps, self._counts.image_threshold)

    def at_threshold(self) -> ThresholdResult:
        good = [picture for picture in self._scored if not picture.defective]
        defective = [picture for picture in self._scored if picture.defective]
        alarms = sum(picture.false_alarm for picture in good)
        misses = sum(picture.miss for picture in defective)
        false_regions = sum(map(self._counts.exceeds_pixel_threshold, good))
        return ThresholdResult(
            true_alarms=len(defective) - misses,
            false_alarms=alarms,
            misses=misses,
            true_passes=len(good) - alarms,
            false_alarm_rate=make_rate(alarms, len(good)),
            miss_rate=make_rate(misses, len(defective)),
            regions_found=_regions_found(defective),
            false_regions=make_rate(false_regions, len(good)),
        )

    def test_selected(self) -> TestSelected:
        _, image_threshold = image.f1_max(*_scores_and_labels(self._scored))
        _, pixel_threshold = self._pixels.f1_max()
        return TestSelected(_finite(image_threshold), _finite(pixel_threshold))

    def kinds(self) -> tuple[KindResult, ...]:
        return tuple(self._kind(kind) for kind in self._counts.kind_pixels)

    def sizes(self) -> tuple[RegionGroup, ...]:
        return tuple(self._region_group(s, self._pixels.aupro(size=s)) for s in SizeGroup)

    def places(self) -> tuple[RegionGroup, ...]:
        return tuple(self._region_group(p, self._pixels.aupro(place=p)) for p in Place)

    def curves(self) -> tuple[ReportCurve, ...]:
        """The curves that are defined."""
        curves = (
            *_roc_and_pr("image", self._image_steps),
            *_roc_and_pr("pixel", self._pixel_steps),
        )
        if self.figures.aupro.value is None:
            return curves
        return (*curves, _overlap_curve(self._pixels))

    def score_histogram(self) -> Histogram:
        return _histogram(self._image_steps)

    def pixel_histogram(self) -> Histogram | None:
        """None without defect regions."""
        return _histogram(self._pixel_steps) if self._pixels.regions() else None

    def resampled(self) -> tuple[ResampledMetric, ...]:
        """The defined pixel metrics, shifted so that the rounding of scores cancels out."""
        if self._bootstrap is None:
            return ()
        resampled = []
        for name, statistic in PIXEL_METRICS.items():
            exact = getattr(self.figures, name).value
            if exact is not None:
                values = self._bootstrap.centre(statistic, exact).tolist()
                resampled.append(ResampledMetric(name, tuple(map(_finite, values))))
        return tuple(resampled)

    def _kind(self, kind: str) -> KindResult:
        counts = self._counts
        defective = [picture for picture in self._scored if picture.kind == kind]
        good = [picture for picture in self._scored if not picture.defective]
        pixels = _merge(counts.good_pixels, counts.kind_pixels[kind])
        aupimo = counts.mean_aupimo(defective)
        return KindResult(
            name=kind,
            pictures=len(defective),
            misses=make_rate(sum(picture.miss for picture in defective), len(defective)),
            regions_found=_regions_found(defective),
            figures=_metrics([*good, *defective], pixels, aupimo, counts.settings, None),
        )

    def _region_group(self, group: SizeGroup | Place, aupro: Metric) -> RegionGroup:
        regions, regions_found = self._counts.regions[group], self._counts.regions_found[group]
        return RegionGroup(str(group), make_rate(regions_found, regions), _to_metric_value(aupro))


def _to_metric_value(metric: Metric) -> MetricValue:
    value = metric.value if metric.defined else None
    return MetricValue(value, metric.reason or None, metric.interval, metric.error)


def make_rate(count: int, of: int) -> Rate:
    return Rate(count, of, count / of, clopper_pearson(count, of)) if of else Rate(0, 0, None, None)


def _metrics(
    pictures: Sequence[PictureResult],
    pixels: PixelCurve,
    aupimo: Metric,
    settings: Settings,
    resamples: PixelBootstrap | None,
) -> Metrics:
    """pixels, aupimo, resamples: of these pictures. resamples: None for pixel metrics without
    intervals."""
    pixel_metrics = {
        "pixel_auroc": pixels.auroc(),
        "pixel_ap": pixels.average_precision(),
        "pixel_f1_max": pixels.f1_max()[0],
        "aupro": pixels.aupro(),
    }
    if resamples is not None:
        pixel_metrics = {
            name: resamples.with_interval(PIXEL_METRICS[name], metric)
            for name, metric in pixel_metrics.items()
        }
    pixel_metrics["aupimo"] = aupimo
    defective = [picture for picture in pictures if picture.defective]
    if not any(picture.has_mask for picture in defective):
        reason = "no defective picture has a mask" if defective else "no defective pictures"
        pixel_metrics = dict.fromkeys(pixel_metrics, Metric.undefined(reason))
    metrics = _image_metrics(pictures, settings) | pixel_metrics
    return Metrics(**{name: _to_metric_value(metric) for name, metric in metrics.items()})


def _image_metrics(pictures: Sequence[PictureResult], settings: Settings) -> dict[str, Metric]:
    scores, defective = _scores_and_labels(pictures)
    if not settings.resamples:
        return {
            name: bootstrap.FIGURES[statistic].exact(scores, defective)
            for name, statistic in IMAGE_METRICS.items()
        }
    return {
        name: bootstrap.with_interval(
            scores, defective, statistic, seed=settings.seed, replicates=settings.resamples
        )
        for name, statistic in IMAGE_METRICS.items()
    }


def _merge(*curves: PixelCurve) -> PixelCurve:
    """A new curve with the counts of all; the arguments are not changed."""
    total = PixelCurve()
    for curve in curves:
        total.merge(curve)
    return total


def _scores_and_labels(pictures: Sequence[PictureResult]) -> tuple[Floats, Mask]:
    """Scores (n,) float64, and (n,) bool whether each picture is defective."""
    return (
        np.array([picture.score for picture in pictures], np.float64),
        np.array([picture.defective for picture in pictures], bool),
    )


def _regions_found(pictures: Sequence[PictureResult]) -> Rate:
    return make_rate(sum(p.regions_found for p in pictures), sum(p.regions for p in pictures))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _roc_and_pr(prefix: str, steps: Steps) -> tuple[ReportCurve, ...]:
    """ROC and precision-recall curve; none without good or without defective scores."""
    if not (steps.detected.size and steps.detected[-1] and steps.alarms[-1]):
        return ()
    false_positive_rate = steps.alarms / steps.alarms[-1]
    recall = steps.detected / steps.detected[-1]
    return (
        _curve_from_zero(f"{prefix}_roc", false_positive_rate, recall, steps.thresholds),
        _thin_curve(
            f"{prefix}_pr", recall, precision(steps.detected, steps.alarms), steps.thresholds
        ),
    )


def _overlap_curve(pixels: PixelCurve) -> ReportCurve:
    """Mean overlap per region over the false-positive rate, up to the limit of AUPRO."""
    line = pixels.pro_curve()
    end = int(np.searchsorted(line.x, FPR_LIMIT, side="right")) + 1
    return _curve_from_zero("pro", line.x[:end], line.y[:end], line.thresholds[:end])


def _curve_from_zero(name: str, x: Floats, y: Floats, thresholds: Floats) -> ReportCurve:
    """Adds the point (0, 0), above all scores."""
    return _thin_curve(name, np.append(0.0, x), np.append(0.0, y), np.append(np.inf, thresholds))


def _thin_curve(name: str, x: Floats, y: Floats, thresholds: Floats) -> ReportCurve:
    """Keeps at most MAX_POINTS points at even distances along the curve, with both ends."""
    index = np.arange(len(x))
    if len(x) > MAX_POINTS:
        distance = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
        targets = np.linspace(0, distance[-1], MAX_POINTS)
        index = np.unique(np.append(np.searchsorted(distance, targets), len(x) - 1))
    return ReportCurve(
        name=name,
        x=tuple(x[index].tolist()),
        y=tuple(y[index].tolist()),
        thresholds=tuple(map(_finite, thresholds[index].tolist())),
    )


def _histogram(steps: Steps) -> Histogram:
    """BINS bins of equal width from the lowest to the highest score."""
    if not steps.thresholds.size:
        raise DataError("there are no scores to count")
    low, high = float(steps.thresholds[-1]), float(steps.thresholds[0])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    good, defective = (
        np.histogram(steps.thresholds, edges, weights=np.diff(counts, prepend=0.0))[0]
        for counts in (steps.alarms, steps.detected)
    )
    return Histogram(
        edges=tuple(edges.tolist()),
        good=tuple(int(count) for count in np.rint(good)),
        defective=tuple(int(count) for count in np.rint(defective)),
    )
