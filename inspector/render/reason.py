"""Says in one line why a verdict and the outlined regions do not seem to agree."""

from inspector.core.types import Inspection, Verdict


def explain_verdict(inspection: Inspection, rule: str) -> str:
    """rule: score, defects or either, see inspector.processing.postprocess.Judge. Empty if the
    score and the outlines explain the verdict, and for ERROR, which has its own sentence."""
    if inspection.score is None or inspection.verdict is Verdict.ERROR:
        return ""
    outlined, by_score = bool(inspection.defects), inspection.score >= inspection.image_threshold
    score = f"{inspection.score:.4g} {'>=' if by_score else '<'} {inspection.image_threshold:.4g}"
    if inspection.verdict is Verdict.FAIL:
        if outlined:
            return "" if by_score else f"FAIL by size of a defect, although the score is {score}"
        return f"FAIL by score {score}; {_missing_outline(inspection)}"
    if rule != "score":
        if outlined:
            return "PASS: no outlined region reaches the size limits of verdict"
        return f"PASS: no defect, although the score is {score}" if by_score else ""
    if not outlined:
        return ""
    pixel = f"{inspection.pixel_threshold:.4g}"
    return f"PASS: score {score}; the outlines are at the pixel threshold {pixel}"


def _missing_outline(inspection: Inspection) -> str:
    """Why a frame that fails by its score has no region."""
    pixel = f"{inspection.pixel_threshold:.4g}"
    anomaly_map = inspection.anomaly_map
    if anomaly_map is None or anomaly_map.max() < inspection.pixel_threshold:
        return f"no region reaches the pixel threshold {pixel}"
    return f"regions at the pixel threshold {pixel} are too small or not inspected"
