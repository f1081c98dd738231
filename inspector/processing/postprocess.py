"""Decides the verdict from an anomaly map and its measured defects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.core.schema import OneOf, Positive
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Defect, Inspection, Verdict

Analyze = Callable[[Image, Map, Affine, float], tuple[Defect, ...]]
"""(frame image, anomaly map, map -> frame, pixel threshold) -> measured defects."""


@dataclass(frozen=True, slots=True)
class SizeRule:
    """A defect fails the frame if it reaches every limit that is set. Without limits any fails."""

    min_length_mm: Positive | None = None
    min_area_mm2: Positive | None = None
    min_length_px: Positive | None = None
    min_area_px: Positive | None = None

    def fails(self, defect: Defect) -> bool:
        pairs = (
            (self.min_length_mm, defect.length_mm),
            (self.min_area_mm2, defect.area_mm2),
            (self.min_length_px, defect.length_px),
            (self.min_area_px, defect.area_px),
        )
        return all(value is not None and value >= limit for limit, value in pairs if limit)


@dataclass(frozen=True, slots=True)
class VerdictOptions(SizeRule):
    """The section `verdict` of the configuration. A threshold of None means the engine's value."""

    rule: Annotated[str, OneOf("score", "defects", "either")] = "score"
    image_threshold: float | None = None
    pixel_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes the inspection of one frame. Defects are listed for every verdict.

    rule: "score" (FAIL iff score >= image threshold), "defects" (a defect fails the size rule),
    or "either".
    """

    analyze: Analyze
    image_threshold: float
    pixel_threshold: float
    rule: str = "score"
    size_rule: SizeRule = SizeRule()

    def __call__(self, output: EngineOutput) -> Inspection:
        defects = self.analyze(
            output.frame.image, output.anomaly_map, output.to_frame, self.pixel_threshold
        )
        return self._inspection(output, defects)

    def judge_map(self, output: EngineOutput) -> Inspection:
        """Makes the inspection without its defects. The verdict is final only for rule "score",
        because the other rules need the sizes."""
        return self._inspection(output, ())

    def _inspection(self, output: EngineOutput, defects: tuple[Defect, ...]) -> Inspection:
        fault, fails = output.fault, self.fails(output.score, defects)
        if fault is not None and fault.unless_failed and fails:
            fault = None
        verdict = Verdict.ERROR
        if fault is None:
            verdict = Verdict.FAIL if fails else Verdict.PASS
        return Inspection(
            frame=output.frame,
            verdict=verdict,
            image_threshold=self.image_threshold,
            pixel_threshold=self.pixel_threshold,
            score=output.score if math.isfinite(output.score) else None,
            anomaly_map=output.anomaly_map,
            to_frame=output.to_frame,
            error=None if fault is None else fault.error,
            cause=None if fault is None else fault.cause,
            defects=defects,
        )

    def fails(self, score: float, defects: Sequence[Defect]) -> bool:
        by_score = score >= self.image_threshold
        by_size = any(map(self.size_rule.fails, defects))
        return {"score": by_score, "defects": by_size, "either": by_score or by_size}[self.rule]
