"""Writes the page that says how the method and the settings of an engine were chosen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engines.description import describe_settings
from engines.spec_fields import Selection, SelectionCandidate
from evaluation.formats import percent
from evaluation.report.selection_pictures import good_pictures, real_defects, simulated_defects
from inspector.core.files import write_whole
from inspector.report.charts import Bar, Chart, bars
from inspector.report.markup import Markup, document, element, section
from learning.selection.candidates import DEFAULT
from learning.selection.choosing import Choice

MOST_BARS: Final = 8

LIMITS: Final = (
    "What this does not show: simulated defects are not your defects. They compare settings on "
    "your own good pictures, but the shares here do not say how many real defects will be found. "
)
ADVICE: Final = (
    "If you have pictures of real defects, fit again with --anomalous, or evaluate the engine on "
    "them."
)
FEW: Final = (
    "The real defects are few, and they chose the settings. Evaluate the engine on other pictures "
    "of defects."
)


def write_selection_page(path: Path, name: str, choice: Choice) -> None:
    """name: of the engine. The page holds its pictures and loads nothing from elsewhere."""
    title = f"{name}: how method and settings were chosen"
    text = document(
        title,
        element("h1", title),
        element("p", f"Chosen: {choice.selection.reason}.", class_="findings"),
        element("p", LIMITS + (ADVICE if choice.trial.real is None else FEW)),
        _candidates(choice.selection),
        simulated_defects(choice),
        real_defects(choice),
        good_pictures(choice),
    )
    write_whole(path, text.encode())


def _candidates(selection: Selection) -> Markup:
    """A chart of the best settings, and a table of all."""
    used = selection.candidates[selection.chosen]
    tried = sorted(
        (each for each in selection.candidates if each.score is not None),
        key=lambda each: (-(each.score or 0.0), each.seconds or 0.0),
    )
    skipped = [each for each in selection.candidates if each.score is None]
    best = [
        each
        for rank, each in enumerate(tried)
        if rank < MOST_BARS or each is used or _is_default(each)
    ]
    rows = [_row(each, "used in the engine" if each is used else "") for each in tried]
    rows += [_row(each, f"not tried: {each.note}") for each in skipped]
    budget = selection.budget_seconds
    limit = "" if budget is None else f" The time limit for starting a trial was {budget:g} s."
    head = element("tr", *(element("th", text) for text in ("settings", "figure", "time", "note")))
    table = element("table", element("thead", head), element("tbody", *rows))
    return section(
        "What was tried",
        element("p", f"The figure is the {selection.criterion}.{limit}"),
        bars(
            Chart("The best settings and the default", _describe(best), "figure"),
            [Bar(_name(each, used), each.score, text=percent(each.score or 0.0)) for each in best],
        ),
        element("div", table, class_="scroll"),
    )


def _is_default(candidate: SelectionCandidate) -> bool:
    return (candidate.method, candidate.settings) == (DEFAULT.method, DEFAULT.settings)


def _name(candidate: SelectionCandidate, used: SelectionCandidate) -> str:
    marks = [
        mark
        for mark, holds in (("used", candidate is used), ("default", _is_default(candidate)))
        if holds
    ]
    name = describe_settings(candidate.method, candidate.settings)
    return f"{name} [{', '.join(marks)}]" if marks else name


def _describe(candidates: Sequence[SelectionCandidate]) -> str:
    return "; ".join(
        f"{describe_settings(each.method, each.settings)}: {percent(each.score or 0.0)}"
        for each in candidates
    )


def _row(candidate: SelectionCandidate, note: str) -> Markup:
    default = "the default" if _is_default(candidate) else ""
    cells = (
        "-" if candidate.score is None else percent(candidate.score),
        "-" if candidate.seconds is None else f"{candidate.seconds:.1f} s",
        ", ".join(filter(None, (note, default))),
    )
    name = element("th", describe_settings(candidate.method, candidate.settings), scope="row")
    return element("tr", name, *(element("td", cell) for cell in cells))
