"""The page of one frame: pictures, score, defects, and feedback."""

from collections.abc import Mapping, Sequence
from typing import Any

from inspector.core.records import COVERAGE_FACTOR
from inspector.report.markup import Markup, element
from inspector.store.feedback import FINE, MISSED, WITHDRAWN, Feedback
from inspector.store.history import InspectionRow
from inspector.web.layout import (
    LOCKED_NOTE,
    Visitor,
    address,
    button,
    facts,
    form,
    note,
    number,
    table,
    time_text,
    verdict_badge,
    who_field,
    why_field,
)
from inspector.web.live_page import frame_address

ANSWER_TEXTS = {FINE: "This was fine", MISSED: "This was missed", WITHDRAWN: "Withdrawn"}


def frame_parts(
    row: InspectionRow,
    defects: Sequence[Mapping[str, Any]],
    reason: str | None,
    feedback: Sequence[Feedback],
    visitor: Visitor,
    *,
    locked: bool,
) -> list[Markup | None]:
    """reason: the sentence of the log about the verdict."""
    return [
        element(
            "p",
            verdict_badge(row.verdict),
            " ",
            score_text(row),
            class_="status",
        ),
        element("p", row.error, class_="problem") if row.error else None,
        element("p", reason) if reason else None,
        _pictures(row),
        _facts(row),
        _feedback(row, feedback, visitor, locked=locked),
        _defects(defects),
    ]


def score_text(row: InspectionRow) -> str:
    """The score beside its threshold."""
    if row.score is None or row.image_threshold is None:
        return "This frame has no score."
    sign = "reaches" if row.score >= row.image_threshold else "is below"
    return f"The score {number(row.score)} {sign} the threshold {number(row.image_threshold)}."


def _pictures(row: InspectionRow) -> Markup:
    titles = (
        ("snapshot", row.snapshot, "Frame, and frame with its heat map"),
        ("original", row.original, "Frame as it was inspected"),
    )
    figures = []
    for kind, path, title in titles:
        if path is not None:
            source = address("/picture", row.run_id, row.source, row.frame_id, kind)
            image = element("img", src=source, alt=f"{title}: {row.source}, frame {row.frame_id}")
            figures.append(
                element("figure", element("a", image, href=source), element("figcaption", title))
            )
    if not figures:
        return note("No picture of this frame is saved.")
    return element("div", *figures, class_="pictures")


def _facts(row: InspectionRow) -> Markup:
    run = element("a", row.run_id, href=address("/history", run=row.run_id, kind="all"))
    neighbours = [
        element("a", text, href=address("/frame", row.run_id, row.source, row.frame_id + step))
        for step, text in ((-1, "Previous frame"), (1, "Next frame"))
        if row.frame_id + step >= 0
    ]
    return element(
        "section",
        facts(
            (
                ("Time (UTC)", time_text(row.wall_time_utc)),
                ("Camera", row.source),
                ("Part", row.part_id),
                ("Serial", row.serial),
                ("Lot", row.lot),
                ("Shift", row.shift),
                ("Operator", row.operator),
                ("Recipe", row.recipe_id),
                ("Cause", row.cause),
                ("Pixel threshold", number(row.pixel_threshold)),
                ("Run", run),
            )
        ),
        element("nav", *neighbours, aria_label="Neighbouring frames", class_="pages"),
    )


def _defects(defects: Sequence[Mapping[str, Any]]) -> Markup:
    if not defects:
        return note("No defect is outlined in this frame.")
    unit = defects[0]["unit"]
    area_unit = "mm2" if unit == "mm" else "px2"
    return element(
        "section",
        element("h2", "Defects"),
        table(
            "Defects, with the expanded uncertainty U (k = 2)",
            (
                "Number",
                "Severity",
                f"Length ({unit})",
                f"Width ({unit})",
                f"Area ({area_unit})",
                "Peak score",
            ),
            (
                (
                    str(defect["defect_id"]),
                    str(defect["severity"]),
                    size_with_u(defect, "length"),
                    size_with_u(defect, "width"),
                    size_with_u(defect, "area"),
                    number(defect["peak_score"]),
                )
                for defect in defects
            ),
        ),
    )


def size_with_u(defect: Mapping[str, Any], name: str) -> str:
    """A size with its expanded uncertainty, such as 1.23 ± 0.05."""
    size, standard = defect[name], defect[f"{name}_u"]
    if size is None:
        return "-"
    if standard is None:
        return f"{number(size, 3)} (U not known)"
    return f"{number(size, 3)} ± {number(COVERAGE_FACTOR * standard, 2)}"


def _feedback(
    row: InspectionRow, feedback: Sequence[Feedback], visitor: Visitor, *, locked: bool
) -> Markup:
    answers = [
        element(
            "li",
            element("strong", ANSWER_TEXTS[entry.answer]),
            f" - {entry.who}, ",
            time_text(entry.wall_time_utc),
            f" UTC{': ' + entry.note if entry.note else ''}",
        )
        for entry in feedback
    ]
    choices = [
        button(text, disabled=locked, name="answer", value=answer)
        for answer, text in ANSWER_TEXTS.items()
        if answer != "withdrawn"
    ]
    withdraw = None
    if feedback and feedback[0].answer != "withdrawn":
        withdraw = button(
            "Withdraw the answer", plain=True, disabled=locked, name="answer", value="withdrawn"
        )
    hidden = {"run_id": row.run_id, "source": row.source, "frame_id": row.frame_id}
    return element(
        "section",
        element("h2", "Feedback"),
        element("ul", *answers) if answers else note("Nobody has answered yet."),
        note(LOCKED_NOTE) if locked else None,
        form(
            "/api/feedback",
            visitor,
            *(element("input", type="hidden", name=k, value=v) for k, v in hidden.items()),
            element("input", type="hidden", name="back", value=frame_address(row)),
            who_field(visitor, disabled=locked),
            why_field("Note", "note", disabled=locked, required=False),
            element("div", *choices, withdraw, class_="buttons"),
            aria_label="Feedback",
        ),
        id="feedback",
    )
