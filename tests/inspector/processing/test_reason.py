"""Tests of the line that explains a verdict."""

from dataclasses import replace

import pytest
from reason_scenes import DEFECT, UTC, inspection

from inspector.core.decisions import Decision, LimitDecision
from inspector.core.types import BadFrame, Inspection, Verdict
from inspector.processing.reason import explain_verdict


@pytest.mark.parametrize(
    ("verdict", "score", "defects", "rule", "reason"),
    [
        (
            Verdict.FAIL,
            0.41,
            False,
            "score",
            "FAIL by score 0.41 >= 0.35; no region reaches the pixel threshold 0.5",
        ),
        (Verdict.FAIL, 0.41, True, "score", ""),
        (Verdict.PASS, 0.3, False, "score", ""),
        (
            Verdict.PASS,
            0.3,
            True,
            "score",
            "PASS: score 0.3 < 0.35; the outlines are at the pixel threshold 0.5",
        ),
        (Verdict.FAIL, 0.41, True, "either", "FAIL by score 0.41 >= 0.35, not by size"),
        (
            Verdict.FAIL,
            0.41,
            False,
            "either",
            "FAIL by score 0.41 >= 0.35; no region reaches the pixel threshold 0.5",
        ),
        (
            Verdict.PASS,
            0.3,
            True,
            "defects",
            "PASS: no outlined region reaches the size limits of verdict",
        ),
        (
            Verdict.PASS,
            0.41,
            False,
            "defects",
            "PASS: no defect, although the score is 0.41 >= 0.35",
        ),
        (Verdict.PASS, 0.3, False, "either", ""),
    ],
)
def test_only_a_verdict_that_the_outlines_contradict_has_a_reason(
    verdict: Verdict, score: float, defects: bool, rule: str, reason: str
) -> None:
    assert explain_verdict(inspection(verdict, score, defects=defects), rule) == reason


def test_a_region_that_is_not_listed_is_not_called_missing() -> None:
    result = inspection(Verdict.FAIL, 0.41, defects=False, peak=0.6)
    assert explain_verdict(result, "score") == (
        "FAIL by score 0.41 >= 0.35; regions at the pixel threshold 0.5 are too small or not "
        "inspected"
    )


def test_an_error_has_its_own_sentence() -> None:
    bad = BadFrame(6, "line", "the decoder gave up", 0, 2.6, UTC)
    result = Inspection(bad, Verdict.ERROR, 0.35, 0.5, error=bad.error, cause=bad.cause)
    assert explain_verdict(result, "score") == ""


def limit(name: str, limit: float, size: float, band: float, decision: str) -> LimitDecision:
    return LimitDecision(name, limit, size, band, Decision(decision))


@pytest.mark.parametrize(
    ("verdict", "decision", "source", "limits", "reason"),
    [
        (
            Verdict.FAIL,
            "does_not_conform",
            "refined",
            (limit("min_length_mm", 5.0, 7.1034, 0.3, "does_not_conform"),),
            "FAIL: #0 is too large: length 7.1 +-0.3 mm, limit 5 mm",
        ),
        (
            Verdict.FAIL,
            "does_not_conform",
            "map",
            (),
            "FAIL: #0 is too large, because verdict has no size limits",
        ),
        (
            Verdict.FAIL,
            "cannot_be_decided",
            "refined",
            (
                limit("min_length_mm", 5.0, 4.9, 0.3, "cannot_be_decided"),
                limit("min_area_px", 80.0, 100.0, 12.0, "does_not_conform"),
            ),
            "FAIL: the size of #0 cannot be decided: length 4.9 +-0.3 mm, limit 5 mm; area 100 "
            "+-12 px, limit 80 px",
        ),
        (
            Verdict.PASS,
            "cannot_be_decided",
            "map",
            (limit("min_area_mm2", 5.0, 4.9, 8.3, "cannot_be_decided"),),
            "PASS, but the size of #0 cannot be decided: area up to 4.9 mm2, limit 5 mm2",
        ),
        (
            Verdict.FAIL,
            "does_not_conform",
            "map",
            (limit("min_length_px", 50.0, 300.0, 20.0, "does_not_conform"),),
            "FAIL: #0 is too large: length 300 +-20 px, limit 50 px",
        ),
        (
            Verdict.FAIL,
            "does_not_conform",
            "refined",
            (limit("min_length_px", 50.0, 50.5, 0.0, "does_not_conform"),),
            "FAIL: #0 is too large: length 50.5 px, limit 50 px",
        ),
    ],
)
def test_the_reason_of_a_size_names_defect_size_uncertainty_and_limit(
    verdict: Verdict, decision: str, source: str, limits: tuple[LimitDecision, ...], reason: str
) -> None:
    graded = replace(DEFECT, decision=Decision(decision), limits=limits, size_source=source)
    result = replace(inspection(verdict, 0.3, defects=True), defects=(graded,))
    assert explain_verdict(result, "defects") == reason
