"""Says in one line why a frame has its verdict, if score and outlines do not explain it."""

from collections.abc import Sequence

from inspector.core.decisions import Decision
from inspector.core.size_text import describe_limits
from inspector.core.types import Defect, Inspection, Verdict


def explain_verdict(inspection: Inspection, rule: str) -> str:
    """rule: score, defects or either, see inspector.processing.postprocess.Judge. Empty if the
    score and the outlines explain the verdict, and for ERROR, which has its own sentence."""
    if inspection.score is None or inspection.verdict is Verdict.ERROR:
        return ""
    by_score = inspection.score >= inspection.image_threshold
    score = f"{inspection.score:.4g} {'>=' if by_score else '<'} {inspection.image_threshold:.4g}"
    if rule != "score":
        return _explain_sizes(inspection, score, by_score, rule)
    if inspection.verdict is Verdict.FAIL:
        if inspection.defects:
            return ""
        return f"FAIL by score {score}; {_explain_missing_outline(inspection)}"
    if not inspection.defects:
        return ""
    pixel = f"{inspection.pixel_threshold:.4g}"
    return f"PASS: score {score}; the outlines are at the pixel threshold {pixel}"


def _explain_sizes(inspection: Inspection, score: str, by_score: bool, rule: str) -> str:
    too_large = _first(inspection.defects, Decision.DOES_NOT_CONFORM)
    undecided = _first(inspection.defects, Decision.CANNOT_BE_DECIDED)
    verdict = inspection.verdict
    if verdict is Verdict.FAIL:
        if too_large is not None:
            return f"FAIL: #{too_large.defect_id} is too large{_details(too_large)}"
        if by_score and rule == "either":
            if inspection.defects:
                return f"FAIL by score {score}, not by size"
            return f"FAIL by score {score}; {_explain_missing_outline(inspection)}"
    if undecided is not None:
        sentence = f"the size of #{undecided.defect_id} cannot be decided{_details(undecided)}"
        return f"{'FAIL:' if verdict is Verdict.FAIL else 'PASS, but'} {sentence}"
    if inspection.defects:
        return "PASS: no outlined region reaches the size limits of verdict"
    return f"PASS: no defect, although the score is {score}" if by_score else ""


def _first(defects: Sequence[Defect], decision: Decision) -> Defect | None:
    return next((defect for defect in defects if defect.decision is decision), None)


def _details(defect: Defect) -> str:
    text = describe_limits(defect.limits, defect.size_source)
    return f": {text}" if text else ", because verdict has no size limits"


def _explain_missing_outline(inspection: Inspection) -> str:
    """Why a frame that fails by its score has no region."""
    pixel = f"{inspection.pixel_threshold:.4g}"
    anomaly_map = inspection.anomaly_map
    if anomaly_map is None or anomaly_map.max() < inspection.pixel_threshold:
        return f"no region reaches the pixel threshold {pixel}"
    return f"regions at the pixel threshold {pixel} are too small or not inspected"
