"""The page with all inspections, and the filter for it."""

from collections.abc import Mapping, Sequence
from typing import Final

from inspector.report.markup import Markup, element
from inspector.store.feedback import FINE, MISSED
from inspector.store.filters import ANY, HistoryFilter
from inspector.store.history import InspectionRow, VerdictCount
from inspector.store.log_rows import CHECK, PRODUCTION, VERDICTS
from inspector.web.fields import choice_field, text_field, time_field
from inspector.web.layout import (
    address,
    button,
    field,
    note,
    number,
    select,
    table,
    time_text,
    verdict_badge,
)
from inspector.web.live_page import frame_address

PAGE: Final = 50
"""Inspections on one page."""

_BOTH: Final = "all"
_FEEDBACK: Final = (FINE, MISSED, ANY)


def read_filter(query: Mapping[str, str]) -> HistoryFilter:
    """The filter of an address. Raises FieldError."""

    def several(value: str) -> tuple[str, ...]:
        return (value,) if value else ()

    kind = choice_field(query, "kind", (PRODUCTION, CHECK, _BOTH), PRODUCTION)
    return HistoryFilter(
        from_utc=time_field(query, "from"),
        to_utc=time_field(query, "to"),
        sources=several(text_field(query, "source")),
        recipes=several(text_field(query, "recipe")),
        verdicts=several(choice_field(query, "verdict", VERDICTS)),
        part_id=text_field(query, "part") or None,
        serial=text_field(query, "serial") or None,
        lot=text_field(query, "lot") or None,
        run_id=text_field(query, "run") or None,
        kind=None if kind == _BOTH else kind,
        feedback=choice_field(query, "feedback", _FEEDBACK) or None,
    )


def history_parts(
    query: Mapping[str, str],
    rows: Sequence[InspectionRow],
    sources: Sequence[str],
    counts: VerdictCount | None,
) -> list[Markup]:
    """query: of the address. rows: at most PAGE + 1, the newest first. counts: of all inspections
    of the filter; None if there are none."""
    total = "0 frames"
    if counts is not None:
        frames = counts.passed + counts.failed + counts.errored
        total = (
            f"{frames} frames: {counts.passed} PASS, {counts.failed} FAIL, {counts.errored} ERROR"
        )
    return [
        _filter_form(query, sources),
        element("p", total, role="status"),
        history_table(rows[:PAGE]) if rows else note("No frame matches this filter."),
        _turn_pages(query, rows),
    ]


def history_table(rows: Sequence[InspectionRow]) -> Markup:
    head = ("Time (UTC)", "Frame", "Verdict", "Camera", "Score", "Defects", "Longest")
    return table(
        "Inspected frames, the newest first",
        (*head, "Part", "Serial", "Lot", "Recipe", "Feedback"),
        (
            (
                time_text(row.wall_time_utc),
                element("a", str(row.frame_id), href=frame_address(row)),
                verdict_badge(row.verdict),
                row.source,
                number(row.score),
                str(row.defects),
                _length(row),
                row.part_id or "-",
                row.serial or "-",
                row.lot or "-",
                row.recipe_id or "-",
                row.feedback or "-",
            )
            for row in rows
        ),
    )


def _length(row: InspectionRow) -> str:
    return "-" if row.worst_length is None else f"{number(row.worst_length, 3)} {row.size_unit}"


def _filter_form(query: Mapping[str, str], sources: Sequence[str]) -> Markup:
    def text(label: str, name: str, kind: str = "text") -> Markup:
        return field(label, name, type=kind, value=query.get(name), maxlength="200")

    def choose(label: str, name: str, values: Sequence[str], default: str = "") -> Markup:
        choices = [(value, value) for value in values]
        return select(label, name, [("", "all"), *choices], query.get(name, default))

    kinds = ((PRODUCTION, PRODUCTION), (CHECK, "routine checks"), (_BOTH, "both"))
    return element(
        "form",
        text("From (UTC)", "from", "datetime-local"),
        text("To (UTC)", "to", "datetime-local"),
        choose("Camera", "source", sources),
        choose("Verdict", "verdict", VERDICTS),
        text("Part", "part"),
        text("Serial", "serial"),
        text("Lot", "lot"),
        text("Recipe", "recipe"),
        choose("Feedback", "feedback", _FEEDBACK),
        select("Kind", "kind", kinds, query.get("kind", PRODUCTION)),
        element("input", type="hidden", name="run", value=query["run"])
        if query.get("run")
        else None,
        button("Show"),
        method="get",
        action="/history",
        class_="filter",
        role="search",
        aria_label="Filter",
    )


def _turn_pages(query: Mapping[str, str], rows: Sequence[InspectionRow]) -> Markup:
    others = {name: value for name, value in query.items() if name != "before"}
    newest = older = None
    if query.get("before"):
        newest = element("a", "Newest", href=address("/history", **others))
    if len(rows) > PAGE:
        last = rows[PAGE - 1].number
        older = element("a", "Older", href=address("/history", **others, before=last), rel="next")
    return element("nav", newest, " ", older, aria_label="Pages of the history", class_="pages")
