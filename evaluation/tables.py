"""Results as text for a terminal."""

from collections.abc import Sequence

from evaluation.results import ClassResult, DatasetResult, Figure, PictureResult, Rate, mean_of

COLUMNS = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "aupro": "AUPRO@0.3",
    "aupimo": "AUPIMO",
}
SELECTED = {"image_f1_max": "image F1-max", "pixel_f1_max": "pixel F1-max"}
"""Choose their threshold on the test pictures; told apart for that."""

LISTED = 10
"""Most pictures named in one line; all are in pictures.csv."""


def class_lines(result: ClassResult) -> list[str]:
    """One class in full."""
    data, at, latency = result.data, result.at_threshold, result.latency
    lines = [
        f"{result.name}: {data.good} good and {data.defective} defective pictures, "
        f"{data.masked} of them with masks; {result.engine.method} on {result.engine.backbone}",
        *(
            f"  {title:16} {_full(getattr(result.figures, name))}"
            for name, title in (COLUMNS | SELECTED).items()
        ),
        f"  F1-max chooses its threshold on these very pictures (test-selected); at the "
        f"engine's own image threshold {result.engine.image_threshold:.4f}, from "
        f"{result.engine.threshold_normals} normals (honest):",
        f"  {'false alarms':16} {rate(at.false_alarm_rate)}{_named(result.false_alarms)}",
        f"  {'misses':16} {rate(at.miss_rate)}{_named(result.misses)}",
        f"  {'regions found':16} {rate(at.regions_found)}",
    ]
    if latency.total_p50_ms is not None and latency.total_p99_ms is not None:
        lines.append(
            f"  {'latency':16} p50 {latency.total_p50_ms:.1f} ms, p99 {latency.total_p99_ms:.1f} "
            f"ms per picture, batch {latency.batch}, {latency.running_on}"
        )
    if result.errors:
        lines.append(f"  {'ERROR':16} {len(result.errors)} pictures:{_named(result.errors)}")
        lines += [f"    {one.error}" for one in result.errors[:LISTED]]
    return lines + [f"  {'note':16} {warning}" for warning in result.warnings]


def dataset_lines(result: DatasetResult) -> list[str]:
    """The table of all classes and their mean."""
    width = max([len(one.name) for one in result.classes] + [len("class"), len("mean")])
    head = [f"{'class':{width}}", f"{'good':>5}", f"{'bad':>5}"]
    head += [f"{title:>11}" for title in COLUMNS.values()]
    head += [f"{title:>12}" for title in ("false alarms", "misses", "errors", "p50 ms")]
    lines = [" ".join(head)]
    for one in result.classes:
        data, at, latency = one.data, one.at_threshold, one.latency
        row = [f"{one.name:{width}}", f"{data.good:5}", f"{data.defective:5}"]
        row += [f"{_short(getattr(one.figures, name).value):>11}" for name in COLUMNS]
        row += [f"{at.false_alarms:12}", f"{at.misses:12}", f"{data.errors:12}"]
        row.append(f"{_short(latency.total_p50_ms, 1):>12}")
        lines.append(" ".join(row))
    means = [mean_of(name, result.classes) for name in COLUMNS]
    row = [f"{'mean':{width}}", " " * 5, " " * 5, *(f"{_short(m.value):>11}" for m in means)]
    lines.append(" ".join(row).rstrip())
    partly = [m for m in means if 0 < m.defined < m.classes]
    lines += [
        f"the mean of {COLUMNS[m.name]} is over the {m.defined} of {m.classes} classes that define "
        "it"
        for m in partly
    ]
    return lines + [f"{one.name} was not evaluated: {one.reason}" for one in result.failures]


def rate(value: Rate) -> str:
    if value.share is None or value.interval is None:
        return "none to judge"
    low, high = value.interval
    return f"{value.count} of {value.of}, {value.share:.1%} (95 % {low:.1%} to {high:.1%})"


def _full(figure: Figure) -> str:
    if figure.value is None:
        return f"undefined: {figure.reason}"
    text = f"{figure.value:.4f}"
    if figure.interval is not None:
        text += f" (95 % {figure.interval[0]:.4f} to {figure.interval[1]:.4f})"
    return text if figure.reason is None else f"{text}; {figure.reason}"


def _named(pictures: Sequence[PictureResult]) -> str:
    if not pictures:
        return ""
    names = ", ".join(one.name for one in pictures[:LISTED])
    more = len(pictures) - LISTED
    return f": {names}" + (f" and {more} more" if more > 0 else "")


def _short(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
