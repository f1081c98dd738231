"""Results as text for a terminal."""

import textwrap
from collections.abc import Sequence

from evaluation.result_files import PICTURES
from evaluation.results import (
    ClassResult,
    DatasetResult,
    Figure,
    Latency,
    PictureResult,
    Rate,
    mean_of,
)

COLUMNS = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}
SHORT = {
    "image_auroc": "img AUROC",
    "image_ap": "img AP",
    "pixel_auroc": "pix AUROC",
    "pixel_ap": "pix AP",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}
SELECTED = {"image_f1_max": "image F1-max", "pixel_f1_max": "pixel F1-max"}
"""Choose their threshold on the test pictures; told apart for that."""

LISTED = 10
"""Most pictures named in one line; all are in pictures.csv."""


def class_lines(result: ClassResult) -> list[str]:
    """One class in full."""
    data, at, engine = result.data, result.at_threshold, result.engine
    lines = [
        f"{result.name}: {data.good} good and {data.defective} defective pictures, "
        f"{data.masked} of them with masks; {engine.method} on {engine.backbone}",
        *_figures(result, COLUMNS),
        "  best threshold for these very pictures (test-selected, a ceiling):",
        *_figures(result, SELECTED),
        f"  at the engine's own thresholds, image {engine.image_threshold:.4f} and pixel "
        f"{engine.pixel_threshold:.4f}; {result.rules.thresholds}:",
        f"  {'false alarms':16} {rate(at.false_alarm_rate)}",
        *_named(result.false_alarms),
        f"  {'misses':16} {rate(at.miss_rate)}",
        *_named(result.misses),
        f"  {'regions found':16} {rate(at.regions_found)}",
        f"  {'good with region':16} {rate(at.false_regions)}",
        *_latency(result.latency),
    ]
    if result.errors:
        lines.append(f"  {'ERROR':16} {len(result.errors)} pictures, in no figure")
        lines += [f"    {one.name}: {one.error}" for one in result.errors[:LISTED]]
    return lines + [f"  {'note':16} {note}" for note in (*result.warnings, *data.problems)]


def dataset_lines(result: DatasetResult) -> list[str]:
    """The table of all classes and their mean."""
    width = max([len(one.name) for one in result.classes] + [len("class"), len("mean")])
    head = [f"{'class':{width}}", f"{'good':>5}", f"{'bad':>5}"]
    head += [f"{title:>9}" for title in (*SHORT.values(), "alarms", "misses", "errors", "p50 ms")]
    lines = [" ".join(head)]
    for one in result.classes:
        data, at, latency = one.data, one.at_threshold, one.latency
        row = [f"{one.name:{width}}", f"{data.good:5}", f"{data.defective:5}"]
        row += [f"{_short(getattr(one.figures, name).value):>9}" for name in SHORT]
        row += [f"{count:9}" for count in (at.false_alarms, at.misses, data.errors)]
        row.append(f"{_short(latency.total_p50_ms, 1):>9}")
        lines.append(" ".join(row))
    means = [mean_of(name, result.classes) for name in SHORT]
    row = [f"{'mean':{width}}", " " * 5, " " * 5, *(f"{_short(m.value):>9}" for m in means)]
    lines.append(" ".join(row).rstrip())
    for count in sorted({m.defined for m in means if 0 < m.defined < m.classes}):
        titles = ", ".join(COLUMNS[m.name] for m in means if m.defined == count)
        lines.append(
            f"over {count} of {len(result.classes)} classes, as the others do not define it: the "
            f"mean of {titles}"
        )
    return lines + [f"{one.name} was not evaluated: {one.reason}" for one in result.failures]


def rate(value: Rate) -> str:
    if value.share is None or value.interval is None:
        return "none to judge"
    low, high = value.interval
    return f"{value.count} of {value.of}, {value.share:.1%} (95 % {low:.1%} to {high:.1%})"


def _figures(result: ClassResult, titles: dict[str, str]) -> list[str]:
    return [
        f"  {title:16} {_full(getattr(result.figures, name))}" for name, title in titles.items()
    ]


def _full(figure: Figure) -> str:
    if figure.value is None:
        return f"undefined: {figure.reason}"
    low, high = figure.interval or (figure.value, figure.value)
    text = f"{figure.value:.4f}"
    if low < high:
        text += f" (95 % {low:.4f} to {high:.4f})"
    return text if figure.reason is None else f"{text}; {figure.reason}"


def _latency(latency: Latency) -> list[str]:
    if latency.total_p50_ms is None or latency.total_p99_ms is None:
        return []
    return [
        f"  {'latency':16} p50 {latency.total_p50_ms:.1f} ms, p99 {latency.total_p99_ms:.1f} ms "
        f"per picture, batch {latency.batch}, {latency.running_on}"
    ]


def _named(pictures: Sequence[PictureResult]) -> list[str]:
    """The first of them, in lines of their own."""
    names = [one.name for one in pictures[:LISTED]]
    if len(pictures) > LISTED:
        names.append(f"and {len(pictures) - LISTED} more, see {PICTURES}")
    indent = " " * 4
    return textwrap.wrap(
        ", ".join(names),
        100,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _short(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
