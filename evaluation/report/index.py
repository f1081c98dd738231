"""The page of several classes: a table with links and means."""

from collections.abc import Mapping

from evaluation.report import words
from evaluation.report.markup import Child, Markup, element, joined
from evaluation.report.page import document, section
from evaluation.report.tables import Notes, table
from evaluation.report.texts import percent_of
from evaluation.results import FIGURES, ClassResult, DatasetResult, Mean


def index_page(result: DatasetResult, pages: Mapping[str, str]) -> str:
    """pages: class -> relative address of its page, already quoted for a link."""
    title = f"Evaluation of {words.counted(len(result.classes), 'class', 'classes')}"
    notes = Notes()
    rows = [_row(one, pages, notes) for one in result.classes]
    head = ("class", "false alarms", "misses", *words.FIGURE_NAMES.values())
    mean = ("mean", "", "", *(_mean(one, notes) for one in result.means))
    body = [section("Classes", table(head, [*rows, mean], class_="wide"), notes.listed())]
    if result.failures:
        failed = [(one.name, one.reason) for one in result.failures]
        body.append(section("Not evaluated", table(("class", "why"), failed)))
    kept = ", ".join(result.kept)
    told = f"Taken over from an earlier run with the same engine, pictures and settings: {kept}."
    body.append(section("At the thresholds", table(_RATES, [_rates(c) for c in result.classes])))
    return document(
        title, element("h1", title), *body, element("p", told, class_="note") if kept else None
    )


_RATES = ("class", "engine", "image threshold", "false alarms", "misses", "evaluated")


def _row(one: ClassResult, pages: Mapping[str, str], notes: Notes) -> tuple[Child, ...]:
    at = one.at_threshold
    return (
        element("a", one.name, href=pages[one.name]),
        words.share_of(at.false_alarm_rate),
        words.share_of(at.miss_rate),
        *(notes.figure(getattr(one.figures, name)) for name in FIGURES),
    )


def _rates(one: ClassResult) -> tuple[str, ...]:
    at = one.at_threshold
    return (
        one.name,
        one.engine.name,
        words.score(one.engine.image_threshold),
        percent_of(at.false_alarm_rate),
        percent_of(at.miss_rate),
        one.made_utc,
    )


def _mean(mean: Mean, notes: Notes) -> Markup:
    """Says over how many classes, where not over all."""
    if mean.value is None:
        return element("span", "undefined in every class", class_="undefined")
    over = f"mean over the {mean.defined} of {mean.classes} classes that define it"
    note = f" {notes.number(over)}" if mean.defined < mean.classes else None
    return joined(words.number(mean.value), note)
