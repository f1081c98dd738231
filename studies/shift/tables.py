"""The tables of a study, as CSV, LaTeX and HTML."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.formats import fraction
from evaluation.result_files import write_text
from evaluation.results import MetricValue, Rate
from inspector.core.tables import csv_row
from inspector.report import html_table
from inspector.report.markup import Markup
from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData
from studies.shift.analysis import COMPARED, Analysis, misses_by_group
from studies.shift.cells import ADAPTED, GLOBAL, PLAIN, SHIFTED, Cell
from studies.shift.costs import MethodCost

FOLDER: Final = "tables"
Value = str | float | int | None

_LATEX: Final = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


@dataclass(frozen=True, slots=True)
class StudyTable:
    """name: of its files. rows: plain values; floats are shares from -1 to 1 unless their column is
    one of `plain`. None is a value that is undefined."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    plain: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Its CSV file, below the folder of the study."""
        return f"{FOLDER}/{self.name}.csv"

    def texts(self) -> Iterator[tuple[str, ...]]:
        """The rows as a reader sees them."""
        for row in self.rows:
            yield tuple(self._text(*cell) for cell in zip(self.head, row, strict=True))

    def _text(self, column: str, value: Value) -> str:
        if value is None:
            return "-"
        if isinstance(value, float):
            return f"{value:.4g}" if column in self.plain else fraction(value)
        return str(value)


def make_tables(analysis: Analysis, costs: Sequence[MethodCost]) -> tuple[StudyTable, ...]:
    return (
        _overview(analysis),
        _results(analysis),
        _verdicts(analysis),
        _changes(analysis),
        _recovery(analysis),
        _promises(analysis),
        _misses(analysis),
        _regions(analysis),
        _common_misses(analysis),
        _costs(costs),
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


def write_tables(out: Path, tables: Iterable[StudyTable]) -> None:
    """Writes a CSV and a LaTeX file of each table. Raises SinkError."""
    for table in tables:
        rows = [table.head, *table.rows]
        write_text(out / table.file, "".join(csv_row(row) for row in rows))
        write_text((out / table.file).with_suffix(".tex"), to_latex(table))


def to_html(table: StudyTable) -> Markup:
    return html_table.table(table.head, table.texts(), table.title, class_="wide")


def to_latex(table: StudyTable) -> str:
    """A longtable; it needs the package of this name."""
    lines = [
        f"\\begin{{longtable}}{{{'l' * len(table.head)}}}",
        f"\\caption{{{_escape(table.title)}}}\\\\",
        "\\hline",
        f"{_latex_row(table.head)}\n\\hline\\endhead",
        *map(_latex_row, table.texts()),
        "\\hline",
        "\\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(_escape, cells)) + " \\\\"


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


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
                _with_interval(None if c is None else getattr(c.figures, metric)) for c in others
            ]
            key = cell.key
            place = (key.class_name, key.method, key.transform, key.severity)
            rows.append((*place, metric, *texts))
    title = (
        "Metrics with 95 % intervals, clean, shifted, adapted and with one model for all classes"
    )
    return StudyTable("overview", title, head, tuple(rows))


def _with_interval(metric: MetricValue | None) -> str | None:
    if metric is None or metric.value is None:
        return None
    if metric.interval is None:
        return fraction(metric.value)
    low, high = metric.interval
    return f"{fraction(metric.value)} ({fraction(low)} to {fraction(high)})"


_PLACE: Final = ("class", "method", "phase", "transform", "severity", "fitted_on")


def _place(cell: Cell) -> tuple[str, ...]:
    key = cell.key
    return (
        *(key.class_name, key.method, key.phase, key.transform, key.severity),
        key.fitted_on,
    )


def _results(analysis: Analysis) -> StudyTable:
    columns = [(m, f"{m}_low", f"{m}_high") for m in COMPARED]
    head = (*_PLACE, "good", "defective", "errors", *(name for each in columns for name in each))
    rows: list[tuple[Value, ...]] = []
    for cell in analysis.cells:
        values: list[Value] = []
        for metric in COMPARED:
            figure: MetricValue = getattr(cell.figures, metric)
            values += [figure.value, *(figure.interval or (None, None))]
        rows.append((*_place(cell), cell.good, cell.defective, cell.errors, *values))
    return StudyTable("results", "Metrics of every cell", head, tuple(rows))


def _verdicts(analysis: Analysis) -> StudyTable:
    rows: list[tuple[Value, ...]] = []
    for cell in analysis.cells:
        for result in cell.strategies:
            rates = (*_rate(result.false_alarms), *_rate(result.misses))
            rows.append((*_place(cell), result.name, result.threshold, *rates, result.reason))
    names = [f"{what}{end}" for what in ("false_alarms", "misses") for end in _RATE_ENDS]
    head = (*_PLACE, "strategy", "threshold", *names, "reason")
    title = "False alarms and misses of every threshold strategy, with exact 95 % intervals"
    return StudyTable("verdicts", title, head, tuple(rows), ("threshold",))


_RATE_ENDS: Final = ("", "_of", "_share", "_low", "_high")


def _rate(rate: Rate | None) -> tuple[Value, ...]:
    if rate is None:
        return (None,) * len(_RATE_ENDS)
    return (rate.count, rate.of, rate.share, *(rate.interval or (None, None)))


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
    head = (*_PLACE, "promised", *(f"false_alarms{end}" for end in _RATE_ENDS), "broken")
    rows = tuple(
        (*_place(c.cell), c.promised, *_rate(c.false_alarms), "yes" if c.broken else "no")
        for c in analysis.promises
    )
    title = "Promised rate of false alarms (conformal) and the rate on the test pictures"
    return StudyTable("promises", title, head, rows)


def _misses(analysis: Analysis) -> StudyTable:
    groups = [g for name in ("kind", "size") for g in misses_by_group(analysis, name)]
    head = (*_PLACE, "group", "name", *(f"misses{end}" for end in _RATE_ENDS))
    rows = tuple((*_place(g.cell), g.group, g.name, *_rate(g.misses)) for g in groups)
    title = f"Misses by kind and by size of the largest defect of a picture ({analysis.strategy})"
    return StudyTable("misses", title, head, rows)


def _regions(analysis: Analysis) -> StudyTable:
    rows = [
        (*_place(cell), what, group.name, group.aupro.value, group.found.count, group.found.of)
        for cell in analysis.cells
        for what, groups in (("size", cell.sizes), ("place", cell.places))
        for group in groups
    ]
    head = (*_PLACE, "group", "name", "aupro", "regions_found", "regions")
    title = "Defect regions by size and place, at the pixel threshold of the model"
    return StudyTable("regions", title, head, tuple(rows))


def _common_misses(analysis: Analysis) -> StudyTable:
    head = ("class", "phase", "transform", "severity", "picture", "kind", "size", "methods")
    rows = tuple(
        (m.class_name, m.phase, m.transform, m.severity, m.picture, m.kind, m.size, m.methods)
        for m in analysis.common_misses
    )
    title = f"Defective pictures that every method misses ({analysis.strategy})"
    return StudyTable("common_misses", title, head, rows)


def _costs(costs: Sequence[MethodCost]) -> StudyTable:
    head = ("class", "method", "engines", "fit_s", "engine_mb", "latency_p50_ms")
    rows = tuple(
        (c.class_name, c.method, c.engines, c.fit_s, c.engine_mb, c.latency_ms) for c in costs
    )
    title = "Time and memory: medians over the engines of a method"
    return StudyTable("costs", title, head, rows, ("fit_s", "engine_mb", "latency_p50_ms"))
