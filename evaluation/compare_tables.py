"""A comparison as text for a terminal."""

from evaluation.comparison import ClassComparison, Comparison, Difference, Entrant
from evaluation.terminal_tables import COLUMNS

SHOWN = ("image_auroc", "image_ap", "pixel_auroc", "aupro")


def comparison_lines(found: Comparison) -> list[str]:
    lines: list[str] = []
    for one in found.classes:
        lines += [*_class(one), ""]
    lines += [f"{one.name} was not compared: {one.reason}" for one in found.failures]
    tested = sum(one.p is not None for c in found.classes for one in c.differences)
    if tested > 1:
        lines.append(
            f"each p is of one comparison alone: among {tested}, about {0.05 * tested:.1f} fall "
            "below 0.05 by chance"
        )
    return lines


def _class(one: ClassComparison) -> list[str]:
    data = one.entrants[0].result.data
    first = one.entrants[0].label
    width = max(len("engine"), *(len(entrant.label) for entrant in one.entrants))
    head = [f"{'engine':{width}}", *(f"{COLUMNS[name]:>11}" for name in SHOWN)]
    head += [f"{title:>12}" for title in ("false alarms", "misses", "MB", "p50 ms", "time")]
    lines = [f"{one.name}: {data.good} good and {data.defective} defective pictures"]
    lines.append("  " + " ".join(head))
    lines += ["  " + " ".join(_row(entrant, width)) for entrant in one.entrants]
    lines.append(f"  against {first}, on the same resamples of the pictures:")
    lines += [f"    {_difference(difference)}" for difference in one.differences]
    lines += [
        f"    {each.label}: verdicts right only by {first} on {len(each.only_first_right)} "
        f"pictures, only by {each.label} on {len(each.only_this_right)}"
        for each in one.disagreements
    ]
    return lines + [f"  note: {note}" for note in one.notes]


def _row(one: Entrant, width: int) -> list[str]:
    values = (getattr(one.result.figures, name).value for name in SHOWN)
    at, p50 = one.result.at_threshold, one.latency.total_p50_ms
    return [
        f"{one.label:{width}}",
        *(f"{'-' if value is None else f'{value:.4f}':>11}" for value in values),
        f"{at.false_alarms:12}",
        f"{at.misses:12}",
        f"{one.result.engine.megabytes:12.1f}",
        f"{'-' if p50 is None else f'{p50:.1f}':>12}",
        f"{f'{one.times_first:.2f}x':>12}",
    ]


def _difference(one: Difference) -> str:
    title = f"{one.label}: {COLUMNS[one.figure]}"
    if one.value is None:
        return f"{title} undefined: {one.reason}"
    text = f"{title} {one.value:+.4f}"
    if one.interval is None or one.p is None:
        return f"{text}, without an interval"
    low, high = one.interval
    return f"{text} (95 % {low:+.4f} to {high:+.4f}), p {one.p:.3f}"
