"""The tables of the report, and how it shows metrics with their reasons."""

from collections.abc import Sequence
from typing import Final

from evaluation import formats
from evaluation.report import texts
from evaluation.results import (
    METRIC_NAMES,
    ClassResult,
    KindResult,
    MetricValue,
    PictureResult,
    Rate,
    RegionGroup,
)
from inspector.report.html_table import table
from inspector.report.markup import Child, Markup, element, join

MAX_ROWS: Final = 2000
"""Rows of a list of pictures or problems; metrics.json has all of them."""


def confusion(result: ClassResult) -> Markup:
    at_threshold = result.at_threshold
    errors = [sum(p.defective is kind for p in result.errors) for kind in (False, True)]
    rows = [
        ("good", str(at_threshold.true_passes), _bold(at_threshold.false_alarms), str(errors[0])),
        ("defective", _bold(at_threshold.misses), str(at_threshold.true_alarms), str(errors[1])),
    ]
    threshold = formats.score(result.engine.image_threshold)
    caption = f"Pictures by verdict; FAIL: the score is at or above the image threshold {threshold}"
    return table(("truth", "PASS", "FAIL", "no score (ERROR)"), rows, caption)


def rates(result: ClassResult) -> Markup:
    at_threshold = result.at_threshold
    rows = [
        ("false alarms on good pictures", *_rate_cells(at_threshold.false_alarm_rate)),
        ("misses on defective pictures", *_rate_cells(at_threshold.miss_rate)),
        ("defect regions found", *_rate_cells(at_threshold.regions_found)),
        ("good pictures with a falsely marked region", *_rate_cells(at_threshold.false_regions)),
    ]
    return table(("at the engine's thresholds", "count", "share", "95 % interval"), rows)


def metrics(result: ClassResult) -> Markup:
    rows = []
    for name in METRIC_NAMES:
        metric = getattr(result.figures, name)
        meaning = texts.METRIC_MEANINGS[name]
        cells = (metric_with_reason(metric), texts.metric_interval(metric), meaning)
        rows.append((texts.METRIC_TITLES[name], *cells))
    return table(("metric", "value", "95 % interval", "meaning"), rows)


def kinds(results: Sequence[KindResult]) -> Markup:
    notes = Footnotes()
    head = ("kind", "pictures", "missed", "regions found", *texts.METRIC_TITLES.values())
    rows = [
        (
            kind.name,
            str(kind.pictures),
            texts.count_and_share(kind.misses),
            texts.count_and_share(kind.regions_found),
            *(notes.metric(getattr(kind.figures, name)) for name in METRIC_NAMES),
        )
        for kind in results
    ]
    return join(table(head, rows, class_="wide"), notes.paragraphs())


def region_groups(name: str, results: Sequence[RegionGroup]) -> Markup:
    notes = Footnotes()
    rows = [(g.name, *_rate_cells(g.found), notes.metric(g.aupro)) for g in results]
    head = (name, "regions found", "share", "95 % interval", texts.METRIC_TITLES["aupro"])
    return join(table(head, rows), notes.paragraphs())


def pictures(results: Sequence[PictureResult], threshold: float) -> Markup:
    """threshold: of images."""
    rows = [
        (
            picture.name,
            picture.kind,
            formats.score_beside(picture.score, threshold),
            picture.verdict,
            formats.score(picture.peak),
            f"{picture.regions_found} of {picture.regions}" if picture.has_mask else "-",
            picture.note or picture.error or "",
        )
        for picture in results[:MAX_ROWS]
    ]
    head = ("picture", "kind", "score", "verdict", "peak", "regions found", "remark")
    return join(table(head, rows), omitted_rows(len(results), "picture"))


def omitted_rows(count: int, noun: str) -> Markup | None:
    """Tells how many rows of a list were left out after MAX_ROWS."""
    omitted = count - MAX_ROWS
    if omitted <= 0:
        return None
    return element("p", f"{formats.count_of(omitted, f'more {noun}')} in metrics.json.")


class Footnotes:
    """Reasons and cautions of metrics, numbered and written once below a table."""

    def __init__(self) -> None:
        self._notes: list[str] = []

    def metric(self, metric: MetricValue) -> Markup:
        if metric.value is None:
            reference = self.reference(f"undefined: {metric.reason}")
            return element("span", f"undefined {reference}", class_="undefined")
        note = f" {self.reference(metric.reason)}" if metric.reason else None
        return join(number(metric.value, metric.error), note)

    def reference(self, note: str) -> str:
        """Adds a note, unless it is there already, and returns its number, such as "[1]"."""
        if note not in self._notes:
            self._notes.append(note)
        return f"[{self._notes.index(note) + 1}]"

    def paragraphs(self) -> Markup | None:
        if not self._notes:
            return None
        notes = [f"[{k}] {note}" for k, note in enumerate(self._notes, 1)]
        return join(*(element("p", note, class_="note") for note in notes))


def metric_with_reason(metric: MetricValue) -> Markup:
    """The number with its caution, or "undefined" with the reason."""
    if metric.value is None:
        return element("span", f"undefined: {metric.reason}", class_="undefined")
    reason = f" ({metric.reason})" if metric.reason else None
    return join(number(metric.value, metric.error), reason)


def number(value: float, error: float = 0.0) -> Markup:
    """All digits are in the markup. The error is shown if it can change the visible digits."""
    visible = element("data", formats.fraction(value), value=repr(value))
    return join(visible, f" ± {error:.1g}" if error >= 5e-5 else None)


def _bold(count: int) -> Child:
    return element("strong", str(count)) if count else "0"


def _rate_cells(rate: Rate) -> tuple[str, str, str]:
    if rate.share is None or rate.interval is None:
        return f"0 of {rate.of}", "undefined: there are none", "-"
    low, high = (formats.percent(end) for end in rate.interval)
    return f"{rate.count} of {rate.of}", formats.percent(rate.share), f"{low} to {high}"
