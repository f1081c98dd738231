"""The page of a study: text, charts, heatmaps and tables."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from inspector.report import html_table
from inspector.report.markup import NARROW_SPACE, Child, Markup, document, element, join, section
from studies.shift import charts
from studies.shift.analysis import COMPARISONS, Analysis
from studies.shift.cells import PHASES, STRATEGIES
from studies.shift.costs import MethodCost
from studies.shift.sentences import Sentence
from studies.shift.sheets import COLOURS, PAGE, Sheet, sheet_picture
from studies.shift.table_files import StudyTable, to_html

MOST_ROWS: Final = 400
"""Rows of a table at the end of the page; its files have all."""

MOST_SHORT_ROWS: Final = 45
"""Rows of a table between the text."""

ANSWERS, STUDIED, LOSSES = "Answers", "What was studied", "What the shifts cost"
GROUPS, THRESHOLDS = "Kinds, sizes and places of defects", "Thresholds and promises"
FAILURES, VARIANTS, COSTS = "Pictures", "Methods and their options", "Time and memory"
LIMITS: Final = "Limits"
NOTES: Final = (
    "A recalibrated phase has a new image threshold. Regions found always use the pixel threshold "
    "of the model.",
    "Shifts are simulated on the pictures. A real camera or lamp can change several things at "
    "once.",
    "A p-value or an interval holds for one comparison. With many comparisons, some differ by "
    "chance.",
)
"""What limits the results, without numbers."""

SECTIONS: Final = (
    *(ANSWERS, STUDIED, LOSSES, GROUPS, THRESHOLDS, FAILURES, VARIANTS, COSTS, LIMITS),
)
"""Titles, in the order of the page."""


@dataclass(frozen=True, slots=True)
class Report:
    """texts: title of a section -> its sentences. short_tables: title of a section -> tables
    between its text, with the names of the tables that they summarize. tables: all, for the end of
    the page."""

    analysis: Analysis
    texts: dict[str, tuple[Sentence, ...]]
    short_tables: dict[str, tuple[StudyTable, ...]]
    tables: tuple[StudyTable, ...]
    costs: tuple[MethodCost, ...]
    sheets: tuple[Sheet, ...]


def make_page(report: Report, *, on_paper: bool = False) -> str:
    """on_paper: without links and without the tables at the end."""
    title = "Domain shift study"
    figures = _figures(report)
    parts = [
        section(
            name,
            *(_paragraph(sentence, on_paper) for sentence in report.texts.get(name, ())),
            *(_short(table, on_paper) for table in report.short_tables.get(name, ())),
            *(element("div", *group, class_="charts") for group in figures.get(name, ()) if group),
            *_pictures(report, name, on_paper),
            *(element("p", note) for note in NOTES if name == LIMITS),
        )
        for name in SECTIONS
        if report.texts.get(name) or any(figures.get(name, ()))
    ]
    parts.append(section("What the words mean", _meanings()))
    if not on_paper:
        parts.append(section("Tables", *map(_table, report.tables)))
    return document(title, element("h1", title), *parts)


def _figures(report: Report) -> dict[str, list[list[Markup]]]:
    """Title of a section -> groups of charts."""
    analysis = report.analysis
    several = len({cell.key.severity for cell in analysis.cells}) > 2
    return {
        LOSSES: [
            list(charts.phase_bars(analysis)),
            list(charts.shift_bars(analysis)),
            list(charts.severity_curves(analysis)) if several else [],
            list(charts.roc_overlays(analysis)),
            list(charts.image_against_pixels(analysis)),
        ],
        THRESHOLDS: [list(charts.calibration_curves(analysis))],
        VARIANTS: [list(charts.bank_sizes(analysis, report.costs))],
    }


def _pictures(report: Report, name: str, on_paper: bool) -> list[Markup]:
    """A picture of each class; the page of the sheets has more."""
    if name != FAILURES or not report.sheets:
        return []
    more = "" if on_paper else element("a", f"More pictures: {PAGE}.", href=PAGE)
    shown = [sheet_picture(sheet, sheet.pictures[0]) for sheet in report.sheets]
    return [element("p", f"{COLOURS} ", more, class_="note"), *shown]


def _paragraph(sentence: Sentence, on_paper: bool) -> Markup:
    name = sentence.file if on_paper else element("a", sentence.file, href=sentence.file)
    return element("p", sentence.text, " [", name, "]")


def _short(table: StudyTable, on_paper: bool) -> Markup:
    rows = [[_unbroken(text) for text in row] for row in table.texts()]
    shown = html_table.table(table.head, rows[:MOST_SHORT_ROWS], table.title)
    left = len(table.rows) - MOST_SHORT_ROWS
    name = table.file if on_paper else element("a", table.file, href=table.file)
    more = f"; {left} more rows are there" if left > 0 else ""
    return join(shown, element("p", "From ", name, more, ".", class_="note"))


def _unbroken(text: str) -> str:
    """A line is broken before an interval or a p-value, not within it."""
    for word in (" to ", " of "):
        text = text.replace(word, word.replace(" ", NARROW_SPACE))
    return text.replace("(p ", f"(p{NARROW_SPACE}")


def _table(table: StudyTable) -> Markup:
    shown = dataclasses.replace(table, rows=table.rows[:MOST_ROWS])
    files = [element("a", "CSV", href=table.file)]
    files.append(element("a", "LaTeX", href=table.file.removesuffix("csv") + "tex"))
    left = len(table.rows) - len(shown.rows)
    more = f" {left} more rows are in the files." if left else ""
    return join(to_html(shown), element("p", files[0], ", ", files[1], more, class_="note"))


def _meanings() -> Markup:
    words = {**PHASES, **STRATEGIES, **COMPARISONS}
    items: Iterable[Child] = (
        join(element("dt", name), element("dd", text)) for name, text in words.items()
    )
    return element("dl", *items)
