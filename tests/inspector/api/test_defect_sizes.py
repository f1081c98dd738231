"""Tests DefectSizeAnalyzer and DefectMetrics as a notebook uses them."""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from measure_scenes import FRAME_HW, THRESHOLD, TO_FRAME, defect, ellipse, scene

from calibration import Calibration
from calibration.scale import from_scale
from inspector import DefectMetrics, DefectSizeAnalyzer
from inspector.core.errors import CalibrationSizeError, DataError
from inspector.core.geometry import Affine
from inspector.core.types import Severity
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions
from inspector.measure.severity import SeverityLimits

AnyArray = np.ndarray[Any, np.dtype[Any]]


def make_mask(*boxes: tuple[int, int, int, int], hw: tuple[int, int] = (100, 120)) -> AnyArray:
    """True in each box (x0, y0, x1, y1)."""
    mask = np.zeros(hw, np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


SQUARES = make_mask((10, 10, 30, 30), (50, 50, 60, 60), (90, 80, 93, 83))
"""Three squares with 400, 100 and 9 pixels."""


def test_the_documented_use() -> None:
    analyzer = DefectSizeAnalyzer(pixel_size=0.1, physical_unit="mm", min_defect_area=10)
    metrics = analyzer.analyze_defects(
        SQUARES.astype(np.float32), threshold=0.5, use_morphology=False
    )
    assert metrics.num_defects == 2
    assert metrics.physical_unit == "mm"
    areas = metrics.defect_areas_physical
    assert areas is not None
    assert sorted(areas) == pytest.approx([0.995, 3.995])
    assert metrics.total_defect_area_physical == pytest.approx(4.99)
    assert metrics.mean_defect_area_physical == pytest.approx(2.495)
    assert metrics.median_defect_area_physical == pytest.approx(2.495)
    assert metrics.std_defect_area_physical == pytest.approx(3.0 / np.sqrt(2))
    assert metrics.defect_percentage == pytest.approx(100 * 500 / 12_000)


@pytest.mark.parametrize(
    "mask",
    [
        SQUARES,
        SQUARES.astype(np.uint8),
        SQUARES.astype(np.uint8) * 255,
        SQUARES.astype(np.int64),
        SQUARES.astype(np.float16),
        SQUARES.astype(np.float64),
        SQUARES.astype(np.float32) * 255,
        SQUARES.astype(np.float64) * 7 + 0.1,
        np.asfortranarray(SQUARES.astype(np.float32)),
        SQUARES.repeat(2, axis=1)[:, ::2],
    ],
)
def test_every_kind_of_mask_gives_the_same_sizes(mask: AnyArray) -> None:
    metrics = DefectSizeAnalyzer().analyze_defects(mask)
    assert sorted(metrics.defect_areas_px) == pytest.approx([8.5, 99.5, 399.5])


def test_floats_with_two_values_are_a_mask_without_scores() -> None:
    by_score = SeverityLimits(length_share=None, score_ratio=(1.5, 2.0, 3.0))
    analyzer = DefectSizeAnalyzer(severity=by_score)
    metrics = analyzer.analyze_defects(SQUARES.astype(np.float32) * 255)
    assert {defect.severity for defect in metrics.defects} == {Severity.LOW}
    three = SQUARES.astype(np.float32) * 255
    three[0, 0] = 1e-3
    metrics = analyzer.analyze_defects(three)
    assert {defect.severity for defect in metrics.defects} == {Severity.CRITICAL}


def test_a_threshold_is_in_the_values_of_the_mask() -> None:
    grey = np.where(SQUARES, 100, 20).astype(np.uint8)
    analyzer = DefectSizeAnalyzer()
    assert analyzer.analyze_defects(grey, threshold=100).num_defects == 3
    assert analyzer.analyze_defects(grey, threshold=101).num_defects == 0
    full = analyzer.analyze_defects(grey, threshold=20)
    assert full.defect_areas_px == pytest.approx((100 * 120,))
    assert full.defect_percentage == 100


@pytest.mark.parametrize(("least", "count"), [(9, 3), (10, 2), (100, 2), (101, 1), (401, 0)])
def test_the_least_area_counts_pixels_of_the_mask(least: float, count: int) -> None:
    metrics = DefectSizeAnalyzer(min_defect_area=least).analyze_defects(SQUARES)
    assert metrics.num_defects == count
    frame = np.zeros((200, 240, 3), np.uint8)
    metrics = DefectSizeAnalyzer(min_defect_area=least).analyze_defects(SQUARES, frame=frame)
    assert metrics.num_defects == count


def test_a_mask_smaller_than_the_least_area_has_no_defect() -> None:
    metrics = DefectSizeAnalyzer(min_defect_area=10).analyze_defects(np.ones((3, 3), np.bool_))
    assert metrics.num_defects == 0
    assert metrics.defect_percentage == 0


def test_pixels_that_touch_at_a_corner_are_one_defect() -> None:
    metrics = DefectSizeAnalyzer().analyze_defects(np.eye(40, dtype=np.bool_))
    assert metrics.num_defects == 1
    assert metrics.defects[0].length_px == pytest.approx(40 * np.sqrt(2), abs=1)


def test_morphology_is_optional_and_removes_what_is_narrow() -> None:
    mask = make_mask((10, 10, 30, 30), (50, 50, 90, 51))
    analyzer = DefectSizeAnalyzer()
    assert analyzer.analyze_defects(mask).num_defects == 2
    (square,) = analyzer.analyze_defects(mask, use_morphology=True).defects
    assert square.centroid_px == pytest.approx((20, 20))
    wide = DefectSizeAnalyzer(opening_px=31)
    assert wide.analyze_defects(mask, use_morphology=True).num_defects == 0


@pytest.mark.parametrize(
    ("unit", "size"), [("mm", 0.1), ("um", 100.0), ("cm", 0.01), ("inch", 0.1 / 25.4)]
)
def test_sizes_are_in_the_physical_unit(unit: str, size: float) -> None:
    metrics = DefectSizeAnalyzer(size, unit).analyze_defects(make_mask((10, 10, 30, 30)))
    assert metrics.physical_unit == unit
    assert metrics.total_defect_area_physical == pytest.approx(399.5 * size**2)
    assert metrics.defect_widths_physical == pytest.approx((20 * size,))
    assert metrics.defect_lengths_physical == pytest.approx((27.586 * size,), rel=1e-3)
    rows = list(csv.DictReader(io.StringIO(metrics.to_csv())))
    assert float(rows[0][f"area_{unit}2"]) == pytest.approx(399.5 * size**2)


def test_without_a_scale_nothing_is_physical() -> None:
    metrics = DefectSizeAnalyzer().analyze_defects(SQUARES)
    assert metrics.physical_unit is None
    assert metrics.defect_areas_physical is None
    assert metrics.total_defect_area_physical is None
    assert metrics.mean_defect_area_physical is None
    assert "mm" not in metrics.to_csv()


def test_a_clean_mask_has_totals_but_no_averages() -> None:
    metrics = DefectSizeAnalyzer(0.1).analyze_defects(np.zeros((10, 10), np.float32))
    assert metrics.num_defects == 0
    assert metrics.defect_areas_physical == ()
    assert metrics.total_defect_area_physical == 0
    assert metrics.mean_defect_area_physical is None
    assert metrics.median_defect_area_physical is None
    assert metrics.std_defect_area_physical is None
    assert metrics.to_csv().count("\n") == 1
    assert json.loads(metrics.to_json())["num_defects"] == 0


def test_sizes_grade_maps_and_masks_unless_limits_of_the_score_are_set() -> None:
    scores = np.where(make_mask((10, 10, 50, 50)), 5.0, 0.0)
    scores[60:70, 60:70] = 1.2
    metrics = DefectSizeAnalyzer().analyze_defects(scores, threshold=1.0)
    assert metrics.severities == (Severity.CRITICAL, Severity.HIGH)
    assert {defect.severity_by for defect in metrics.defects} == {"length_share"}
    by_score = SeverityLimits(length_share=None, score_ratio=(1.5, 2.0, 3.0))
    metrics = DefectSizeAnalyzer(severity=by_score).analyze_defects(scores, threshold=1.0)
    assert metrics.severities == (Severity.CRITICAL, Severity.LOW)
    limits = SeverityLimits(area_mm2=(0.5, 2.0, 50.0))
    graded = DefectSizeAnalyzer(0.1, severity=limits).analyze_defects(SQUARES)
    assert graded.severity_counts == {
        Severity.LOW: 1,
        Severity.MEDIUM: 1,
        Severity.HIGH: 1,
        Severity.CRITICAL: 0,
    }


def test_a_frame_refines_the_sizes_exactly_as_the_pipeline_does() -> None:
    image, anomaly_map = scene(1, defect(ellipse((200.0, 180.0), 50.0, 30.0, 30.0)))
    metrics = DefectSizeAnalyzer(0.2).analyze_defects(anomaly_map, THRESHOLD, frame=image)
    pipeline = MapAnalyzer(from_scale(0.2, FRAME_HW), MeasureOptions())
    (expected,) = pipeline.analyze(image, anomaly_map, TO_FRAME, THRESHOLD)
    (measured,) = metrics.defects
    assert measured.size_source == "refined"
    assert measured.area_mm2 == pytest.approx(expected.area_mm2)
    assert measured.length_u_mm == pytest.approx(expected.length_u_mm)
    assert metrics.frame_hw == FRAME_HW
    (row,) = csv.DictReader(io.StringIO(metrics.to_csv()))
    assert float(row["area_u_mm2"]) == pytest.approx(expected.area_u_mm2)


def test_to_frame_lays_the_mask_over_a_part_of_the_frame() -> None:
    mask = make_mask((0, 0, 10, 10), hw=(50, 60))
    frame = np.full((200, 240, 3), 90, np.uint8)
    to_frame = Affine.between((50, 60), (120, 100, 240, 200))
    (measured,) = DefectSizeAnalyzer().analyze_defects(mask, frame=frame, to_frame=to_frame).defects
    assert measured.box_px == pytest.approx((120, 100, 140, 120))
    with pytest.raises(DataError, match="pass the frame"):
        DefectSizeAnalyzer().analyze_defects(mask, to_frame=to_frame)


def test_a_mask_without_a_frame_covers_the_frame_of_the_calibration() -> None:
    analyzer = DefectSizeAnalyzer(calibration=from_scale(0.1, (200, 240)))
    metrics = analyzer.analyze_defects(make_mask((10, 10, 30, 30)))
    assert metrics.frame_hw == (200, 240)
    assert metrics.total_defect_area_physical == pytest.approx(4 * 3.995)
    with pytest.raises(CalibrationSizeError, match="240x200"):
        analyzer.analyze_defects(SQUARES, frame=np.zeros((100, 120), np.uint8))


def test_a_tilted_camera_is_measured_on_the_plane() -> None:
    tilted = Calibration(
        kind="homography",
        frame_hw=(100, 120),
        how="test",
        made_utc="",
        homography=((0.1, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 1.0)),
    )
    metrics = DefectSizeAnalyzer(calibration=tilted, physical_unit="cm").analyze_defects(
        make_mask((10, 10, 30, 30))
    )
    assert metrics.total_defect_area_physical == pytest.approx(399.5 * 0.03 / 100)


def test_a_mask_of_a_batch_is_measured_when_its_result_is_requested() -> None:
    requested: list[int] = []

    def stream() -> Iterator[AnyArray]:
        for number in itertools.count():
            requested.append(number)
            yield SQUARES

    batch = DefectSizeAnalyzer(min_defect_area=10).analyze_batch(stream())
    assert [metrics.num_defects for metrics in itertools.islice(batch, 3)] == [2, 2, 2]
    assert requested == [0, 1, 2]
    assert len(list(DefectSizeAnalyzer().analyze_batch(np.stack([SQUARES] * 4)))) == 4


def test_a_batch_takes_a_frame_for_each_mask_and_names_a_bad_mask() -> None:
    frame = np.zeros((100, 120, 3), np.uint8)
    analyzer = DefectSizeAnalyzer()
    metrics = list(analyzer.analyze_batch([SQUARES, SQUARES], frames=[frame, frame]))
    assert [each.frame_hw for each in metrics] == [(100, 120)] * 2
    with pytest.raises(DataError, match="no frame 1"):
        list(analyzer.analyze_batch([SQUARES, SQUARES], frames=[frame]))
    with pytest.raises(DataError, match="no mask 1"):
        list(analyzer.analyze_batch([SQUARES], frames=[frame, frame]))
    with pytest.raises(DataError, match=r"mask 1: .*\(100,\)"):
        list(analyzer.analyze_batch([SQUARES, SQUARES[:, 0]]))


def test_json_and_csv_hold_what_the_metrics_say() -> None:
    metrics = DefectSizeAnalyzer(0.1).analyze_defects(SQUARES)
    values = json.loads(metrics.to_json())
    assert values["num_defects"] == 3
    assert values["total_defect_area_physical"] == pytest.approx(5.075)
    assert values["mask_hw"] == [100, 120]
    assert values["severity_counts"] == {"low": 0, "medium": 1, "high": 2, "critical": 0}
    rows = list(csv.DictReader(io.StringIO(metrics.to_csv())))
    assert len(rows) == len(values["defects"]) == 3
    for row, measured, plain in zip(rows, metrics.defects, values["defects"], strict=True):
        assert float(row["area_px"]) == pytest.approx(measured.area_px)
        assert float(row["area_mm2"]) == plain["area_mm2"] == pytest.approx(measured.area_mm2)
        assert row["area_u_mm2"] == ""
        assert row["truncated"] == "false"
        assert np.array(plain["polygons"][0]).shape[1] == 2


@pytest.mark.parametrize("hw", [(100, 120), (101, 121)])
def test_drawing_outlines_the_defects_on_a_copy(hw: tuple[int, int]) -> None:
    metrics = DefectSizeAnalyzer(0.1).analyze_defects(make_mask((30, 30, 70, 70), hw=hw))
    image = np.full((*hw, 3), 200, np.uint8)
    drawn = metrics.draw(image)
    assert drawn.shape == image.shape
    assert (image == 200).all()
    different = np.abs(drawn.astype(int) - 200).max(axis=2) > 40
    assert different[28:72, 29:31].any(axis=1).all()
    assert not different[40:60, 40:60].any()
    assert metrics.draw(image[:, :, 0]).shape == image.shape
    with pytest.raises(DataError, match=f"must have {hw[1]}x{hw[0]} pixels"):
        metrics.draw(np.zeros((50, 50, 3), np.uint8))


def test_metrics_are_the_public_type() -> None:
    assert isinstance(DefectSizeAnalyzer().analyze_defects(SQUARES), DefectMetrics)
