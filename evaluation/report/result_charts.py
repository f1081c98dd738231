"""Chooses and labels the charts of a result."""

from collections.abc import Sequence
from typing import Final

from evaluation import formats
from evaluation.report import texts
from evaluation.results import ClassResult, Histogram, KindResult, RegionGroup, ReportCurve
from inspector.report.charts import Bar, Chart, Layer, Mark, bars, curve, histograms
from inspector.report.markup import Markup

CurvePoints = tuple[tuple[float, float], ...]

_RATE_AXES: Final = ("false-positive rate", "true-positive rate")
_PRECISION_AXES: Final = ("recall", "precision")
_CURVES: Final = {
    "image_roc": ("ROC of pictures", *_RATE_AXES, "image_auroc"),
    "image_pr": ("Precision and recall of pictures", *_PRECISION_AXES, "image_ap"),
    "pixel_roc": ("ROC of pixels", *_RATE_AXES, "pixel_auroc"),
    "pixel_pr": ("Precision and recall of pixels", *_PRECISION_AXES, "pixel_ap"),
    "pro": ("Overlap per region", "false-positive rate", "mean overlap", "aupro"),
}
"""ReportCurve -> title, x axis, y axis, and the metric that is the area under the curve."""

_OVERLAP_END: Final = 0.3
"""End of the x axis of the overlap curve."""

_MAX_BARS: Final = 20


def curves(result: ClassResult) -> list[Markup]:
    return [_curve(line, result) for line in result.curves if line.name in _CURVES]


def score_histogram(result: ClassResult) -> Markup:
    at_threshold, threshold = result.at_threshold, result.engine.image_threshold
    good, defective = at_threshold.false_alarm_rate, at_threshold.miss_rate
    headings = (
        f"good: {good.count} of {good.of} at or above the threshold",
        f"defective: {at_threshold.true_alarms} of {defective.of} at or above the threshold",
    )
    description = f"Scores of good and defective pictures; {headings[0]}; {headings[1]}."
    chart = Chart("Image scores", description, "score, raw unit of the method", "pictures")
    line = Mark(threshold, 0, f"image threshold {formats.score(threshold)}")
    return _histogram(chart, result.score_histogram, headings, line)


def pixel_histogram(result: ClassResult) -> Markup | None:
    """None without masks."""
    counts = result.pixel_histogram
    if counts is None:
        return None
    headings = (
        f"good pixels: {sum(counts.good):,}".replace(",", " "),
        f"defective pixels: {sum(counts.defective):,}".replace(",", " "),
    )
    description = f"Values of the anomaly map; {headings[0]}; {headings[1]}."
    chart = Chart("Values of the map", description, "map value, raw unit of the method", "pixels")
    threshold = result.engine.pixel_threshold
    line = Mark(threshold, 0, f"pixel threshold {formats.score(threshold)}")
    return _histogram(chart, counts, headings, line)


def kind_bars(kinds: Sequence[KindResult]) -> Markup | None:
    """Share of found pictures per kind of defect. None for a single kind and for very many kinds,
    because the table is clearer then."""
    if not 1 < len(kinds) <= _MAX_BARS:
        return None
    rows = []
    for kind in kinds:
        misses = kind.misses
        share = None if misses.share is None else 1 - misses.share
        low_high = misses.interval and (1 - misses.interval[1], 1 - misses.interval[0])
        text = _count_and_share(misses.of - misses.count, misses.of)
        rows.append(Bar(kind.name, share, low_high, text))
    title = "Pictures found, by kind of defect"
    description = "Share of defective pictures at or above the image threshold, 95 % intervals."
    return bars(Chart(title, description, "share found"), rows)


def region_bars(title: str, groups: Sequence[RegionGroup]) -> Markup | None:
    """Share of found regions per group. None without regions."""
    if not any(group.found.of for group in groups):
        return None
    rows = [
        Bar(g.name, g.found.share, g.found.interval, _count_and_share(g.found.count, g.found.of))
        for g in groups
    ]
    description = "Share of defect regions that the map marks, with 95 % intervals."
    return bars(Chart(title, description, "share found"), rows)


def _count_and_share(count: int, of: int) -> str:
    return f"{count} of {of}, {formats.percent(count / of)}" if of else ""


def _histogram(chart: Chart, counts: Histogram, headings: tuple[str, str], line: Mark) -> Markup:
    good = Layer(headings[0], counts.edges, counts.good, "good")
    defective = Layer(headings[1], counts.edges, counts.defective, "defective")
    return histograms(chart, (good, defective), line)


def _curve(line: ReportCurve, result: ClassResult) -> Markup:
    title, x_label, y_label, metric = _CURVES[line.name]
    area = getattr(result.figures, metric).value
    value = (
        "undefined" if area is None else f"{texts.METRIC_TITLES[metric]} {formats.fraction(area)}"
    )
    chart = Chart(f"{title}: {value}", f"{y_label} over {x_label}. {value}.", x_label, y_label)
    return curve(
        chart,
        tuple(zip(line.x, line.y, strict=True)),
        x_end=_OVERLAP_END if line.name == "pro" else 1.0,
        mark=_threshold_mark(line.name, result),
        chance=_chance_line(line.name, result),
    )


def _chance_line(name: str, result: ClassResult) -> CurvePoints:
    """The curve of random scores; empty if there is none."""
    if name in ("image_roc", "pixel_roc"):
        return ((0.0, 0.0), (1.0, 1.0))
    defective = result.at_threshold.miss_rate.of
    scored = defective + result.at_threshold.false_alarm_rate.of
    if name == "image_pr" and scored:
        share = defective / scored
        return ((0.0, share), (1.0, share))
    return ()


def _threshold_mark(name: str, result: ClassResult) -> Mark | None:
    """The point of the engine's image threshold on a curve of pictures."""
    at_threshold = result.at_threshold
    alarm_share, miss_share = at_threshold.false_alarm_rate.share, at_threshold.miss_rate.share
    if alarm_share is None or miss_share is None:
        return None
    recall = 1 - miss_share
    text = f"threshold {formats.score(result.engine.image_threshold)}"
    if name == "image_roc":
        return Mark(alarm_share, recall, text)
    fails = at_threshold.true_alarms + at_threshold.false_alarms
    if name == "image_pr" and fails:
        return Mark(recall, at_threshold.true_alarms / fails, text)
    return None
