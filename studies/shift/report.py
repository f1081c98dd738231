"""Writes the report of a study: the page, its PDF, the heatmaps, the tables and the analysis."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from evaluation.result_files import write_json, write_text
from inspector.report.pdf import PdfStyle, write_pdf
from learning.datasets.types import ClassData
from studies.shift import page
from studies.shift.analysis import OPTIONS, Analysis
from studies.shift.costs import read_costs
from studies.shift.embedding_page import write_embeddings
from studies.shift.embeddings import make_embedding
from studies.shift.group_sentences import (
    describe_calibration,
    describe_confusion,
    describe_groups,
    describe_variants,
)
from studies.shift.group_tables import make_group_tables
from studies.shift.groups import changes_by_group
from studies.shift.models import StudyOptions
from studies.shift.picture_sets import SIDE
from studies.shift.running import RUN
from studies.shift.sentences import (
    Sentence,
    describe_answers,
    describe_costs,
    describe_failures,
    describe_limits,
    describe_losses,
    describe_study,
    describe_thresholds,
)
from studies.shift.sheets import PAGE as SHEETS
from studies.shift.sheets import STYLE, Sheet, make_sheets, sheet_page, worst_shifts
from studies.shift.short_tables import make_short_tables, shorten_variants
from studies.shift.table_files import write_tables
from studies.shift.tables import data_table, make_tables

PAGE: Final = "report.html"
PDF: Final = "report.pdf"
ANALYSIS: Final = "analysis.json"

SHEET: Final = PdfStyle(sheet=PdfStyle().sheet + STYLE)
"""Of the PDF."""


def report_study(
    out: Path,
    analysis: Analysis,
    classes: Sequence[ClassData],
    options: StudyOptions,
    *,
    pdf: bool,
    embeddings: bool,
) -> tuple[Sentence, ...]:
    """Writes the report of a finished study with its heatmaps, and with embeddings the page of the
    embeddings. Returns the sentences of both. See write_report and make_embedding for the errors.
    """
    sheets = make_sheets(out, analysis, options.settings())
    sentences = write_report(out, analysis, classes, sheets, pdf=pdf)
    if not embeddings:
        return sentences
    made = [
        make_embedding(out, cells[0], options.seed, options.threads)
        for cells in worst_shifts(analysis)
    ]
    return sentences + write_embeddings(out, made)


def write_report(
    out: Path,
    analysis: Analysis,
    classes: Sequence[ClassData] = (),
    sheets: Sequence[Sheet] = (),
    *,
    pdf: bool = False,
) -> tuple[Sentence, ...]:
    """Writes report.html, analysis.json and the tables, with sheets also sheets.html, and with pdf
    also report.pdf. Returns the sentences of the report.

    out: the folder of a finished study. classes: with the parts of the study. Raises SinkError, and
    ConfigError without WeasyPrint.
    """
    methods = dict.fromkeys(cell.key.method for cell in analysis.cells)
    costs = read_costs(out, methods)
    run: dict[str, float] = json.loads((out / RUN).read_text(encoding="utf-8"))
    groups = tuple(changes_by_group(analysis))
    data = data_table(classes)
    tables = (data, *make_tables(analysis), *make_group_tables(analysis, groups, costs))
    short = make_short_tables(analysis, groups)
    write_tables(out, tables)
    texts = {
        page.ANSWERS: tuple(describe_answers(analysis)),
        page.STUDIED: tuple(describe_study(analysis)),
        page.LOSSES: tuple(describe_losses(analysis)),
        page.GROUPS: tuple(describe_groups(analysis, groups)),
        page.THRESHOLDS: (
            *describe_thresholds(analysis),
            *describe_calibration(analysis),
            *describe_confusion(analysis),
        ),
        page.FAILURES: tuple(describe_failures(analysis)),
        page.VARIANTS: tuple(describe_variants(analysis, costs)),
        page.COSTS: tuple(describe_costs([c for c in costs if c.method in analysis.methods], run)),
        page.LIMITS: tuple(describe_limits(SIDE)),
    }
    write_json(out / ANALYSIS, _content(analysis, texts))
    by_name = {table.name: table for table in tables}
    short = {page.STUDIED: (data,), **short, page.COSTS: (by_name["costs"],)}
    if any(change.comparison == OPTIONS for change in analysis.changes):
        short[page.VARIANTS] = (shorten_variants(by_name["variants"]),)
    report = page.Report(analysis, texts, short, tables, costs, tuple(sheets))
    write_text(out / PAGE, page.make_page(report))
    if sheets:
        write_text(out / SHEETS, sheet_page(sheets))
    if pdf:
        write_pdf(out / PDF, page.make_page(report, on_paper=True), SHEET)
    return tuple(sentence for sentences in texts.values() for sentence in sentences)


def _content(analysis: Analysis, texts: dict[str, tuple[Sentence, ...]]) -> dict[str, object]:
    return {
        "settings": {
            "short_side_px": SIDE,
            "seed": analysis.seed,
            "resamples": analysis.resamples,
            "strategy": analysis.strategy,
        },
        "changes": [dataclasses.asdict(change) for change in analysis.changes],
        "recoveries": [dataclasses.asdict(recovery) for recovery in analysis.recoveries],
        "common_misses": [dataclasses.asdict(miss) for miss in analysis.common_misses],
        "sentences": {
            title: [dataclasses.asdict(each) for each in sentences]
            for title, sentences in texts.items()
        },
    }
