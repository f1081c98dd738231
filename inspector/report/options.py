"""The options of the section `report` of the configuration."""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import OneOf, Positive

CHECK_PDF = "--check-pdf"
"""Argument of inspector.report.process: only check the libraries."""

LANGUAGES = ("en", "de")
"""The languages of inspector/report/texts.yaml."""


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """Limits that the report shows in the size distribution, and with which it compares each size.

    None: the limit of the section `verdict`, if there is one. They never change a verdict.
    """

    length_mm: Positive | None = None
    width_mm: Positive | None = None
    area_mm2: Positive | None = None


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the report says about the product, and how it shows numbers.

    enabled: write report.html at the end of a run. pdf: also write report.pdf. unit: of lengths;
    None: that of the section `measure`. decimal: the decimal sign.
    """

    enabled: bool = False
    pdf: bool = False
    product: str | None = None
    lot: str | None = None
    line: str | None = None
    operator: str | None = None
    unit: Annotated[str, OneOf("mm", "cm", "inch")] | None = None
    decimal: Annotated[str, OneOf("point", "comma")] = "point"
    language: Annotated[str, OneOf(*LANGUAGES)] = "en"
    limits: ReportLimits = field(default_factory=ReportLimits)
