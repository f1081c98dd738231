"""The options of the section `measure` of the configuration."""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import Between, Count, NotNegative, OneOf, Positive
from inspector.measure.severity import SeverityLimits


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What MapAnalyzer measures, and which defects it lists.

    refine: measure each region at the resolution of the frame. max_refined: number of regions per
    frame that are refined, the strongest first; the others keep their size on the map. min_area_px,
    min_area_mm2: defects with a smaller reported area are not listed; min_area_mm2 needs a
    calibration. opening_px: map pixels; narrower regions are removed, 0 and 1 keep all. unit: mm,
    cm or inch, in pictures and on the screen. budget_ms: longest time for refining a frame of a
    live source; None: 1 s. replay: the inspections.jsonl of a live
    run, whose frames are inspected again from files; the same regions are refined.
    """

    refine: bool = True
    max_refined: Count = 8
    min_area_px: NotNegative = 0.0
    min_area_mm2: Positive | None = None
    opening_px: Annotated[int, Between(0, 255)] = 0
    unit: Annotated[str, OneOf("mm", "cm", "inch")] = "mm"
    budget_ms: Positive | None = None
    replay: str | None = None
    severity: SeverityLimits = field(default_factory=SeverityLimits)
