"""Regions of a truth mask."""

import numpy as np
import pytest

from inspector.core.errors import DataError
from learning.metrics.regions import Place, SizeGroup, measure_regions


def truth_with(*boxes: tuple[int, int, int, int], hw: tuple[int, int] = (100, 200)) -> np.ndarray:
    truth = np.zeros(hw, bool)
    for x0, y0, x1, y1 in boxes:
        truth[y0:y1, x0:x1] = True
    return truth


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((90, 40, 109, 41), SizeGroup.SMALL),
        ((90, 40, 110, 41), SizeGroup.MEDIUM),
        ((90, 40, 109, 50), SizeGroup.MEDIUM),
        ((90, 40, 110, 50), SizeGroup.LARGE),
    ],
)
def test_size_goes_by_the_share_of_the_inspected_area(box, size):
    (region,) = measure_regions(np.zeros((100, 200), np.float32), truth_with(box), None, 0.5)
    assert region.size == size
    assert region.box_px == box
    assert region.share == pytest.approx(region.size_px / 20_000)


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((10, 5, 190, 95), Place.CENTRE),
        ((9, 5, 190, 95), Place.BORDER),
        ((10, 4, 190, 95), Place.BORDER),
        ((10, 5, 191, 95), Place.BORDER),
        ((10, 5, 190, 96), Place.BORDER),
    ],
)
def test_a_region_that_touches_the_outer_band_lies_at_the_border(box, place):
    (region,) = measure_regions(np.zeros((100, 200), np.float32), truth_with(box), None, 0.5)
    assert region.place == place


def test_the_band_and_the_share_go_by_what_is_inspected():
    inside = truth_with((100, 0, 200, 100))
    truth = truth_with((98, 40, 110, 50), (150, 40, 160, 41))
    cut, bar = measure_regions(np.zeros((100, 200), np.float32), truth, inside, 0.5)
    assert (cut.box_px, cut.size_px, cut.place) == ((100, 40, 110, 50), 100, Place.BORDER)
    assert (bar.share, bar.size, bar.place) == (0.001, SizeGroup.MEDIUM, Place.CENTRE)


def test_regions_that_touch_by_a_corner_are_one():
    truth = truth_with((10, 10, 12, 12), (12, 12, 14, 14), (20, 10, 21, 11))
    regions = measure_regions(np.zeros((100, 200), np.float32), truth, None, 0.5)
    assert [region.size_px for region in regions] == [8, 1]


def test_the_peak_and_the_shown_share_are_those_of_the_region_alone():
    truth = truth_with((50, 50, 54, 51), (60, 50, 64, 51))
    values = np.zeros((100, 200), np.float32)
    values[50, 50:54] = [0.2, 0.5, 0.9, 0.4]
    values[52, 52] = 7
    first, second = measure_regions(values, truth, None, 0.5)
    assert first.peak == np.float32(0.9)
    assert first.shown == 0.5
    assert first.detected
    assert (second.peak, second.shown, second.detected) == (0, 0, False)


def test_a_region_of_interest_of_another_size_is_refused():
    values = np.zeros((100, 200), np.float32)
    with pytest.raises(DataError, match=r"region of interest of \(3, 3\) does not fit"):
        measure_regions(values, truth_with(), np.ones((3, 3), bool), 0.5)


def test_a_picture_without_defects_has_no_regions():
    assert measure_regions(np.zeros((100, 200), np.float32), truth_with(), None, 0.5) == []


def detections(values: np.ndarray, *boxes: tuple[int, int, int, int]) -> list[bool]:
    regions = measure_regions(values, truth_with(*boxes), None, 0.5)
    return [region.detected for region in regions]


def map_with(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    return truth_with(*boxes).astype(np.float32)


BOX = (80, 40, 100, 60)


@pytest.mark.parametrize(
    ("marked", "detected"),
    [
        (BOX, True),
        ((70, 36, 110, 64), True),  # wider than the defect, as maps are
        ((80, 40, 82, 60), True),  # exactly a tenth of the defect
        ((80, 40, 82, 59), False),
        ((99, 40, 110, 60), False),  # touches it only
        ((120, 40, 140, 60), False),  # beside it
        ((0, 0, 200, 100), False),  # the whole map
        ((80, 0, 100, 100), False),  # a stripe through it, mostly elsewhere
    ],
)
def test_a_region_is_detected_if_marked_regions_near_it_cover_enough(marked, detected):
    assert detections(map_with(marked), BOX) == [detected]


def test_one_marked_region_may_show_several_defects_that_lie_together():
    values = map_with((60, 40, 130, 60))
    assert detections(values, (65, 45, 70, 50), (90, 45, 95, 50), (120, 45, 125, 50)) == [True] * 3


def test_a_peak_elsewhere_does_not_help():
    values = map_with((80, 40, 81, 41))
    values[10:20, 10:20] = 9
    assert detections(values, BOX) == [False]


def test_what_is_marked_outside_the_inspected_area_does_not_count():
    values = map_with((80, 40, 100, 60), (0, 0, 200, 30))
    values[30:41, 90] = 1  # connects both
    inside = truth_with((0, 35, 200, 100))
    (region,) = measure_regions(values, truth_with(BOX), inside, 0.5)
    assert region.detected
    assert detections(values, BOX) == [False]


def test_a_thin_defect_is_detected_under_a_wide_mark():
    assert detections(map_with((20, 44, 180, 56)), (20, 50, 180, 51)) == [True]
