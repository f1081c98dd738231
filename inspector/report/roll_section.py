"""The roll map of a run in its report."""

from typing import Final

from inspector.core.errors import DataError
from inspector.core.schema import build
from inspector.outputs.options import FourPointOptions
from inspector.report.context import MOST_IN_FULL, ReportContext
from inspector.report.four_points import score_if_enabled
from inspector.report.markup import Markup, element, section
from inspector.report.roll import read_roll
from inspector.report.roll_map import roll_map_pages
from inspector.report.roll_texts import RollWording

MOST_DRAWN: Final = 2000
"""Defects in a map on the page; each takes about 400 bytes."""


def roll_section(context: ReportContext) -> Markup | None:
    """The web with every defect to scale; None without tracking. A click on a defect leads to its
    row, if all defects are in the main file."""
    log, text = context.log, context.text
    if not log.tracked or not log.defects:
        return None
    if len(log.defects) > MOST_DRAWN:
        return section(text("roll_title"), element("p", text("roll_map_file"), class_="note"))
    try:
        roll, header = read_roll(log.folder)
        wording = RollWording(roll, text, context.numbers)
        configured = header["config"].get("output", {}).get("four_points", {})
        options = build(FourPointOptions, configured, DataError)
        _, notes = score_if_enabled(roll, options, wording)
    except DataError as exc:  # such as the log of an older version
        note = element("p", text("no_roll_map", reason=exc), class_="note")
        return section(text("roll_title"), note)
    link = f"#{context.anchor('track-')}" if len(log.defects) <= MOST_IN_FULL else ""
    maps = roll_map_pages(roll, notes=notes, link=link, wording=wording)
    return section(
        text("roll_title"), *(element("figure", Markup(page), class_="roll") for page in maps)
    )
