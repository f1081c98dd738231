"""Tests which defects MapAnalyzer reports, drops and refuses."""

import numpy as np
import pytest
from measure_scenes import FRAME_HW, MAP_HW, THRESHOLD, TO_FRAME, defect, ellipse, scene

from calibration import Calibration
from calibration.scale import from_scale
from inspector.core.errors import CalibrationSizeError
from inspector.core.types import Severity
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions
from inspector.measure.severity import SeverityLimits

BIG = defect(ellipse((200.0, 180.0), 50.0, 30.0, 30.0))
SMALL = defect(ellipse((480.0, 100.0), 14.0, 14.0, 0.0))


def make_analyzer(calibration: Calibration | None = None, **changes: object) -> MapAnalyzer:
    inspected = changes.pop("inspected", None)
    severity = SeverityLimits(score_ratio=(1.5, 2.0, 2.5))
    settings: dict[str, object] = {"severity": severity, "max_refined": 20}
    options = MeasureOptions(**(settings | changes))  # type: ignore[arg-type]
    return MapAnalyzer(calibration, options, inspected=inspected)  # type: ignore[arg-type]


def test_a_clean_map_has_no_defects() -> None:
    image, _ = scene(1)
    defects = make_analyzer().analyze(image, np.zeros(MAP_HW, np.float32), TO_FRAME, THRESHOLD)
    assert defects == ()


def test_defects_come_by_peak_with_ids_from_zero() -> None:
    image, anomaly_map = scene(1, BIG, SMALL)
    defects = make_analyzer().analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert [d.defect_id for d in defects] == [0, 1]
    assert defects[0].peak_score > defects[1].peak_score
    assert defects[0].mean_score < defects[0].peak_score
    assert defects[0].severity is Severity.CRITICAL


def test_without_a_calibration_millimetres_are_none() -> None:
    image, anomaly_map = scene(2, BIG)
    (measured,) = make_analyzer().analyze(image, anomaly_map, TO_FRAME, THRESHOLD)
    assert measured.area_mm2 is None
    assert measured.length_u_mm is None
    assert measured.map_area_mm2 is None


def test_a_scale_multiplies_every_size_and_its_uncertainty_is_added() -> None:
    image, anomaly_map = scene(2, BIG)
    exact = from_scale(0.2, FRAME_HW)
    vague = from_scale(0.2, FRAME_HW, scale_u_rel=0.05)
    (measured,) = make_analyzer(exact).analyze(image, anomaly_map, TO_FRAME, THRESHOLD)
    (other,) = make_analyzer(vague).analyze(image, anomaly_map, TO_FRAME, THRESHOLD)
    assert measured.area_mm2 == pytest.approx(0.04 * measured.area_px)
    assert measured.length_mm == pytest.approx(0.2 * measured.length_px)
    assert measured.equivalent_diameter_mm == pytest.approx((4 * measured.area_mm2 / np.pi) ** 0.5)
    assert measured.length_u_mm is not None
    assert other.length_u_mm == pytest.approx(
        np.hypot(measured.length_u_mm, 0.05 * measured.length_mm)
    )
    assert other.area_u_mm2 == pytest.approx(np.hypot(measured.area_u_mm2, 0.1 * measured.area_mm2))
    assert abs(measured.length_mm - 0.2 * BIG.length_px) <= 2 * measured.length_u_mm


def test_pixels_that_are_not_square_are_measured_on_the_plane() -> None:
    image, anomaly_map = scene(2, BIG)
    oblong = from_scale(0.1, FRAME_HW, mm_per_px_y=0.3)
    (measured,) = make_analyzer(oblong).analyze(image, anomaly_map, TO_FRAME, THRESHOLD)
    assert measured.area_mm2 == pytest.approx(0.03 * measured.area_px)
    true = BIG.polygon * np.array((0.1, 0.3))
    gaps = np.hypot(*(true[:, None] - true[None]).transpose(2, 0, 1))
    assert measured.length_mm == pytest.approx(gaps.max(), rel=0.05)


def test_a_calibration_for_another_frame_size_is_refused() -> None:
    image, anomaly_map = scene(2, BIG)
    other = make_analyzer(from_scale(0.1, (1080, 1920)))
    with pytest.raises(CalibrationSizeError, match=r"1920x1080.*640x360"):
        other.analyze(image, anomaly_map, TO_FRAME, THRESHOLD)


@pytest.mark.parametrize(
    ("changes", "calibration"),
    [
        ({"min_area_px": 400.0}, None),
        ({"min_area_mm2": 4.0}, from_scale(0.1, FRAME_HW)),
    ],
)
def test_defects_below_the_least_area_are_dropped(
    changes: dict[str, object], calibration: Calibration | None
) -> None:
    image, anomaly_map = scene(3, BIG, SMALL)
    defects = make_analyzer(calibration, **changes).analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert [d.centroid_px for d in defects] == [pytest.approx(BIG.centroid, abs=1.0)]


def test_only_the_strongest_are_refined_and_the_others_name_the_reason() -> None:
    image, anomaly_map = scene(4, BIG, SMALL)
    first, second = make_analyzer(max_refined=1).analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert first.size_source == "refined"
    assert second.size_source == "map"
    assert second.size_note == "only 1 regions of a frame are refined"
    off = make_analyzer(refine=False).analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert {d.size_note for d in off} == {"refinement is off"}


def test_nothing_outside_the_inspected_region_is_found_and_its_border_truncates() -> None:
    image, anomaly_map = scene(5, BIG, SMALL)
    inspected = np.zeros(MAP_HW, bool)
    inspected[:, : MAP_HW[1] // 2] = True
    (measured,) = make_analyzer(inspected=inspected).analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert measured.centroid_px == pytest.approx(BIG.centroid, abs=1.0)
    assert not measured.truncated
    inspected[:, 70:] = False
    (truncated,) = make_analyzer(inspected=inspected).analyze(image, anomaly_map, TO_FRAME, 0.3)
    assert truncated.truncated


def test_the_smallest_and_the_fullest_map_are_measured() -> None:
    image, _ = scene(6)
    dot = np.zeros(MAP_HW, np.float32)
    dot[0, 0] = 2 * THRESHOLD
    full = np.full(MAP_HW, 2 * THRESHOLD, np.float32)
    (tiny,) = make_analyzer().analyze(image, dot, TO_FRAME, THRESHOLD)
    (large,) = make_analyzer().analyze(image, full, TO_FRAME, THRESHOLD)
    assert tiny.truncated
    assert large.map_area_px == pytest.approx(FRAME_HW[0] * FRAME_HW[1])
    assert large.size_source == "map"
