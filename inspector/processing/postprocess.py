"""Decides the verdict from an anomaly map and its measured defects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from inspector.core.arrays import Image, Map
from inspector.core.decisions import Decision
from inspector.core.geometry import Affine
from inspector.core.refining import KnownDefects, MakePlan, NoTime, Recall, RefinePlan
from inspector.core.schema import OneOf, Positive
from inspector.core.stage_items import EngineOutput
from inspector.core.types import Defect, Inspection, Verdict
from inspector.processing.reason import explain_verdict
from inspector.processing.size_rule import SizeRule

Analyze = Callable[
    [Image, Map, Affine, float, RefinePlan | None, KnownDefects | None], tuple[Defect, ...]
]
"""(frame image, anomaly map, map -> frame, pixel threshold, plan, known) -> measured defects."""

SCORE = "score"


@dataclass(frozen=True, slots=True)
class VerdictOptions(SizeRule):
    """The section `verdict` of the configuration. A threshold of None means the engine's value.

    undecided: the verdict on a frame with a size that cannot be decided. deadline_ms: on a live
    source, the longest time from the pending to the final verdict.
    """

    rule: Annotated[str, OneOf(SCORE, "defects", "either")] = SCORE
    image_threshold: float | None = None
    pixel_threshold: float | None = None
    undecided: Annotated[str, OneOf("fail", "pass")] = "fail"
    deadline_ms: Positive = 100.0


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes the inspection of one frame. Defects are listed for every verdict.

    rule: "score" (FAIL iff score >= image threshold), "defects" (a defect fails the size rule),
    or "either". undecided_fails: whether a size that cannot be decided fails the frame. make_plan:
    limits the time for measuring; None: no limit. recall: gives the defects that need not be
    measured again; None: all are measured. analyze_px: measures frames whose sizes in mm are
    withheld; None without a calibration.
    """

    analyze: Analyze
    image_threshold: float
    pixel_threshold: float
    rule: str = SCORE
    size_rule: SizeRule = field(default_factory=SizeRule)
    undecided_fails: bool = True
    make_plan: MakePlan | None = None
    recall: Recall | None = None
    analyze_px: Analyze | None = None

    def __call__(self, output: EngineOutput) -> Inspection:
        known = None if self.recall is None else self.recall(output)
        plan = None if self.make_plan is None else self.make_plan(output)
        return self._measure(output, plan, known)

    def judge_unrefined(self, output: EngineOutput) -> Inspection:
        """Makes the inspection with the sizes of the map, which takes a few milliseconds."""
        return self._measure(output, NoTime())

    def judge_map(self, output: EngineOutput) -> Inspection | None:
        """Makes the inspection without its defects. None if the verdict depends on their sizes."""
        if self.rule != SCORE and not self._is_decided_by_map(output):
            return None
        return self._make_inspection(output, ())

    def fails(self, score: float, defects: Sequence[Defect]) -> bool:
        """Whether a frame fails if its measured sizes are the true ones. The check of the runtime
        uses this: with a guard band, sizes of a map would nearly all be undecided."""
        exact = replace(self.size_rule, guard_band=0.0)
        return self._fails(score, tuple(map(exact.decide, defects)))

    def _is_decided_by_map(self, output: EngineOutput) -> bool:
        if output.fault is not None and not output.fault.unless_failed:
            return True
        if self.rule == "either" and output.score >= self.image_threshold:
            return True
        return not output.anomaly_map.max() >= self.pixel_threshold

    def _measure(
        self, output: EngineOutput, plan: RefinePlan | None, known: KnownDefects | None = None
    ) -> Inspection:
        image, threshold = output.frame.image, self.pixel_threshold
        analyze, withheld = self.analyze, ""
        if output.no_mm is not None and self.analyze_px is not None:
            # Known defects have sizes in mm.
            analyze, withheld, known = self.analyze_px, output.no_mm, None
        defects = analyze(image, output.anomaly_map, output.to_frame, threshold, plan, known)
        inspection = self._make_inspection(output, self._decide(defects))
        reasons = explain_verdict(inspection, self.rule), withheld
        reason = "; ".join(filter(None, reasons)) or None
        if plan is None and reason is None:
            return inspection
        refined = None if plan is None else tuple(plan.refined)
        return replace(inspection, refined_regions=refined, reason=reason)

    def _decide(self, defects: Sequence[Defect]) -> tuple[Defect, ...]:
        return tuple(defects if self.rule == SCORE else map(self.size_rule.decide, defects))

    def _make_inspection(self, output: EngineOutput, defects: tuple[Defect, ...]) -> Inspection:
        fault, fails = output.fault, self._fails(output.score, defects)
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

    def _fails(self, score: float, defects: Sequence[Defect]) -> bool:
        """defects: with their decisions, if sizes decide."""
        by_score = score >= self.image_threshold
        if self.rule == SCORE or (self.rule == "either" and by_score):
            return by_score
        decisions = {defect.decision for defect in defects}
        undecided = Decision.CANNOT_BE_DECIDED in decisions
        return Decision.DOES_NOT_CONFORM in decisions or (undecided and self.undecided_fails)
