"""Compares sizes and uncertainties of every kind of defect with rendered truth."""

import cv2
import numpy as np
import pytest
from measure_scenes import FRAME_HW, THRESHOLD, TO_FRAME, bar, ellipse, swollen
from size_scenes import cover, map_of, paint_defect, plain, true_sizes, weave

from calibration.scale import from_scale
from inspector.core.arrays import Image, Map
from inspector.core.geometry import Points
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

MIDDLE = (300.3, 180.6)


def analyze(image: Image, anomaly_map: Map) -> tuple[Defect, ...]:
    """Measures with a scale of 1 mm per pixel, so that uncertainties are in pixels too."""
    analyzer = MapAnalyzer(from_scale(1.0, FRAME_HW), MeasureOptions(max_refined=20))
    return analyzer.analyze(image, anomaly_map, TO_FRAME, THRESHOLD)


def check(measured: Defect, polygons: list[Points], tolerance: float) -> None:
    """The truth is within 2u, and the measured sizes are within the tolerance."""
    assert measured.size_source == "refined"
    area, length, width = true_sizes(polygons)
    sizes = (
        (measured.area_mm2, measured.area_u_mm2, area),
        (measured.length_mm, measured.length_u_mm, length),
        (measured.width_mm, measured.width_u_mm, width),
    )
    for size, u, true in sizes:
        assert size is not None
        assert u is not None
        assert abs(size - true) <= 2 * u
        assert size == pytest.approx(true, rel=tolerance)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("core", "rim"), [(1.5, 0.55), (0.5, 1.4), (1.7, 0.7)])
def test_a_core_and_its_rim_of_the_opposite_sign_are_one_defect(
    seed: int, core: float, rim: float
) -> None:
    outer, inner = ellipse(MIDDLE, 50.0, 50.0, 0.0), ellipse(MIDDLE, 28.0, 28.0, 0.0)
    middle = cover([inner])
    image = paint_defect(plain(seed), [(cover([outer]) - middle, rim), (middle, core)])
    (measured,) = analyze(image, map_of([outer]))
    check(measured, [outer], 0.05)
    assert measured.holes == 0


@pytest.mark.parametrize("surface", [plain, weave])
@pytest.mark.parametrize("degrees", [-40.0, 20.0])
def test_a_scratch_that_hangs_on_a_spot_belongs_to_it(surface, degrees: float) -> None:  # type: ignore[no-untyped-def]
    direction = np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees))))
    spot = ellipse(MIDDLE, 26.0, 26.0, 0.0)
    x, y = np.array(MIDDLE) + direction * 36.0
    scratch = bar((x, y), 50.0, 5.0, degrees)
    image = paint_defect(surface(3), [(cover([spot, scratch]), 0.35)])
    rows = analyze(image, map_of([spot, scratch]))
    assert len(rows) == 1
    check(rows[0], [spot, scratch], 0.12)


@pytest.mark.parametrize("degrees", [0.0, 7.0, 31.0, 45.0])
@pytest.mark.parametrize("side", [26.0, 60.0])
def test_sharp_corners_stay_sharp(degrees: float, side: float) -> None:
    square = bar(MIDDLE, side, side, degrees)
    image = paint_defect(plain(4), [(cover([square]), 0.5)])
    (measured,) = analyze(image, map_of([square]))
    check(measured, [square], 0.025)


@pytest.mark.parametrize(("length", "width"), [(16.0, 16.0), (40.0, 40.0), (60.0, 34.0)])
def test_a_round_defect_gets_no_corners(length: float, width: float) -> None:
    outline = ellipse(MIDDLE, length, width, 20.0)
    image = paint_defect(plain(5), [(cover([outline]), 0.5)])
    (measured,) = analyze(image, map_of([outline]))
    check(measured, [outline], 0.03)


@pytest.mark.parametrize("sigma", [3.0, 8.0, 14.0])
def test_a_soft_edge_is_taken_at_half_of_the_plateau(sigma: float) -> None:
    outline = ellipse(MIDDLE, 110.0, 110.0, 0.0)
    covered = np.asarray(cv2.GaussianBlur(cover([outline]), (0, 0), sigma), np.float32)
    image = paint_defect(plain(6), [(covered, 0.6)])
    (measured,) = analyze(image, swollen(covered))
    check(measured, [outline], 0.06)


@pytest.mark.parametrize("thickness", [1.5, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("gain", [0.5, 1.5])
def test_a_thin_scratch_keeps_its_width(thickness: float, gain: float) -> None:
    scratch = bar(MIDDLE, 140.0, thickness, 24.0)
    image = paint_defect(plain(7), [(cover([scratch]), gain)])
    (measured,) = analyze(image, map_of([scratch]))
    check(measured, [scratch], 0.3 if thickness < 2.5 else 0.12)


@pytest.mark.parametrize(("y", "degrees"), [(150.0, 3.0), (200.0, -8.0)])
@pytest.mark.parametrize("surface", [plain, weave])
def test_a_scratch_across_the_whole_frame_is_one_defect(surface, y: float, degrees: float) -> None:  # type: ignore[no-untyped-def]
    scratch = bar((320.0, y), 700.0, 4.0, degrees)
    image = paint_defect(surface(8), [(cover([scratch]), 0.35)])
    (measured,) = analyze(image, map_of([scratch]))
    assert measured.size_source == "refined"
    assert measured.truncated
    assert measured.length_px == pytest.approx(640 / np.cos(np.radians(degrees)), rel=0.03)


@pytest.mark.parametrize("gap", [10.0, 16.0])
def test_two_defects_with_a_gap_are_two_rows(gap: float) -> None:
    first = ellipse((270.0, 180.0), 40.0, 40.0, 0.0)
    second = ellipse((270.0 + 35.0 + gap, 180.0), 30.0, 30.0, 0.0)
    image = paint_defect(plain(9), [(cover([first, second]), 0.5)])
    rows = sorted(analyze(image, map_of([first, second])), key=lambda d: d.centroid_px[0])
    assert len(rows) == 2
    for measured, true in zip(rows, (first, second), strict=True):
        check(measured, [true], 0.05)


@pytest.mark.parametrize("contrast", [-0.12, -0.06, 0.06])
def test_a_low_contrast_is_enough_on_an_even_surface(contrast: float) -> None:
    outline = ellipse(MIDDLE, 70.0, 50.0, 40.0)
    image = paint_defect(plain(10), [(cover([outline]), 1 + contrast)])
    (measured,) = analyze(image, map_of([outline]))
    check(measured, [outline], 0.08)


def test_a_thinner_line_has_a_larger_uncertainty_of_its_width() -> None:
    shares = []
    for thickness in (1.5, 3.0, 6.0):
        scratch = bar(MIDDLE, 140.0, thickness, 24.0)
        image = paint_defect(plain(11), [(cover([scratch]), 0.5)])
        (measured,) = analyze(image, map_of([scratch]))
        assert measured.width_u_mm is not None
        shares.append(measured.width_u_mm / thickness)
    assert shares == sorted(shares, reverse=True)


def test_a_map_that_shows_only_the_tip_does_not_shrink_the_defect() -> None:
    outline = ellipse(MIDDLE, 60.0, 60.0, 0.0)
    image = paint_defect(plain(12), [(cover([outline]), 0.5)])
    anomaly_map = map_of([outline])
    tip = anomaly_map * np.float32(1.02 * THRESHOLD / anomaly_map.max())
    (measured,) = analyze(image, tip)
    if measured.size_source == "refined":
        check(measured, [outline], 0.05)
    else:
        assert measured.size_note
