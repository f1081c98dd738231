"""The charts of a study."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from evaluation.formats import fraction
from evaluation.report.point_charts import Series, draw_points
from evaluation.results import MetricValue
from inspector.report.charts import Bar, Chart, bars
from inspector.report.markup import Markup
from studies.shift.analysis import DEGRADATION, Analysis
from studies.shift.calibration import PROMISES, calibration_points, pool
from studies.shift.cells import ADAPTED, GLOBAL, PLAIN, RECALIBRATED, SHIFTED, Cell
from studies.shift.costs import MethodCost
from studies.shift.group_tables import REPORTED_PHASES, mean_metric
from studies.shift.shifts import CLEAN, SEVERITIES

MOST_CURVES: Final = 12
"""ROC charts: those of the classes and methods with the largest losses."""


def phase_bars(analysis: Analysis) -> Iterator[Markup]:
    """A chart per class. One bar for each method and phase: the mean over its shifts. Of the global
    models, the tests under shift are shown."""
    for name in class_names(analysis):
        cells = [cell for cell in analysis.cells if cell.key.class_name == name]
        rows = []
        for method in analysis.methods:
            for phase in (PLAIN, SHIFTED, ADAPTED, GLOBAL):
                figures = [
                    c.figures.image_auroc
                    for c in cells
                    if (c.key.method, c.key.phase) == (method, phase)
                    and (phase != GLOBAL or c.key.transform != CLEAN)
                ]
                value = _mean(figures)
                text = "undefined" if value is None else f"{value:.4f}"
                text += f", mean of {len(figures)}" if len(figures) > 1 else ""
                interval = figures[0].interval if len(figures) == 1 else None
                if figures:
                    rows.append(Bar(f"{method}, {phase}", value, interval, text))
        title = f"{name}: image AUROC"
        yield bars(Chart(title, "one bar per method and phase", "image AUROC"), rows)


def roc_overlays(analysis: Analysis) -> Iterator[Markup]:
    """The ROC curves of the phases in one chart per class and method, for the shift that costs this
    method most; at most MOST_CURVES charts."""
    worst: dict[tuple[str, str], tuple[float, Cell]] = {}
    cells = {cell.key.file: cell for cell in analysis.cells}
    for change in analysis.changes:
        place = (change.class_name, change.method)
        if (change.comparison, change.metric) != (DEGRADATION, "image_auroc"):
            continue
        if change.method not in analysis.methods:
            continue
        if change.value is not None and change.value < worst.get(place, (2.0,))[0]:
            worst[place] = (change.value, cells[change.second])
    largest = sorted(worst, key=lambda place: worst[place][0])[:MOST_CURVES]
    for place in (place for place in worst if place in largest):
        yield from _roc(analysis, worst[place][1])


def _roc(analysis: Analysis, shifted: Cell) -> Iterator[Markup]:
    key = shifted.key
    shown = {
        PLAIN: analysis.find(PLAIN, shifted, clean=True),
        SHIFTED: shifted,
        ADAPTED: analysis.find(ADAPTED, shifted),
        GLOBAL: analysis.find(GLOBAL, shifted),
    }
    series = [
        Series(phase, list(zip(cell.roc.x, cell.roc.y, strict=True)), number, dots=False)
        for number, (phase, cell) in enumerate(shown.items())
        if cell is not None and cell.roc is not None
    ]
    if series:
        title = f"{key.class_name}, {key.method}: ROC, {key.transform} {key.severity}"
        text = "true-positive rate against false-positive rate, a line per phase"
        yield draw_points(Chart(title, text, "false-positive rate", "true-positive rate"), series)


def severity_curves(analysis: Analysis) -> Iterator[Markup]:
    """Image AUROC against the severity in a chart per method; means over classes and shifts."""
    severities = [s for s in SEVERITIES if any(c.key.severity == s for c in analysis.cells)]
    places = [CLEAN, *severities]
    for method in analysis.methods:
        series: list[Series] = []
        for phase in (SHIFTED, ADAPTED, GLOBAL):
            points = []
            for x, severity in enumerate(places):
                this_phase = PLAIN if severity == CLEAN and phase != GLOBAL else phase
                place = (method, this_phase, severity)
                cells = [c for c in analysis.cells if _severity_place(c) == place]
                value = _mean(cell.figures.image_auroc for cell in cells)
                if value is not None:
                    points.append((float(x), value))
            if points:
                series.append(Series(phase, points, len(series)))
        if series:
            title = f"{method}: image AUROC by severity"
            text = f"{title}; mean over classes and shifts"
            yield draw_points(Chart(title, text, "severity", "image AUROC"), series, places=places)


def _severity_place(cell: Cell) -> tuple[str, str, str]:
    return (cell.key.method, cell.key.phase, cell.key.severity)


def image_against_pixels(analysis: Analysis) -> Iterator[Markup]:
    """A chart per method, a point per cell. None without masks."""
    for method in analysis.methods:
        series = []
        for number, phase in enumerate(REPORTED_PHASES):
            figures = [
                (c.figures.image_auroc.value, c.figures.pixel_auroc.value)
                for c in analysis.cells
                if (c.key.method, c.key.phase) == (method, phase)
            ]
            points = [(x, y) for x, y in figures if x is not None and y is not None]
            if points:
                series.append(Series(phase, points, number, line=False))
        if series:
            title = f"{method}: image and pixel AUROC"
            chart = Chart(title, f"{title}; a point per cell", "image AUROC", "pixel AUROC")
            yield draw_points(chart, series)


def calibration_curves(analysis: Analysis) -> Iterator[Markup]:
    """The measured rate of false alarms against the promised one, a chart per method; over all
    classes and shifts."""
    for method in analysis.methods:
        series = [Series("promise", [(p, p) for p in PROMISES], 5, dots=False)]
        for number, phase in enumerate((PLAIN, SHIFTED, RECALIBRATED, ADAPTED)):
            points = [
                point
                for cell in analysis.cells
                if (cell.key.method, cell.key.phase) == (method, phase)
                for point in calibration_points(cell)
            ]
            if points:
                series.append(Series(phase, pool(points), number))
        if len(series) > 1:
            title = f"{method}: rate of false alarms"
            text = (
                f"{title}, promised and measured; all classes and shifts together, a line per phase"
            )
            yield draw_points(Chart(title, text, "promised rate", "measured rate"), series)


def bank_sizes(analysis: Analysis, costs: Sequence[MethodCost]) -> Iterator[Markup]:
    """Image AUROC against the number of rows in the bank; a chart per class, a point per method and
    phase. None if all banks of a class have the same size."""
    for name in class_names(analysis):
        rows = {
            cost.method: cost.bank_rows
            for cost in costs
            if cost.class_name == name and cost.bank_rows is not None
        }
        if len(set(rows.values())) < 2:
            continue
        series = []
        for number, phase in enumerate(REPORTED_PHASES):
            values = [
                (n, mean_metric(analysis, m, phase, "image_auroc", name)) for m, n in rows.items()
            ]
            points = [(float(count), value) for count, value in values if value is not None]
            if points:
                series.append(Series(phase, points, number, line=False))
        if series:
            title = f"{name}: image AUROC by size of the bank"
            text = (
                f"{title}; {', '.join(f'{method} {count} rows' for method, count in rows.items())}"
            )
            yield draw_points(Chart(title, text, "rows of the bank", "image AUROC"), series)


def shift_bars(analysis: Analysis) -> Iterator[Markup]:
    """A chart per method: the mean image AUROC of each shift, over classes and severities."""
    for method in analysis.methods:
        transforms = dict.fromkeys(
            cell.key.transform for cell in analysis.cells if cell.key.phase == SHIFTED
        )
        rows = []
        for transform in transforms:
            values = [
                cell.figures.image_auroc
                for cell in analysis.cells
                if (cell.key.method, cell.key.phase, cell.key.transform)
                == (method, SHIFTED, transform)
            ]
            value = _mean(values)
            text = "undefined" if value is None else fraction(value)
            rows.append(Bar(transform, value, None, text))
        title = f"{method}: image AUROC of each shift"
        yield bars(Chart(title, f"{title}; mean over classes and severities", "image AUROC"), rows)


def class_names(analysis: Analysis) -> list[str]:
    return list(dict.fromkeys(cell.key.class_name for cell in analysis.cells))


def _mean(figures: Iterable[MetricValue]) -> float | None:
    values = [figure.value for figure in figures if figure.value is not None]
    return statistics.fmean(values) if values else None
