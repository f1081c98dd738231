"""Formats results, comparisons and runtime timings as text for a terminal."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from evaluation.comparison import (
    COMPARED_METRICS,
    ClassComparison,
    ComparedEngine,
    Comparison,
    MetricDifference,
)
from evaluation.formats import fraction, percent, score
from evaluation.result_files import PICTURES
from evaluation.results import (
    ClassResult,
    DatasetResult,
    Failure,
    Latency,
    MetricValue,
    PictureResult,
    Rate,
    mean_metric,
)
from evaluation.runtime_timing import MeasuredCandidate, Timing, UnavailableCandidate

TITLES: Final = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}
SHORT_TITLES: Final = {
    name: title.replace("image", "img").replace("pixel", "pix") for name, title in TITLES.items()
}
TEST_SELECTED_TITLES: Final = {"image_f1_max": "image F1-max", "pixel_f1_max": "pixel F1-max"}
"""Metrics that choose their threshold on the test pictures; listed apart from the others."""

MAX_NOTES: Final = 5
"""Notes of a class in a table; metrics.json and the report of the class have all of them."""

UNCHECKED: Final = " (unchecked: no golden pictures)"

MAX_NAMES: Final = 10
"""Pictures named in a list; pictures.csv has all of them."""


def class_lines(result: ClassResult) -> list[str]:
    """All results of one class."""
    data, at_threshold, engine = result.data, result.at_threshold, result.engine
    lines = [
        f"{result.name}: {result.conclusion.sentence}",
        f"  {data.good} good and {data.defective} defective pictures, "
        f"{data.masked} of them with masks; {engine.method_text}",
        *_metric_lines(result, TITLES),
        "  with the best threshold for these test pictures (test-selected, an upper bound):",
        *_metric_lines(result, TEST_SELECTED_TITLES),
        f"  at the thresholds of the engine file (image {score(engine.image_threshold)}, "
        f"pixel {score(engine.pixel_threshold)}; {result.rules.thresholds}):",
        f"  {'false alarms':16} {_rate_text(at_threshold.false_alarm_rate, 'good pictures')}",
        *_name_lines(result.false_alarms),
        f"  {'misses':16} {_rate_text(at_threshold.miss_rate, 'defective pictures')}",
        *_name_lines(result.misses),
        f"  {'regions found':16} {_regions_text(result)}",
        f"  {'false regions':16} {_rate_text(at_threshold.false_regions, 'good pictures')}",
        *_latency_lines(result.latency),
    ]
    if result.errors:
        lines.append(f"  {'ERROR':16} {len(result.errors)} pictures, not counted in any metric")
        lines += [f"    {p.name}: {p.error}" for p in result.errors[:MAX_NAMES]]
    return lines + [f"  {'note':16} {note}" for note in (*result.warnings, *data.problems)]


def dataset_lines(result: DatasetResult) -> list[str]:
    """A table with a row per class and their mean."""
    width = max(len(name) for name in ("class", *(each.name for each in result.classes)))
    titles = (*SHORT_TITLES.values(), "alarms", "misses", "errors", "p50 ms")
    head = [f"{'class':{width}}", f"{'good':>5}", f"{'defective':>9}", *(f"{t:>9}" for t in titles)]
    means = [mean_metric(name, result.classes) for name in TITLES]
    mean_row = [f"{'mean':{width}}", " " * 5, " " * 9, *(f"{_number(m.value):>9}" for m in means)]
    lines = [
        " ".join(head),
        *(_class_row(each, width) for each in result.classes),
        " ".join(mean_row).rstrip(),
    ]
    for count in sorted({mean.defined for mean in means if 0 < mean.defined < mean.classes}):
        names = ", ".join(TITLES[mean.name] for mean in means if mean.defined == count)
        lines.append(
            f"mean over the {count} of {len(result.classes)} classes that define it: {names}"
        )
    for each in result.classes:
        lines += [f"{each.name}: {each.conclusion.sentence}", *_note_lines(each)]
    return lines + _failure_lines(result.failures, "evaluated")


def _note_lines(*results: ClassResult) -> list[str]:
    """The first errors and notes of a class, measured with one engine or with several."""
    notes: dict[str, None] = {}
    for result in results:
        errors = (f"ERROR {picture.name}: {picture.error}" for picture in result.errors)
        notes |= dict.fromkeys((*errors, *result.warnings, *result.data.problems))
    name, more = results[0].name, len(notes) - MAX_NOTES
    lines = [f"{name}: {note}" for note in list(notes)[:MAX_NOTES]]
    return lines + ([f"{name}: {more} more notes in metrics.json"] if more > 0 else [])


def comparison_lines(comparison: Comparison) -> list[str]:
    """A table per class, then the failures."""
    lines: list[str] = []
    for each in comparison.classes:
        lines += [*_class_comparison_lines(each), ""]
    lines += _failure_lines(comparison.failures, "compared")
    tests = sum(d.p is not None for each in comparison.classes for d in each.differences)
    if tests > 1:
        lines.append(
            f"each p-value is for one comparison alone: of {tests} comparisons without a "
            f"difference, about {0.05 * tests:.1f} have p below 0.05 by chance"
        )
    return lines


def runtime_lines(measured: Sequence[MeasuredCandidate]) -> list[str]:
    """A table with a row per runtime and batch size; empty if nothing was measured."""
    if not measured:
        return []
    width = max(len(each.candidate.label) for each in measured)
    has_gpu = any(each.card is not None for each in measured)
    gpu_head = f" {'GPU ms':>8} {'of limit':>8} {'GPU MB':>8}" if has_gpu else ""
    head = (
        f"{'':{width}} {'batch':>5} {'p50 ms':>8} {'p99 ms':>8} {'min ms':>8} {'CPU ms':>8} "
        f"{'pictures/s':>10} {'GFLOP/s':>8} {'ratio to row 1':>18}{gpu_head} "
        f"{'first frame ms':>17} {'peak MB':>8}  precision  running on"
    )
    rows = [_runtime_row(each, t, width, has_gpu) for each in measured for t in each.timings]
    return [head, *rows]


def unavailable_lines(unavailable: Sequence[UnavailableCandidate]) -> list[str]:
    """A line for each runtime and reason, with the engines that it is true for."""
    engines: dict[tuple[str, str], list[str]] = {}
    for each in unavailable:
        names = engines.setdefault((each.candidate.runtime, each.reason), [])
        names.append(each.candidate.engine.stem)
    return [
        f"not run: {', '.join(names)}: {runtime}: {reason}"
        for (runtime, reason), names in engines.items()
    ]


def _runtime_row(measured: MeasuredCandidate, timing: Timing, width: int, has_gpu: bool) -> str:
    low, middle, high = timing.ratio
    limit_share = None
    if timing.gpu_ms is not None and timing.least_gpu_ms is not None:
        limit_share = timing.least_gpu_ms / timing.gpu_ms
    gpu_cells = (
        f" {_format(timing.gpu_ms, '.3f'):>8} {_format(limit_share, '.1%'):>8} "
        f"{_format(measured.gpu_mb, '.0f'):>8}"
    )
    first_frame = f"{min(measured.first_frame_ms):.0f} to {max(measured.first_frame_ms):.0f}"
    return (
        f"{measured.candidate.label:{width}} {timing.batch:>5} {timing.p50_ms:>8.2f} "
        f"{timing.p99_ms:>8.2f} {timing.least_ms:>8.2f} {timing.cpu_ms:>8.2f} "
        f"{timing.pictures_per_s:>10.1f} {_format(timing.gflop_per_s, '.0f'):>8} "
        f"{f'{middle:.2f} ({low:.2f}-{high:.2f})':>18}{gpu_cells if has_gpu else ''} "
        f"{first_frame:>17} {_format(measured.peak_mb, '.0f'):>8}  "
        f"{measured.precision:9}  {measured.running_on}{'' if measured.checked else UNCHECKED}"
    )


def _class_comparison_lines(comparison: ClassComparison) -> list[str]:
    data = comparison.engines[0].result.data
    first = comparison.engines[0].label
    width = max(len(name) for name in ("engine", *(each.label for each in comparison.engines)))
    head = [f"{'engine':{width}}", *(f"{TITLES[name]:>11}" for name in COMPARED_METRICS)]
    head += [f"{title:>12}" for title in ("false alarms", "misses", "MB", "p50 ms", "time ratio")]
    return [
        f"{comparison.name}: {data.good} good and {data.defective} defective pictures",
        *(f"  {each.label}: {each.result.conclusion.sentence}" for each in comparison.engines),
        "  " + " ".join(head),
        *("  " + " ".join(_engine_row(each, width)) for each in comparison.engines),
        f"  difference to {first}, on the same resamples of the pictures:",
        *(f"    {_difference_text(difference)}" for difference in comparison.differences),
        *(
            f"    {each.label}: pictures with the right verdict only by {first}: "
            f"{len(each.only_first_right)}, only by {each.label}: {len(each.only_this_right)}"
            for each in comparison.disagreements
        ),
        *(f"  note: {note}" for note in comparison.notes),
        *_note_lines(*(engine.result for engine in comparison.engines)),
    ]


def _engine_row(engine: ComparedEngine, width: int) -> list[str]:
    result = engine.result
    values = (getattr(result.figures, name).value for name in COMPARED_METRICS)
    return [
        f"{engine.label:{width}}",
        *(f"{_number(value):>11}" for value in values),
        f"{result.at_threshold.false_alarms:12}",
        f"{result.at_threshold.misses:12}",
        f"{result.engine.megabytes:12.1f}",
        f"{_format(engine.latency.total_p50_ms, '.1f'):>12}",
        f"{f'{engine.time_ratio:.2f}x':>12}",
    ]


def _difference_text(difference: MetricDifference) -> str:
    title = f"{difference.label}: {TITLES[difference.figure]}"
    if difference.value is None:
        return f"{title} undefined: {difference.reason}"
    text = f"{title} {difference.value:+.4f}"
    if difference.interval is None or difference.p is None:
        return f"{text}, without an interval"
    low, high = difference.interval
    return f"{text} (95 % {low:+.4f} to {high:+.4f}), p {_p_text(difference.p)}"


def _class_row(result: ClassResult, width: int) -> str:
    data, at_threshold = result.data, result.at_threshold
    row = [f"{result.name:{width}}", f"{data.good:5}", f"{data.defective:9}"]
    row += [f"{_number(getattr(result.figures, name).value):>9}" for name in TITLES]
    row += [f"{n:9}" for n in (at_threshold.false_alarms, at_threshold.misses, data.errors)]
    return " ".join([*row, f"{_format(result.latency.total_p50_ms, '.1f'):>9}"])


def _failure_lines(failures: Sequence[Failure], action: str) -> list[str]:
    return [f"{failure.name} was not {action}: {failure.reason}" for failure in failures]


def _rate_text(rate: Rate, nouns: str) -> str:
    if rate.share is None or rate.interval is None:
        return f"undefined: there are no {nouns}"
    low, high = map(percent, rate.interval)
    return f"{rate.count} of {rate.of} {nouns}, {percent(rate.share)} (95 % {low} to {high})"


def _regions_text(result: ClassResult) -> str:
    if result.data.defective and not result.data.masked:
        return "undefined: no defective picture has a mask"
    return _rate_text(result.at_threshold.regions_found, "defect regions")


def _metric_lines(result: ClassResult, titles: Mapping[str, str]) -> list[str]:
    return [
        f"  {title:16} {_metric_text(getattr(result.figures, name))}"
        for name, title in titles.items()
    ]


def _metric_text(metric: MetricValue) -> str:
    if metric.value is None:
        return f"undefined: {metric.reason}"
    low, high = metric.interval or (metric.value, metric.value)
    text = fraction(metric.value)
    if low < high:
        text += f" (95 % {fraction(low)} to {fraction(high)})"
    return text if metric.reason is None else f"{text}; {metric.reason}"


def _latency_lines(latency: Latency) -> list[str]:
    if latency.total_p50_ms is None or latency.total_p99_ms is None:
        return []
    return [
        f"  {'latency':16} p50 {latency.total_p50_ms:.1f} ms, p99 {latency.total_p99_ms:.1f} ms "
        f"per picture, batch {latency.batch}, {latency.running_on}"
    ]


def _name_lines(pictures: Sequence[PictureResult]) -> list[str]:
    """The first names, indented and wrapped."""
    names = [picture.name for picture in pictures[:MAX_NAMES]]
    if len(pictures) > MAX_NAMES:
        names.append(f"and {len(pictures) - MAX_NAMES} more in {PICTURES}")
    indent = " " * 4
    return textwrap.wrap(
        ", ".join(names),
        100,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _p_text(p: float) -> str:
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else fraction(value)


def _format(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
