"""A table of a study, and how it is written as CSV, LaTeX and HTML."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.formats import fraction
from evaluation.result_files import write_text
from evaluation.results import Rate
from inspector.core.tables import csv_row
from inspector.report import html_table
from inspector.report.markup import Markup
from studies.shift.cells import Cell

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


PLACE: Final = ("class", "method", "phase", "transform", "severity", "fitted_on")
"""Columns that name a cell."""

RATE_ENDS: Final = ("", "_of", "_share", "_low", "_high")
"""Ends of the names of the columns of a rate."""


def place_of(cell: Cell) -> tuple[str, ...]:
    key = cell.key
    names = (key.class_name, key.method, key.phase, key.transform, key.severity)
    return (*names, key.fitted_on)


def rate_columns(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{end}" for end in RATE_ENDS)


def rate_values(rate: Rate | None) -> tuple[Value, ...]:
    if rate is None:
        return (None,) * len(RATE_ENDS)
    return (rate.count, rate.of, rate.share, *(rate.interval or (None, None)))
