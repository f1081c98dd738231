"""Tests places, sizes and borders of the regions of a map."""

import numpy as np
import pytest

from inspector.core.arrays import Map
from inspector.measure import shape
from inspector.measure.contours import find_regions, open_map, score_region


def bump(hw: tuple[int, int], centre: tuple[float, float], radius: float) -> Map:
    """A cone of height 1 whose half-way contour is a circle of that radius."""
    y, x = np.mgrid[: hw[0], : hw[1]] + 0.5
    away = np.hypot(x - centre[0], y - centre[1])
    return np.maximum(1 - away / (2 * radius), 0).astype(np.float32)


def test_a_map_below_the_threshold_has_no_region() -> None:
    assert find_regions(np.zeros((8, 8), np.float32), 0.5) == ()


def test_a_round_region_has_its_place_and_size_to_a_fraction_of_a_pixel() -> None:
    (region,) = find_regions(bump((64, 96), (30.3, 21.7), 8.0), 0.5)
    assert region.holes == 0
    assert shape.region_area(region.polygons, 0) == pytest.approx(np.pi * 64, rel=0.01)
    assert shape.region_centroid(region.polygons, 0) == pytest.approx((30.3, 21.7), abs=0.02)


def test_a_region_with_one_pixel_above_has_an_area() -> None:
    values = np.zeros((9, 9), np.float32)
    values[4, 6] = 1
    (region,) = find_regions(values, 0.5)
    assert shape.region_centroid(region.polygons, 0) == pytest.approx((6.5, 4.5))
    assert shape.region_area(region.polygons, 0) == pytest.approx(0.5)


def test_a_ring_is_one_region_with_a_hole() -> None:
    values = bump((64, 64), (32, 32), 20.0)
    ring = np.where(values > 0.8, np.float32(0), values)
    (region,) = find_regions(ring, 0.5)
    assert region.holes == 1
    outer, hole = region.polygons
    assert shape.area(outer) > shape.area(hole) > 0


def test_a_region_at_the_border_ends_at_the_border() -> None:
    values = np.zeros((10, 20), np.float32)
    values[:4, :5] = 1
    (region,) = find_regions(values, 0.5)
    assert shape.bounding_box(region.outer) == pytest.approx((0.0, 0.0, 5.0, 4.0))
    (full,) = find_regions(np.ones((10, 20), np.float32), 0.5)
    assert shape.region_area(full.polygons, 0) == pytest.approx(200.0)


def test_peak_and_mean_are_of_one_region_only() -> None:
    low, high = bump((64, 96), (20, 30), 6.0), bump((64, 96), (70, 30), 6.0)
    values = np.maximum(low, 3 * high)
    regions = find_regions(values, 0.5)
    peaks = sorted(score_region(values, region)[0] for region in regions)
    assert peaks == pytest.approx([0.94, 2.82], abs=0.05)
    for region in regions:
        peak, mean = score_region(values, region)
        assert mean < peak


def test_opening_drops_what_is_narrow_and_keeps_what_is_wide() -> None:
    values = np.zeros((40, 40), np.float32)
    values[5:7, :] = 1
    values[15:30, 10:30] = 1
    assert len(find_regions(values, 0.5)) == 2
    (region,) = find_regions(open_map(values, 5), 0.5)
    assert shape.region_area(region.polygons, 0) == pytest.approx(300, rel=0.05)
    assert open_map(values, 0) is values
