"""Writes the report: a page per class, and one over all of them."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from engines.opening import open_engine
from evaluation.files import write_text
from evaluation.report.index import index_page
from evaluation.report.page import class_page
from evaluation.report.views import EngineViews
from evaluation.results import ClassResult, DatasetResult
from learning.datasets.types import ClassData

REPORT: Final = "report.html"


def write_class_report(
    folder: Path, result: ClassResult, engine_path: Path, data: ClassData, *, several: bool
) -> None:
    """The class's report.html, whole or not at all; runs the engine once more on the pictures that
    it shows.

    several: whether a report over all classes will lie in the folder above, to link to. Raises
    SinkError, and SpecError or EngineError where the engine fails.
    """
    settings = result.made_from.settings
    engine = open_engine(
        engine_path,
        backend=settings.backend,
        device=settings.device,
        threads=settings.threads,
    )
    try:
        views = EngineViews(engine, data.tests(), settings.mask_values)
        page = class_page(result, views, f"../{REPORT}" if several else None)
    finally:
        engine.close()
    write_text(folder / REPORT, page)


def write_dataset_report(folder: Path, result: DatasetResult) -> None:
    """The report.html over all classes, whose own lie in the folders of their names. Raises
    SinkError."""
    pages = {one.name: f"{quote(os.fsencode(one.name))}/{REPORT}" for one in result.classes}
    write_text(folder / REPORT, index_page(result, pages))
