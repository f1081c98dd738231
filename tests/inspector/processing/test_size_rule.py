"""Tests of the three zones of a size limit: conforms, does not conform, cannot be decided."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.arrays import freeze
from inspector.core.decisions import Decision
from inspector.core.geometry import Affine
from inspector.core.stage_items import EngineOutput, Fault
from inspector.core.types import Cause, Defect, Frame, Inspection, Severity, Verdict
from inspector.processing.postprocess import Judge
from inspector.processing.size_rule import SizeRule

CONFORMS, FAILS, OPEN = (
    Decision.CONFORMS,
    Decision.DOES_NOT_CONFORM,
    Decision.CANNOT_BE_DECIDED,
)


def measured(**values: Any) -> Defect:
    """A defect of 5 mm with u = 0.25 mm, 20 mm2 with u = 1 mm2, 50 px with u = 2 px."""
    defaults: dict[str, Any] = {
        "defect_id": 0,
        "polygons": (np.zeros((3, 2)),),
        "holes": 0,
        "box_px": (0.0, 0.0, 1.0, 1.0),
        "centroid_px": (0.5, 0.5),
        "area_px": 2000.0,
        "length_px": 50.0,
        "width_px": 50.0,
        "orientation_deg": 0.0,
        "peak_score": 3.0,
        "mean_score": 2.5,
        "severity": Severity.LOW,
        "size_source": "refined",
        "truncated": False,
        "map_area_px": 60.0,
        "map_length_px": 12.0,
        "map_width_px": 6.0,
        "length_mm": 5.0,
        "length_u_mm": 0.25,
        "area_mm2": 20.0,
        "area_u_mm2": 1.0,
        "length_u_px": 2.0,
        "area_u_px": 100.0,
    }
    return Defect(**(defaults | values))


@pytest.mark.parametrize(
    ("limit", "band", "decision"),
    [
        # U = 0.5 mm. At least the limit is too large, so the size must be below it.
        (5.51, 1.0, CONFORMS),
        (5.5, 1.0, OPEN),
        (5.0, 1.0, OPEN),
        (4.51, 1.0, OPEN),
        (4.5, 1.0, FAILS),
        (5.26, 0.5, CONFORMS),
        (5.25, 0.5, OPEN),
        (4.75, 0.5, FAILS),
        (6.0, 2.0, OPEN),
        (6.01, 2.0, CONFORMS),
        (5.01, 0.0, CONFORMS),
        (5.0, 0.0, FAILS),
    ],
)
def test_the_guard_band_is_a_factor_of_the_expanded_uncertainty(
    limit: float, band: float, decision: Decision
) -> None:
    result = SizeRule(min_length_mm=limit, guard_band=band).decide(measured())
    assert result.decision is decision
    (entry,) = result.limits
    assert (entry.limit_name, entry.limit, entry.size) == ("min_length_mm", limit, 5.0)
    assert entry.guard_band == pytest.approx(band * 0.5)


@pytest.mark.parametrize(
    ("rule", "near", "far"),
    [
        ({"min_length_mm": 5.2}, {"length_mm": 5.0}, {"length_mm": 5.8}),
        ({"min_area_mm2": 21.0}, {"area_mm2": 20.0}, {"area_mm2": 23.5}),
        ({"min_length_px": 51.0}, {"length_px": 50.0}, {"length_px": 56.0}),
        ({"min_area_px": 2100.0}, {"area_px": 2000.0}, {"area_px": 2400.0}),
    ],
)
def test_every_limit_has_the_uncertainty_of_its_size(
    rule: dict[str, float], near: dict[str, float], far: dict[str, float]
) -> None:
    assert SizeRule(**rule).decide(measured(**near)).decision is OPEN
    assert SizeRule(**rule).decide(measured(**far)).decision is FAILS


def test_a_defect_is_too_large_only_if_it_reaches_every_limit() -> None:
    def decide(length: float, area: float) -> Decision | None:
        return SizeRule(min_length_mm=length, min_area_mm2=area).decide(measured()).decision

    assert decide(4.0, 15.0) is FAILS
    assert decide(4.0, 19.0) is OPEN
    assert decide(4.0, 30.0) is CONFORMS
    assert decide(5.0, 30.0) is CONFORMS
    assert decide(5.0, 20.0) is OPEN


def test_a_size_or_an_uncertainty_that_is_unknown_cannot_be_decided() -> None:
    rule = SizeRule(min_length_mm=50.0)
    assert rule.decide(measured(length_mm=None)).decision is OPEN
    assert rule.decide(measured(length_u_mm=None)).decision is OPEN
    off = SizeRule(min_length_mm=50.0, guard_band=0.0)
    assert off.decide(measured(length_u_mm=None)).decision is CONFORMS
    assert off.decide(measured(length_mm=None)).decision is OPEN


def test_a_truncated_defect_never_conforms_because_a_part_is_not_visible() -> None:
    cut = measured(truncated=True)
    assert SizeRule(min_length_mm=50.0).decide(cut).decision is OPEN
    assert SizeRule(min_length_mm=4.0).decide(cut).decision is FAILS
    assert SizeRule(min_length_mm=50.0, guard_band=0.0).decide(cut).decision is CONFORMS


def test_a_size_of_the_map_is_mostly_undecided() -> None:
    """The uncertainty of a length on the map is the width of its region."""
    on_map = measured(size_source="map", length_mm=8.0, length_u_mm=4.0)
    decisions = [
        SizeRule(min_length_mm=limit).decide(on_map).decision for limit in (1.0, 5.0, 15.0, 17.0)
    ]
    assert decisions == [OPEN, OPEN, OPEN, CONFORMS]


positive = st.floats(0.01, 100)


@given(positive, positive, st.floats(0, 10), st.floats(0, 3))
def test_no_decision_is_wrong_if_the_true_size_is_inside_the_guard_band(
    size: float, limit: float, u: float, band: float
) -> None:
    decision = (
        SizeRule(min_length_mm=limit, guard_band=band)
        .decide(measured(length_mm=size, length_u_mm=u))
        .decision
    )
    half = band * 2 * u
    if decision is CONFORMS:
        assert size + half < limit
    elif decision is FAILS:
        assert size - half >= limit
    else:
        assert size - half < limit <= size + half


RULE = SizeRule(min_length_mm=5.2)
SMALL, UNDECIDED, LARGE = (measured(length_mm=length) for length in (3.0, 5.0, 9.0))


def judge_frame(
    defects: tuple[Defect, ...], *, score: float = 0.0, fault: Fault | None = None, **options: Any
) -> Inspection:
    image = freeze(np.zeros((8, 8, 3), np.uint8))
    frame = Frame(0, "t", image, 0, 0.0, "")
    output = EngineOutput(frame, np.zeros((4, 4), np.float32), Affine(2, 2), score, fault)
    judge = Judge(
        lambda *_: defects,
        image_threshold=1.0,
        pixel_threshold=2.0,
        size_rule=RULE,
        **({"rule": "defects"} | options),
    )
    return judge(output)


@pytest.mark.parametrize(
    ("defects", "verdict", "lenient"),
    [
        ((), "PASS", "PASS"),
        ((SMALL,), "PASS", "PASS"),
        ((SMALL, UNDECIDED), "FAIL", "PASS"),
        ((UNDECIDED, LARGE), "FAIL", "FAIL"),
        ((LARGE,), "FAIL", "FAIL"),
    ],
)
def test_the_configuration_says_what_an_undecided_size_becomes(
    defects: tuple[Defect, ...], verdict: str, lenient: str
) -> None:
    for rule in ("defects", "either"):
        assert judge_frame(defects, rule=rule).verdict == verdict
        assert judge_frame(defects, rule=rule, undecided_fails=False).verdict == lenient
        assert judge_frame(defects, rule=rule, score=1.0, undecided_fails=False).verdict == (
            "FAIL" if rule == "either" else lenient
        )


def test_the_reason_of_an_undecided_frame_names_the_defect_and_its_limit() -> None:
    details = "the size of #0 cannot be decided: length 5.0 +-0.5 mm, limit 5.2 mm"
    assert judge_frame((UNDECIDED,)).reason == f"FAIL: {details}"
    assert judge_frame((UNDECIDED,), undecided_fails=False).reason == f"PASS, but {details}"


def test_a_fault_that_a_defect_may_cause_stays_a_fail_if_the_size_is_undecided() -> None:
    fault = Fault("it is darker", Cause.HEALTH, unless_failed=True)
    assert judge_frame((UNDECIDED,), fault=fault).verdict is Verdict.FAIL
    assert judge_frame((SMALL,), fault=fault).verdict is Verdict.ERROR
    hard = Fault("it is black", Cause.HEALTH)
    assert judge_frame((LARGE,), fault=hard).verdict is Verdict.ERROR


def test_without_a_size_rule_no_decision_is_recorded() -> None:
    inspection = judge_frame((UNDECIDED,), rule="score")
    assert (inspection.defects[0].decision, inspection.defects[0].limits) == (None, ())


@pytest.mark.parametrize(
    ("rule", "score", "peak", "verdict"),
    [
        ("score", 0.5, 9.0, "PASS"),
        ("score", 1.0, 9.0, "FAIL"),
        ("defects", 9.0, 1.9, "PASS"),
        ("defects", 0.0, 2.0, None),
        ("either", 1.0, 9.0, "FAIL"),
        ("either", 0.5, 1.9, "PASS"),
        ("either", 0.5, 2.0, None),
    ],
)
def test_the_map_decides_unless_the_verdict_needs_a_size(
    rule: str, score: float, peak: float, verdict: str | None
) -> None:
    frame = Frame(0, "t", freeze(np.zeros((8, 8, 3), np.uint8)), 0, 0.0, "")
    anomaly_map = np.zeros((4, 4), np.float32)
    anomaly_map[1, 1] = peak
    output = EngineOutput(frame, anomaly_map, Affine(2, 2), score)
    judge = Judge(lambda *_: (), image_threshold=1.0, pixel_threshold=2.0, rule=rule)
    early = judge.judge_map(output)
    assert (None if early is None else str(early.verdict)) == verdict


def test_the_check_of_the_runtime_compares_sizes_without_a_guard_band() -> None:
    judge = Judge(
        lambda *_: (), image_threshold=1.0, pixel_threshold=2.0, rule="defects", size_rule=RULE
    )
    cut = measured(length_mm=5.0, truncated=True, size_source="map")
    assert not judge.fails(0.0, (SMALL, UNDECIDED, cut))
    assert judge.fails(0.0, (LARGE,))
