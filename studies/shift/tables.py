"""The tables of a study about metrics, verdicts and their differences."""

from collections.abc import Iterator, Sequence

from evaluation.formats import fraction
from evaluation.replay.fails import compare_fails
from evaluation.results import MetricValue
from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData
from studies.shift.analysis import ADAPTATION, COMPARED, DEGRADATION, Analysis
from studies.shift.cells import ADAPTED, GLOBAL, PLAIN, RECALIBRATED, SHIFTED, Cell
from studies.shift.table_files import (
    PLACE,
    StudyTable,
    Value,
    place_of,
    rate_columns,
    rate_values,
)


def make_tables(analysis: Analysis) -> tuple[StudyTable, ...]:
    return (
        _overview(analysis),
        _results(analysis),
        _verdicts(analysis),
        _changes(analysis),
        _verdict_changes(analysis),
        _recovery(analysis),
        _promises(analysis),
        _common_misses(analysis),
    )


def data_table(classes: Sequence[ClassData]) -> StudyTable:
    """classes: with the parts of the study."""
    rows: list[tuple[Value, ...]] = []
    for data in classes:
        for kind in sorted({sample.kind for sample in data.samples}):
            samples = [sample for sample in data.samples if sample.kind == kind]
            parts = [sum(s.split == part for s in samples) for part in (TRAIN, VALIDATION, TEST)]
            rows.append((data.name, kind, *parts, sum(bool(s.masks) for s in samples)))
    head = ("class", "kind", TRAIN, VALIDATION, TEST, "with mask")
    return StudyTable("data", "Pictures of each class, kind and part", head, tuple(rows))


def _overview(analysis: Analysis) -> StudyTable:
    """Clean, shifted, adapted and global side by side."""
    phases = (SHIFTED, ADAPTED, GLOBAL)
    head = ("class", "method", "transform", "severity", "metric", PLAIN, *phases)
    rows = []
    for cell in analysis.cells:
        if cell.key.phase != SHIFTED:
            continue
        others = [analysis.find(PLAIN, cell, clean=True)]
        others += [analysis.find(phase, cell) for phase in phases]
        for metric in COMPARED:
            texts = [
                with_interval(None if c is None else getattr(c.figures, metric)) for c in others
            ]
            key = cell.key
            place = (key.class_name, key.method, key.transform, key.severity)
            rows.append((*place, metric, *texts))
    title = (
        "Metrics with 95 % intervals, clean, shifted, adapted and with one model for all classes"
    )
    return StudyTable("overview", title, head, tuple(rows))


def with_interval(metric: MetricValue | None) -> str | None:
    if metric is None or metric.value is None:
        return None
    if metric.interval is None:
        return fraction(metric.value)
    low, high = metric.interval
    return f"{fraction(metric.value)} ({fraction(low)} to {fraction(high)})"


def _results(analysis: Analysis) -> StudyTable:
    columns = [(m, f"{m}_low", f"{m}_high") for m in COMPARED]
    head = (*PLACE, "good", "defective", "errors", *(name for each in columns for name in each))
    rows: list[tuple[Value, ...]] = []
    for cell in analysis.cells:
        values: list[Value] = []
        for metric in COMPARED:
            figure: MetricValue = getattr(cell.figures, metric)
            values += [figure.value, *(figure.interval or (None, None))]
        rows.append((*place_of(cell), cell.good, cell.defective, cell.errors, *values))
    return StudyTable("results", "Metrics of every cell", head, tuple(rows))


def _verdicts(analysis: Analysis) -> StudyTable:
    rows: list[tuple[Value, ...]] = []
    for cell in analysis.cells:
        for result in cell.strategies:
            rates = (*rate_values(result.false_alarms), *rate_values(result.misses))
            rows.append((*place_of(cell), result.name, result.threshold, *rates, result.reason))
    names = (*rate_columns("false_alarms"), *rate_columns("misses"))
    head = (*PLACE, "strategy", "threshold", *names, "reason")
    title = "False alarms and misses of every threshold strategy, with exact 95 % intervals"
    return StudyTable("verdicts", title, head, tuple(rows), ("threshold",))


