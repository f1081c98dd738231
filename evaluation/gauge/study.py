"""Computes a gauge study from its measurements, and writes its files."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.gauge.attribute import AttributeStudy, study_verdicts
from evaluation.gauge.bias import BiasStudy, study_bias
from evaluation.gauge.design import Design, Measurement, arrange
from evaluation.gauge.table_reading import COLUMNS
from evaluation.gauge.variable import VariableStudy, study_variation
from inspector.core.files import write_whole
from inspector.core.tables import csv_row

FORMAT: Final = 1
PAGE, PDF, TABLE, FIGURES = "gauge.html", "gauge.pdf", "gauge.csv", "gauge.json"


@dataclass(frozen=True, slots=True)
class Subject:
    """What the study is about. measured: such as "length of defects". unit: "" for verdicts.
    origin: where the measurements come from. unmatched, warnings: sentences from reading them.
    made_utc: time of the study."""

    title: str
    measured: str
    unit: str
    origin: str
    made_utc: str
    unmatched: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GaugeStudy:
    """variable and bias are of sizes, attribute of verdicts. bias: None without references."""

    subject: Subject
    design: Design
    rows: Sequence[Measurement]
    variable: VariableStudy | None = None
    bias: BiasStudy | None = None
    attribute: AttributeStudy | None = None


def study_sizes(
    subject: Subject, rows: Sequence[Measurement], tolerance: float | None, alpha: float
) -> GaugeStudy:
    """Raises DataError if the measurements cannot be studied."""
    design = arrange(rows)
    variable = study_variation(design, tolerance, alpha=alpha)
    return GaugeStudy(subject, design, rows, variable=variable, bias=study_bias(design, tolerance))


def study_attributes(subject: Subject, rows: Sequence[Measurement]) -> GaugeStudy:
    """Raises DataError if the verdicts cannot be studied."""
    design = arrange(rows)
    return GaugeStudy(subject, design, rows, attribute=study_verdicts(design))


def write_table(path: Path, study: GaugeStudy) -> None:
    """Writes the measurements so that table_reading reads the same study from it."""
    verdict = study.attribute is not None

    def cell(value: float | None) -> float | str | None:
        return ("FAIL", "PASS")[int(value)] if verdict and value is not None else value

    lines = [
        csv_row((row.part, row.appraiser, row.trial, cell(row.value), cell(row.reference)))
        for row in study.rows
    ]
    write_whole(path, "".join([csv_row(COLUMNS), *lines]).encode())


def write_figures(path: Path, study: GaugeStudy) -> None:
    """Writes all results as JSON."""
    design = study.design
    figures: dict[str, Any] = {
        "format": FORMAT,
        "subject": dataclasses.asdict(study.subject),
        "design": {
            "kind": "nested" if design.nested else "crossed",
            "parts": len(design.parts),
            "appraisers": list(design.appraisers),
            "trials": design.trials,
        },
    }
    for name in ("variable", "bias", "attribute"):
        part = getattr(study, name)
        figures[name] = None if part is None else dataclasses.asdict(part)
    text = json.dumps(figures, indent=2, allow_nan=False)
    write_whole(path, (text + "\n").encode())
