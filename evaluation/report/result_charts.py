"""The curves and histograms of a result as charts."""

from collections.abc import Sequence

from evaluation.report import words
from evaluation.report.charts import Bar, Chart, Layer, Mark, bars, curve, histograms
from evaluation.report.markup import Markup
from evaluation.results import ClassResult, Curve, Histogram, KindResult, RegionGroup

Points = tuple[tuple[float, float], ...]

_RATES = ("false-positive rate", "true-positive rate")
_PRECISION = ("recall", "precision")
_CURVES = {
    "image_roc": ("ROC of pictures", *_RATES, "image_auroc"),
    "image_pr": ("Precision and recall of pictures", *_PRECISION, "image_ap"),
    "pixel_roc": ("ROC of pixels", *_RATES, "pixel_auroc"),
    "pixel_pr": ("Precision and recall of pixels", *_PRECISION, "pixel_ap"),
    "pro": ("Overlap per region", "false-positive rate", "mean overlap", "aupro"),
}
"""Curve -> title, axes, and the figure that is the area under it."""

_MOST_BARS = 20


def curves(result: ClassResult) -> list[Markup]:
    return [_curve(one, result) for one in result.curves if one.name in _CURVES]


def score_histogram(result: ClassResult) -> Markup:
    at, threshold = result.at_threshold, result.engine.image_threshold
    good, defective = at.false_alarm_rate, at.miss_rate
    headings = (
        f"good: {good.count} of {good.of} at or above the threshold",
        f"defective: {at.true_alarms} of {defective.of} at or above the threshold",
    )
    told = f"Scores of good and of defective pictures; {headings[0]}; {headings[1]}."
    chart = Chart("Image scores", told, "score, raw unit of the method", "pictures")
    name = f"image threshold {words.score(threshold)}"
    return _histogram(chart, result.score_histogram, headings, Mark(threshold, 0, name))


def pixel_histogram(result: ClassResult) -> Markup | None:
    """None without masks."""
    counts = result.pixel_histogram
    if counts is None:
        return None
    headings = (
        f"good pixels: {sum(counts.good):,}".replace(",", " "),
        f"defective pixels: {sum(counts.defective):,}".replace(",", " "),
    )
    told = f"Values of the anomaly map; {headings[0]}; {headings[1]}."
    chart = Chart("Values of the map", told, "map value, raw unit of the method", "pixels")
    threshold = result.engine.pixel_threshold
    line = Mark(threshold, 0, f"pixel threshold {words.score(threshold)}")
    return _histogram(chart, counts, headings, line)


def kind_bars(kinds: Sequence[KindResult]) -> Markup | None:
    """Shares found per kind; None where a table says it better, with one kind or very many."""
    if not 1 < len(kinds) <= _MOST_BARS:
        return None
    rows = []
    for kind in kinds:
        rate = kind.misses
        found = None if rate.share is None else 1 - rate.share
        ends = None if rate.interval is None else (1 - rate.interval[1], 1 - rate.interval[0])
        rows.append(Bar(kind.name, found, ends, _share(rate.of - rate.count, rate.of)))
    title = "Pictures found, by kind of defect"
    told = "Share of defective pictures at or above the image threshold, with 95 % intervals."
    return bars(Chart(title, told, "share found"), rows)


def region_bars(title: str, groups: Sequence[RegionGroup]) -> Markup | None:
    if not any(group.found.of for group in groups):
        return None
    rows = [
        Bar(g.name, g.found.share, g.found.interval, _share(g.found.count, g.found.of))
        for g in groups
    ]
    told = "Share of defect regions that the map reaches at the pixel threshold, 95 % intervals."
    return bars(Chart(title, told, "share found"), rows)


def _share(count: int, of: int) -> str:
    return f"{count} of {of}, {words.percent(count / of)}" if of else ""


def _histogram(chart: Chart, counts: Histogram, headings: tuple[str, str], line: Mark) -> Markup:
    good = Layer(headings[0], counts.edges, counts.good, "good")
    defective = Layer(headings[1], counts.edges, counts.defective, "defective")
    return histograms(chart, (good, defective), line)


def _curve(one: Curve, result: ClassResult) -> Markup:
    title, x_label, y_label, figure = _CURVES[one.name]
    area = getattr(result.figures, figure).value
    named = words.FIGURE_NAMES[figure]
    told = "undefined" if area is None else f"{named} {words.fraction(area)}"
    chart = Chart(f"{title}: {told}", f"{y_label} over {x_label}. {told}.", x_label, y_label)
    points = tuple(zip(one.x, one.y, strict=True))
    reach = 0.3 if one.name == "pro" else 1.0
    return curve(
        chart,
        points,
        reach=reach,
        mark=_operating_point(one.name, result),
        chance=_chance(one.name, result),
    )


def _chance(name: str, result: ClassResult) -> Points:
    """What scores at random would give."""
    if name in ("image_roc", "pixel_roc"):
        return ((0.0, 0.0), (1.0, 1.0))
    at = result.at_threshold
    judged = at.miss_rate.of + at.false_alarm_rate.of
    if name == "image_pr" and judged:
        share = at.miss_rate.of / judged
        return ((0.0, share), (1.0, share))
    return ()


def _operating_point(name: str, result: ClassResult) -> Mark | None:
    """Where the engine's image threshold lies on a curve of pictures."""
    at = result.at_threshold
    alarms, misses = at.false_alarm_rate.share, at.miss_rate.share
    if alarms is None or misses is None:
        return None
    found = 1 - misses
    text = f"threshold {words.score(result.engine.image_threshold)}"
    if name == "image_roc":
        return Mark(alarms, found, text)
    called = at.true_alarms + at.false_alarms
    if name == "image_pr" and called:
        return Mark(found, at.true_alarms / called, text)
    return None
