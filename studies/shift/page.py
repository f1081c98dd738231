"""The report of a study: a page with text, charts and tables, and the tables as files."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from evaluation.report.point_charts import Series, draw_points
from evaluation.result_files import write_json, write_text
from evaluation.results import MetricValue
from inspector.report.charts import Bar, Chart, bars, curve
from inspector.report.markup import Markup, document, element, join, section
from learning.datasets.types import ClassData
from studies.shift.analysis import COMPARISONS, Analysis
from studies.shift.cells import ADAPTED, GLOBAL, PHASES, PLAIN, SHIFTED, STRATEGIES, Cell
from studies.shift.costs import read_costs
from studies.shift.running import RUN
from studies.shift.sentences import (
    Sentence,
    describe_costs,
    describe_losses,
    describe_study,
    describe_thresholds,
)
from studies.shift.shifts import SEVERITIES, SHIFTS
from studies.shift.tables import StudyTable, data_table, make_tables, to_html, write_tables

PAGE: Final = "report.html"
ANALYSIS: Final = "analysis.json"
MOST_ROWS: Final = 400
"""Rows of a table on the page; its files have all."""

LIMITS: Final = (
    "All models are fitted with the default options of their method, at a short side of 256 px.",
    "A recalibrated phase has a new image threshold. Regions found always use the pixel threshold "
    "of the model.",
    "Shifts are simulated on the pictures. A real camera or lamp can change several things at "
    "once.",
    "A p-value or an interval holds for one comparison. With many comparisons, some differ by "
    "chance.",
)


def write_report(
    out: Path, analysis: Analysis, classes: Sequence[ClassData] = ()
) -> tuple[Sentence, ...]:
    """Writes report.html, analysis.json and the tables. Returns the sentences of the report.

    out: the folder of a finished study. classes: with the parts of the study. Raises SinkError.
    """
    costs = read_costs(out)
    run: dict[str, float] = json.loads((out / RUN).read_text(encoding="utf-8"))
    tables = (data_table(classes), *make_tables(analysis, costs))
    write_tables(out, tables)
    texts = {
        "What was studied": tuple(describe_study(analysis)),
        "What the shifts cost": tuple(describe_losses(analysis)),
        "Thresholds and promises": tuple(describe_thresholds(analysis)),
        "Time and memory": tuple(describe_costs(costs, run)),
    }
    content = {
        "changes": [dataclasses.asdict(change) for change in analysis.changes],
        "recoveries": [dataclasses.asdict(recovery) for recovery in analysis.recoveries],
        "common_misses": [dataclasses.asdict(miss) for miss in analysis.common_misses],
        "sentences": {
            title: [dataclasses.asdict(each) for each in sentences]
            for title, sentences in texts.items()
        },
    }
    write_json(out / ANALYSIS, content)
    write_text(out / PAGE, make_page(analysis, tables, texts))
    return tuple(sentence for sentences in texts.values() for sentence in sentences)


def make_page(
    analysis: Analysis, tables: Sequence[StudyTable], texts: dict[str, tuple[Sentence, ...]]
) -> str:
    title = "Domain shift study"
    return document(
        title,
        element("h1", title),
        *(section(name, *map(_paragraph, sentences)) for name, sentences in texts.items()),
        section("Charts", element("div", *_charts(analysis), class_="charts")),
        section("What the words mean", _meanings()),
        section("Limits", element("ul", *(element("li", limit) for limit in LIMITS))),
        section("Tables", *map(_table, tables)),
    )


def _paragraph(sentence: Sentence) -> Markup:
    link = element("a", sentence.file, href=sentence.file)
    return element("p", sentence.text, " [", link, "]")


def _table(table: StudyTable) -> Markup:
    shown = dataclasses.replace(table, rows=table.rows[:MOST_ROWS])
    files = [element("a", "CSV", href=table.file)]
    files.append(element("a", "LaTeX", href=table.file.removesuffix("csv") + "tex"))
    left = len(table.rows) - len(shown.rows)
    more = f" {left} more rows are in the files." if left else ""
    return join(to_html(shown), element("p", files[0], ", ", files[1], more, class_="note"))


def _meanings() -> Markup:
    words = {**PHASES, **STRATEGIES, **COMPARISONS}
    shifts = {
        name: f"{shift.meaning} {', '.join(f'{a:g}' for a in shift.amounts)} {shift.unit} "
        f"({', '.join(SEVERITIES)})"
        for name, shift in SHIFTS.items()
    }
    pairs = [*words.items(), *shifts.items()]
    items = (join(element("dt", name), element("dd", text)) for name, text in pairs)
    return element("dl", *items)


def _charts(analysis: Analysis) -> Iterator[Markup]:
    classes = list(dict.fromkeys(cell.key.class_name for cell in analysis.cells))
    for name in classes:
        yield _phase_bars(name, [c for c in analysis.cells if c.key.class_name == name])
    yield from _severity_curves(analysis)
    yield from _scatter(analysis)
    for name in classes:
        yield from _worst_roc(analysis, name)


def _phase_bars(name: str, cells: Sequence[Cell]) -> Markup:
    """One bar for each method and phase: the mean over its shifts."""
    rows = []
    for method in dict.fromkeys(cell.key.method for cell in cells):
        for phase in (PLAIN, SHIFTED, ADAPTED, GLOBAL):
            figures = [
                c.figures.image_auroc
                for c in cells
                if (c.key.method, c.key.phase) == (method, phase)
            ]
            value = _mean(figures)
            text = "undefined" if value is None else f"{value:.4f}, mean of {len(figures)}"
            interval = figures[0].interval if len(figures) == 1 else None
            if figures:
                rows.append(Bar(f"{method}, {phase}", value, interval, text))
    title = f"{name}: image AUROC"
    return bars(Chart(title, "one bar per method and phase", "image AUROC"), rows)


def _severity_curves(analysis: Analysis) -> Iterator[Markup]:
    """Image AUROC against the severity; mean over classes and transforms."""
    severities = [s for s in SEVERITIES if any(c.key.severity == s for c in analysis.cells)]
    places = ["clean", *severities]
    series: list[Series] = []
    for method in dict.fromkeys(cell.key.method for cell in analysis.cells):
        for phase in (SHIFTED, ADAPTED):
            points = []
            for x, severity in enumerate(places):
                this_phase = PLAIN if severity == "clean" else phase
                value = _mean(
                    c.figures.image_auroc
                    for c in analysis.cells
                    if (c.key.method, c.key.phase, c.key.severity) == (method, this_phase, severity)
                )
                if value is not None:
                    points.append((float(x), value))
            if points:
                series.append(Series(f"{method} {phase}", points, len(series)))
    if series:
        chart = Chart(
            "Image AUROC against severity",
            "mean over classes and transforms",
            "severity",
            "image AUROC",
        )
        yield draw_points(chart, series, places=places)


def _scatter(analysis: Analysis) -> Iterator[Markup]:
    series: list[Series] = []
    for method in dict.fromkeys(cell.key.method for cell in analysis.cells):
        points = []
        for cell in analysis.cells:
            x, y = cell.figures.image_auroc.value, cell.figures.pixel_auroc.value
            if cell.key.method == method and x is not None and y is not None:
                points.append((x, y))
        if points:
            series.append(Series(method, points, len(series), line=False))
    if series:
        chart = Chart("Cells", "a point per cell", "image AUROC", "pixel AUROC")
        yield draw_points(chart, series)


def _worst_roc(analysis: Analysis, name: str) -> Iterator[Markup]:
    """The ROC curve of the shifted cell with the lowest AUROC, with that of the same model on
    clean pictures as the dashed line."""
    cells = [
        c
        for c in analysis.cells
        if (c.key.class_name, c.key.phase) == (name, SHIFTED)
        and c.figures.image_auroc.value is not None
    ]
    if not cells:
        return
    worst = min(cells, key=lambda cell: cell.figures.image_auroc.value or 0.0)
    plain = analysis.find(PLAIN, worst, clean=True)
    if worst.roc is None or plain is None or plain.roc is None:
        return
    key = worst.key
    chart = Chart(
        f"{name}: ROC of {key.method}, {key.transform} {key.severity}; dashed: clean",
        "true-positive rate against false-positive rate",
        "false-positive rate",
        "true-positive rate",
    )
    points = [list(zip(c.roc.x, c.roc.y, strict=True)) for c in (worst, plain) if c.roc is not None]
    yield curve(chart, points[0], chance=points[1])


def _mean(figures: Iterable[MetricValue]) -> float | None:
    values = [figure.value for figure in figures if figure.value is not None]
    return statistics.fmean(values) if values else None
