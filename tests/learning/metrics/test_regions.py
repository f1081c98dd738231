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