def _changes(analysis: Analysis) -> StudyTable:
    head = (
        *("comparison", "class", "method", "transform", "severity", "metric", "first_value"),
        *("second_value", "difference", "low", "high", "p", "reason", "first", "second"),
    )
    rows = tuple(
        (
            *(c.comparison, c.class_name, c.method, c.transform, c.severity, c.metric),
            *(*c.values, c.value, *(c.interval or (None, None)), c.p),
            *(c.reason, c.first, c.second),
        )
        for c in analysis.changes
    )
    title = "Paired differences on the same pictures, with 95 % intervals and two-sided p"
    return StudyTable("changes", title, head, rows)


def _recovery(analysis: Analysis) -> StudyTable:
    head = ("class", "method", "transform", "severity", "metric", "recovered")
    rows = tuple(
        (r.class_name, r.method, r.transform, r.severity, r.metric, r.share)
        for r in analysis.recoveries
    )
    title = "Share of the loss that adapting gives back; empty where no loss is certain"
    return StudyTable("recovery", title, head, rows, ("recovered",))


def _promises(analysis: Analysis) -> StudyTable:
    head = (*PLACE, "promised", *rate_columns("false_alarms"), "broken")
    rows = tuple(
        (*place_of(c.cell), c.promised, *rate_values(c.false_alarms), "yes" if c.broken else "no")
        for c in analysis.promises
    )
    title = "Promised rate of false alarms (conformal) and the rate on the test pictures"
    return StudyTable("promises", title, head, rows)


def _common_misses(analysis: Analysis) -> StudyTable:
    head = ("class", "phase", "transform", "severity", "picture", "kind", "size", "methods")
    rows = tuple(
        (m.class_name, m.phase, m.transform, m.severity, m.picture, m.kind, m.size, m.methods)
        for m in analysis.common_misses
    )
    title = f"Defective pictures that every method misses ({analysis.strategy})"
    return StudyTable("common_misses", title, head, rows)


def _verdict_changes(analysis: Analysis) -> StudyTable:
    head = (
        *("comparison", "class", "method", "transform", "severity", "pictures", "of"),
        *("pass_to_fail", "fail_to_pass", "difference", "low", "high", "p"),
    )
    rows: list[tuple[Value, ...]] = []
    for comparison, first, second in _verdict_pairs(analysis):
        fails = [_fails(analysis, cell) for cell in (first, second)]
        key = second.key
        for what, defective in (("good", False), ("defective", True)):
            names = [p.name for p in second.pictures if p.defective == defective]
            common = [name for name in names if name in fails[0]]
            changed = compare_fails(
                len(common),
                sum(fails[1][name] and not fails[0][name] for name in common),
                sum(fails[0][name] and not fails[1][name] for name in common),
            )
            rows.append(
                (
                    *(comparison, key.class_name, key.method, key.transform, key.severity),
                    *(what, changed.frames, changed.pass_to_fail, changed.fail_to_pass),
                    *(changed.difference, *(changed.interval or (None, None)), changed.p),
                )
            )
    title = (
        "Paired changes of the share of FAIL on the same pictures, with 95 % intervals and the "
        f"exact p of McNemar ({analysis.strategy})"
    )
    return StudyTable("verdict_changes", title, head, tuple(rows))


def _verdict_pairs(analysis: Analysis) -> Iterator[tuple[str, Cell, Cell]]:
    """Comparison, first and second cell, both with a threshold."""
    for cell in analysis.cells:
        phase = cell.key.phase
        if phase == SHIFTED:
            pair = DEGRADATION, analysis.find(PLAIN, cell, clean=True)
        elif phase == RECALIBRATED:
            pair = "new threshold", analysis.find(SHIFTED, cell)
        elif phase == ADAPTED:
            pair = ADAPTATION, analysis.find(SHIFTED, cell)
        else:
            continue
        comparison, first = pair
        if first is not None and None not in (
            analysis.verdicts(first).threshold,
            analysis.verdicts(cell).threshold,
        ):
            yield comparison, first, cell


def _fails(analysis: Analysis, cell: Cell) -> dict[str, bool]:
    threshold = analysis.verdicts(cell).threshold
    return {p.name: threshold is not None and p.score > threshold for p in cell.pictures}
