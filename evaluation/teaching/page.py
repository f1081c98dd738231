"""Writes the page of a comparison: thresholds, promises, and pictures with another verdict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2

from engines.pictures import decode_picture, reading_for
from evaluation.report.panels import encode_panel
from evaluation.teaching.comparison import EngineComparison, ScoredTwice, list_caught
from evaluation.teaching.wording import (
    BY_SCORE,
    describe_changes,
    describe_picture,
    describe_promise,
)
from inspector.core.errors import SinkError
from inspector.core.files import write_whole
from inspector.report.html_table import table
from inspector.report.markup import Markup, document, element, section

MOST_SHOWN: Final = 60
"""Pictures of each section."""

SIDE_PX: Final = 320
"""Longer side of a picture."""


def write_page(comparison: EngineComparison, path: Path, notes: Sequence[str]) -> None:
    """The page holds its pictures and loads nothing from elsewhere. notes: more sentences about the
    candidate. Raises SinkError."""
    before, after = comparison.before, comparison.after
    title = f"Candidate of {before.name}"
    rows = [
        (name, f"{getattr(before, key):.4g}", f"{getattr(after, key):.4g}")
        for name, key in (
            ("image threshold", "image_threshold"),
            ("pixel threshold", "pixel_threshold"),
        )
    ]
    counts = [str(spec.trained_on["count"]) for spec in (before, after)]
    promises = ["; ".join(describe_promise(spec)) for spec in (before, after)]
    text = document(
        title,
        element("h1", title),
        element(
            "div",
            *(element("p", line) for line in describe_changes(comparison)),
            class_="findings",
        ),
        element("div", *(element("p", note) for note in notes), class_="warn") if notes else None,
        section(
            "Thresholds and promise",
            table(
                ("", "engine", "candidate"),
                [("good pictures", *counts), *rows, ("promise", *promises)],
            ),
        ),
        section(
            "Other verdicts",
            element("p", BY_SCORE, class_="note"),
            *_sheets(comparison, comparison.changed),
        ),
        section(
            "Missed defects",
            *(
                element("p", f"{each.picture.label}: {text}")
                for each, text in list_caught(comparison)
            ),
            *_sheets(comparison, comparison.missed),
        )
        if comparison.missed
        else None,
    )
    write_whole(path, text.encode("utf-8", "backslashreplace"), "page ", SinkError)


def _sheets(comparison: EngineComparison, pictures: Sequence[ScoredTwice]) -> list[Markup]:
    if not pictures:
        return [element("p", "No picture has another verdict.")]
    sheets = [_sheet(comparison, each) for each in pictures[:MOST_SHOWN]]
    if len(pictures) > MOST_SHOWN:
        sheets.append(element("p", f"{len(pictures) - MOST_SHOWN} more are in the JSON file."))
    return sheets


def _sheet(comparison: EngineComparison, scored: ScoredTwice) -> Markup:
    reading = reading_for(comparison.after)
    image = decode_picture(scored.picture.path, reading=reading)
    scale = SIDE_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    panel = encode_panel(small, describe_picture(comparison, scored))
    width, height = panel.size
    picture = element("img", src=panel.uri, width=width, height=height, alt=panel.caption)
    figure = element("figure", picture, element("figcaption", panel.caption))
    return element("div", element("div", figure, class_="panels"), class_="sheet")
