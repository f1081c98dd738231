"""Writes the report: a page per class, and one over all of them."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from evaluation.files import write_text
from evaluation.report.index import index_page
from evaluation.report.page import class_page
from evaluation.report.sheets import Viewer
from evaluation.results import ClassResult, DatasetResult

REPORT: Final = "report.html"


def write_class_report(folder: Path, result: ClassResult, view: Viewer, *, several: bool) -> None:
    """The class's report.html, whole or not at all. several: whether a report over all classes will
    lie in the folder above, to link to. Raises SinkError, and what `view` raises for a failing
    engine."""
    write_text(folder / REPORT, class_page(result, view, f"../{REPORT}" if several else None))


def write_dataset_report(folder: Path, result: DatasetResult) -> None:
    """The report.html over all classes, whose own lie in the folders of their names. Raises
    SinkError."""
    pages = {one.name: f"{quote(os.fsencode(one.name))}/{REPORT}" for one in result.classes}
    write_text(folder / REPORT, index_page(result, pages))
