"""The tables of a study about groups of defects, thresholds, variants of a method and costs."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from evaluation.results import MetricValue
from studies.shift.ablations import varied
from studies.shift.analysis import COMPARED, OPTIONS, Analysis
from studies.shift.calibration import calibration_points
from studies.shift.cells import ADAPTED, PLAIN, SHIFTED
from studies.shift.costs import MethodCost
from studies.shift.groups import (
    GROUPINGS,
    GroupChange,
    misses_by_group,
    verdicts_by_kind,
)
from studies.shift.shifts import SEVERITIES, SHIFTS
from studies.shift.table_files import (
    PLACE,
    StudyTable,
    Value,
    place_of,
    rate_columns,
    rate_values,
)

REPORTED_PHASES: Final = (PLAIN, SHIFTED, ADAPTED)


def make_group_tables(
    analysis: Analysis, groups: Sequence[GroupChange], costs: Sequence[MethodCost]
) -> tuple[StudyTable, ...]:
    """groups: of studies.shift.groups.changes_by_group."""
    return (
        _groups(groups),
        _kinds(analysis),
        _misses(analysis),
        _regions(analysis),
        _confusion(analysis),
        _calibration(analysis),
        _variants(analysis, costs),
        _bank_sizes(analysis, costs),
        _costs(costs),
        _shifts(),
    )


def _groups(groups: Sequence[GroupChange]) -> StudyTable:
    head = (
        *("comparison", "class", "method", "transform", "severity", "group", "name", "pictures"),
        *("first_value", "second_value", "difference", "low", "high", "p", "reason"),
    )
    rows = tuple(
        (
            *(c.comparison, c.class_name, c.method, c.transform, c.severity),
            *(each.grouping, each.name, each.pictures),
            *(*c.values, c.value, *(c.interval or (None, None)), c.p, c.reason),
        )
        for each in groups
        for c in (each.change,)
    )
    title = (
        "Paired differences of the image AUROC by kind of defect, and by size and place of the "
        "largest defect of a picture"
    )
    return StudyTable("groups", title, head, rows)


def _kinds(analysis: Analysis) -> StudyTable:
    columns = [name for metric in COMPARED for name in (metric, f"{metric}_low", f"{metric}_high")]
    rows: list[tuple[Value, ...]] = []
    for cell in analysis.cells:
        for kind in cell.kinds:
            values: list[Value] = []
            for metric in COMPARED:
                figure: MetricValue = getattr(kind.figures, metric)
                values += [figure.value, *(figure.interval or (None, None))]
            rows.append((*place_of(cell), kind.name, kind.pictures, *values))
    head = (*PLACE, "kind", "pictures", *columns)
    return StudyTable("kinds", "Metrics of each kind of defect", head, tuple(rows))


def _misses(analysis: Analysis) -> StudyTable:
    groups = [each for name in GROUPINGS for each in misses_by_group(analysis, name)]
    head = (*PLACE, "group", "name", *rate_columns("misses"))
    rows = tuple((*place_of(g.cell), g.grouping, g.name, *rate_values(g.misses)) for g in groups)
    title = (
        "Misses by kind of defect, and by size and place of the largest defect of a picture "
        f"({analysis.strategy})"
    )
    return StudyTable("misses", title, head, rows)


def _regions(analysis: Analysis) -> StudyTable:
    rows = [
        (*place_of(cell), what, group.name, group.aupro.value, *rate_values(group.found))
        for cell in analysis.cells
        for what, groups in (("size", cell.sizes), ("place", cell.places))
        for group in groups
    ]
    head = (*PLACE, "group", "name", "aupro", *rate_columns("regions_found"))
    title = "Defect regions by size and place, at the pixel threshold of the model"
    return StudyTable("regions", title, head, tuple(rows))


def _confusion(analysis: Analysis) -> StudyTable:
    rows = tuple(
        (
            *(*place_of(each.cell), each.kind, "defective" if each.defective else "good"),
            *(each.failed.of - each.failed.count, *rate_values(each.failed)),
        )
        for each in verdicts_by_kind(analysis)
    )
    head = (*PLACE, "kind", "truth", "passed", *rate_columns("failed"))
    return StudyTable("confusion", f"Verdicts of each kind ({analysis.strategy})", head, rows)


def _calibration(analysis: Analysis) -> StudyTable:
    rows = tuple(
        (*place_of(point.cell), point.promised, *rate_values(point.false_alarms))
        for cell in analysis.cells
        for point in calibration_points(cell)
    )
    head = (*PLACE, "promised", *rate_columns("false_alarms"))
    return StudyTable("calibration", "Promised and measured rates of false alarms", head, rows)


def _variants(analysis: Analysis, costs: Sequence[MethodCost]) -> StudyTable:
    methods = list(dict.fromkeys(cell.key.method for cell in analysis.cells))
    rows = []
    for method in methods:
        changes = [
            c
            for c in analysis.changes
            if (c.comparison, c.method, c.metric) == (OPTIONS, method, "image_auroc")
            and c.is_certain
        ]
        rows.append(
            (
                *(varied(method), method),
                *(mean_metric(analysis, method, phase, "image_auroc") for phase in REPORTED_PHASES),
                *(mean_metric(analysis, method, phase, "aupro") for phase in REPORTED_PHASES),
                *(
                    sum((c.value or 0) > 0 for c in changes),
                    sum((c.value or 0) < 0 for c in changes),
                ),
                *(_median(costs, method, name) for name in ("bank_rows", "model_mb", "latency_ms")),
            )
        )
    head = (
        *("varied", "method", *(f"image_auroc_{phase}" for phase in REPORTED_PHASES)),
        *(*(f"aupro_{phase}" for phase in REPORTED_PHASES), "better", "worse"),
        *("bank_rows", "model_mb", "latency_ms"),
    )
    title = (
        "Methods and their variants: means over classes and shifts, and in how many cells the "
        "image AUROC is certainly better and worse than with the default options"
    )
    return StudyTable("variants", title, head, tuple(rows), head[-3:])


def _bank_sizes(analysis: Analysis, costs: Sequence[MethodCost]) -> StudyTable:
    rows = tuple(
        (
            *(cost.class_name, cost.method, cost.bank_rows, cost.model_mb),
            *(
                mean_metric(analysis, cost.method, phase, "image_auroc", cost.class_name)
                for phase in REPORTED_PHASES
            ),
        )
        for cost in costs
        if any(cell.key.class_name == cost.class_name for cell in analysis.cells)
    )
    head = ("class", "method", "bank_rows", "model_mb", *REPORTED_PHASES)
    title = "Size of what a method stores, and its image AUROC (mean over the shifts)"
    return StudyTable("bank_sizes", title, head, rows, ("model_mb",))


def mean_metric(
    analysis: Analysis, method: str, phase: str, metric: str, class_name: str | None = None
) -> float | None:
    """Over the shifts of a phase, of a class or of all; None if no cell defines the metric."""
    values = list(_values(analysis, method, phase, metric, class_name))
    return statistics.fmean(values) if values else None


def _values(
    analysis: Analysis, method: str, phase: str, metric: str, class_name: str | None
) -> Iterator[float]:
    for cell in analysis.cells:
        key = cell.key
        if (key.method, key.phase) == (method, phase) and class_name in (None, key.class_name):
            value = getattr(cell.figures, metric).value
            if value is not None:
                yield value


def _median(costs: Sequence[MethodCost], method: str, name: str) -> float | None:
    values = [getattr(cost, name) for cost in costs if cost.method == method]
    defined = [value for value in values if value is not None]
    return float(statistics.median(defined)) if defined else None


def _costs(costs: Sequence[MethodCost]) -> StudyTable:
    head = (
        *("class", "method", "engines", "fit_s", "engine_mb", "model_mb", "bank_rows"),
        *("latency_p50_ms", "latency_p99_ms"),
    )
    rows = tuple(
        (
            *(c.class_name, c.method, c.engines, c.fit_s, c.engine_mb, c.model_mb, c.bank_rows),
            *(c.latency_ms, c.latency_p99_ms),
        )
        for c in costs
    )
    title = "Time and memory: medians over the engines of a method"
    return StudyTable("costs", title, head, rows, head[3:])


def _shifts() -> StudyTable:
    head = ("shift", "meaning", "unit", *SEVERITIES)
    rows: list[tuple[Value, ...]] = [
        (name, shift.meaning, shift.unit, *map(float, shift.amounts))
        for name, shift in SHIFTS.items()
    ]
    return StudyTable("shifts", "Limits of the shifts", head, tuple(rows), SEVERITIES)
