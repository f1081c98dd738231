"""The written part of the report of a study. Every sentence is made from the cells and names the
file that holds its numbers."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.formats import count_of, fraction, percent
from evaluation.results import Rate
from studies.shift.analysis import (
    DEGRADATION,
    METHODS,
    ONE_MODEL,
    OTHER_SHIFT,
    REST,
    Analysis,
    PromiseCheck,
)
from studies.shift.cells import (
    ADAPTED,
    CONFORMAL,
    GLOBAL,
    PHASES,
    PLAIN,
    RECALIBRATED,
    SHIFTED,
    Cell,
)
from studies.shift.changes import Change
from studies.shift.costs import MethodCost
from studies.shift.shifts import CLEAN

METRIC = "image_auroc"
_PER_CLASS = (PLAIN, SHIFTED, RECALIBRATED, ADAPTED)


@dataclass(frozen=True, slots=True)
class Sentence:
    """file: below the folder of the study, with the numbers of the text."""

    text: str
    file: str


def describe_answers(analysis: Analysis) -> Iterator[Sentence]:
    """Which method detects best in each phase, and which shift and which class lose most."""
    cells = analysis.cells
    methods = list(dict.fromkeys(cell.key.method for cell in cells))
    for phase in (PLAIN, SHIFTED, ADAPTED, GLOBAL):
        means = {m: mean for m in methods if (mean := _mean(cells, m, phase)) is not None}
        if len(means) > 1:
            highest = max(means.values())
            best = " and ".join(method for method in means if means[method] == highest)
            yield Sentence(
                f"{phase.capitalize()} ({PHASES[phase]}), highest mean image AUROC"
                f"{' under shift' if phase == GLOBAL else ''}: {best}, {fraction(highest)}.",
                "tables/results.csv",
            )
    losses = _defined(analysis, DEGRADATION)
    for name, what in (("transform", "shift"), ("severity", "severity"), ("class_name", "class")):
        groups: dict[str, list[float]] = {}
        for change in losses:
            groups.setdefault(getattr(change, name), []).append(change.value or 0.0)
        means = {group: statistics.fmean(values) for group, values in groups.items()}
        if len(means) > 1:
            worst, least = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
            yield Sentence(
                f"The {what} with the lowest mean change of image AUROC, shifted minus clean, is "
                f"{worst} ({fraction(means[worst])}). The {what} with the highest is {least} "
                f"({fraction(means[least])}).",
                "tables/changes.csv",
            )


def _mean(cells: Sequence[Cell], method: str, phase: str) -> float | None:
    """Of the image AUROC over classes and shifts; of global models only under shift."""
    values = [
        cell.figures.image_auroc.value
        for cell in cells
        if (cell.key.method, cell.key.phase) == (method, phase)
        and (phase != GLOBAL or cell.key.transform != CLEAN)
    ]
    defined = [value for value in values if value is not None]
    return statistics.fmean(defined) if defined else None


def describe_study(analysis: Analysis) -> Iterator[Sentence]:
    """What was studied, and the mean of each method in each phase."""
    cells, results = analysis.cells, "tables/results.csv"
    classes = sorted({cell.key.class_name for cell in cells})
    methods = list(dict.fromkeys(cell.key.method for cell in cells))
    shifts = {(cell.key.transform, cell.key.severity) for cell in cells} - {("clean", "clean")}
    yield Sentence(
        f"The study has {count_of(len(cells), 'cell')}: {', '.join(methods)} on "
        f"{', '.join(classes)}, clean and with {count_of(len(shifts), 'shift')}.",
        results,
    )
    for method in analysis.methods:
        means = {phase: _mean(cells, method, phase) for phase in (PLAIN, SHIFTED, ADAPTED)}
        parts = [f"{fraction(mean)} {p}" for p, mean in means.items() if mean is not None]
        yield Sentence(f"Mean image AUROC of {method}: {', '.join(parts)}.", results)


def describe_losses(analysis: Analysis) -> Iterator[Sentence]:
    """What the shifts cost and what adapting gives back."""
    changes = "tables/changes.csv"
    losses = _defined(analysis, DEGRADATION)
    if losses:
        certain = [c for c in losses if c.is_certain and c.value is not None and c.value < 0]
        yield Sentence(
            f"The image AUROC falls with certainty (its 95 % interval excludes 0) in "
            f"{len(certain)} of {count_of(len(losses), 'shifted cell')}. With this many tests, "
            f"about {0.025 * len(losses):.1f} fall by chance.",
            changes,
        )
        worst = min(losses, key=lambda c: c.value or 0.0)
        if (worst.value or 0.0) < 0:
            yield Sentence(f"The largest loss: {_describe(worst)}.", worst.second)
    rest = [c for c in _defined(analysis, REST) if c.is_certain and (c.value or 0) < 0]
    if _defined(analysis, REST):
        yield Sentence(
            f"After adapting, a certain loss remains in {len(rest)} of "
            f"{count_of(len(_defined(analysis, REST)), 'cell')}.",
            changes,
        )
    shares = [r.share for r in analysis.recoveries if r.metric == METRIC and r.share is not None]
    if shares:
        yield Sentence(
            f"Where a loss was certain, adapting gave back {percent(statistics.median(shares))} of "
            f"it (median of {count_of(len(shares), 'cell')}).",
            "tables/recovery.csv",
        )
    for comparison, text in (
        (OTHER_SHIFT, "Models that were fitted on another shift are certainly worse"),
        (ONE_MODEL, "One model for all classes is certainly worse than one per class"),
    ):
        defined = _defined(analysis, comparison)
        if defined:
            worse = sum(c.is_certain and (c.value or 0) < 0 for c in defined)
            yield Sentence(f"{text} in {worse} of {count_of(len(defined), 'cell')}.", changes)
    yield from _describe_methods(analysis)


def _describe_methods(analysis: Analysis) -> Iterator[Sentence]:
    changes = _defined(analysis, METHODS)
    first = analysis.cells[0].key.method
    for method in dict.fromkeys(change.method for change in changes):
        of_method = [c for c in changes if c.method == method]
        better = sum(c.is_certain and (c.value or 0) > 0 for c in of_method)
        worse = sum(c.is_certain and (c.value or 0) < 0 for c in of_method)
        yield Sentence(
            f"{method} is certainly better than {first} in {better}, and certainly worse in "
            f"{worse}, of {count_of(len(of_method), 'cell')}.",
            "tables/changes.csv",
        )


def describe_thresholds(analysis: Analysis) -> Iterator[Sentence]:
    """False alarms and misses of each phase, and whether promises were true."""
    for phase in _PER_CLASS:
        checks = [check for check in analysis.promises if check.cell.key.phase == phase]
        if not checks:
            continue
        alarms = _sum([check.false_alarms for check in checks], "good")
        misses = _sum([check.cell.strategy(CONFORMAL).misses for check in checks], "defective")
        yield Sentence(
            f"{phase.capitalize()} ({PHASES[phase]}): over all methods and shifts, the conformal "
            f"threshold fails {alarms}, and passes {misses}. A "
            "picture counts once for each method and shift.",
            "tables/verdicts.csv",
        )
        broken = [check for check in checks if check.broken]
        yield Sentence(
            f"It promised {_promised(checks)} false alarms on average. The rate is certainly above "
            f"the promise in {len(broken)} of {count_of(len(checks), 'cell')}.",
            "tables/promises.csv",
        )


def describe_failures(analysis: Analysis) -> Iterator[Sentence]:
    """The pictures that every method misses."""
    if len({cell.key.method for cell in analysis.cells}) > 1:
        common = [m for m in analysis.common_misses if m.phase == SHIFTED]
        pictures = {(m.class_name, m.picture) for m in common}
        count = count_of(len(pictures), "defective picture") if pictures else "No defective picture"
        verb = "is" if len(pictures) < 2 else "are"
        yield Sentence(
            f"{count} {verb} passed by every method under the same shift.",
            "tables/common_misses.csv",
        )
        kinds = Counter(f"{m.kind} of {m.class_name}" for m in common)
        if kinds:
            listed = "; ".join(f"{kind} {times}" for kind, times in kinds.most_common())
            yield Sentence(
                f"By kind, counted once for each shift: {listed}.", "tables/common_misses.csv"
            )


def describe_costs(costs: Sequence[MethodCost], run: dict[str, float]) -> Iterator[Sentence]:
    """Ranges over the classes for each method, and what the study itself took."""
    for method in dict.fromkeys(cost.method for cost in costs):
        of_method = [cost for cost in costs if cost.method == method]
        seconds = _range([cost.fit_s for cost in of_method], "s")
        size = _range([cost.engine_mb for cost in of_method], "MB")
        times = [cost.latency_ms for cost in of_method if cost.latency_ms is not None]
        latency = f", {_range(times, 'ms')} per picture" if times else ""
        yield Sentence(
            f"{method}: {seconds} to fit, {size}{latency} (medians of each class).",
            "tables/costs.csv",
        )
    runs = count_of(int(run["runs"]), "run")
    processors = count_of(int(run["processors"]), "processor")
    yield Sentence(
        f"The study took {run['seconds'] / 60:.1f} minutes in {runs} on {processors}. Its memory "
        f"reached {run['peak_memory_mb']:.0f} MB.",
        "run.json",
    )


def describe_limits(side: int) -> Iterator[Sentence]:
    """side: short side of the pictures, px."""
    yield Sentence(
        f"Each method has the options that its name shows and otherwise its defaults. All pictures "
        f"have a short side of at most {side} px.",
        "analysis.json",
    )


def _range(values: Sequence[float], unit: str) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _promised(checks: Sequence[PromiseCheck]) -> str:
    low, high = min(c.promised for c in checks), max(c.promised for c in checks)
    return percent(low) if low == high else f"{percent(low)} to {percent(high)}"


def _sum(rates: Sequence[Rate | None], kind: str) -> str:
    """Such as "3 of 14 good pictures (21.4 %)". The sum has no interval, because it
    counts the same pictures under several shifts."""
    counted = [each for each in rates if each is not None]
    count, total = sum(each.count for each in counted), sum(each.of for each in counted)
    share = f" ({percent(count / total)})" if total else ""
    return f"{count} of {total} {kind} pictures{share}"


def _defined(analysis: Analysis, comparison: str) -> list[Change]:
    return [
        change
        for change in analysis.changes
        if change.comparison == comparison and change.metric == METRIC and change.value is not None
    ]


def _describe(change: Change) -> str:
    first, second = (fraction(value) if value is not None else "-" for value in change.values)
    interval = ""
    if change.interval is not None:
        low, high = map(fraction, change.interval)
        interval = f" (difference {fraction(change.value or 0.0)}, 95 % interval {low} to {high})"
    return (
        f"{change.method} on {change.class_name} with {change.transform}, {change.severity}: image "
        f"AUROC {first} to {second}{interval}"
    )
