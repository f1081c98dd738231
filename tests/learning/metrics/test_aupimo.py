"""AUPIMO."""

import math

import numpy as np
import pytest

from learning.metrics import aupimo
from learning.metrics.aupimo import HIGHEST, LOWEST, NormalScores, SharedRates

HW = (200, 200)


def normals(count: int = 10, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=HW).astype(np.float32) for _ in range(count)]


def rates_of(maps: list[np.ndarray], most: int = aupimo.MOST) -> SharedRates:
    scores = NormalScores(most)
    for anomaly_map in maps:
        scores.add(anomaly_map)
    return scores.rates()


def by_thresholds(maps: list[np.ndarray], values: np.ndarray, truth: np.ndarray) -> float:
    """Trapezoids over the logarithm of the rate, one threshold per distinct normal score."""
    pooled = np.sort(np.ravel(maps))
    grid = np.linspace(math.log(LOWEST), math.log(HIGHEST), 20_001)
    # The lowest threshold whose rate does not exceed that of the grid.
    counts = np.floor(np.exp(grid) * pooled.size + 1e-9).astype(int)
    shown = [np.mean(values[truth] > pooled[pooled.size - 1 - count]) for count in counts]
    return float(np.trapezoid(shown, grid) / math.log(HIGHEST / LOWEST))


@pytest.mark.parametrize("shift", [3.0, 3.5, 4.0])
def test_it_is_the_area_under_the_step_curve_over_the_logarithm_of_the_rate(shift):
    maps = normals()
    truth = np.zeros(HW, bool)
    truth[50:80, 50:80] = True
    values = normals(1, seed=1)[0] + np.float32(shift) * truth
    value = rates_of(maps).aupimo(values, truth).value
    assert 0.05 < value < 0.95
    assert value == pytest.approx(by_thresholds(maps, values, truth), abs=2e-3)


def test_a_defect_above_all_normals_is_one_and_below_nearly_all_is_nothing():
    rates = rates_of(normals())
    truth = np.zeros(HW, bool)
    truth[0, 0] = True
    assert rates.aupimo(np.full(HW, 100, np.float32), truth).value == 1
    assert rates.aupimo(np.full(HW, 1, np.float32), truth).value == 0


def test_the_rate_is_the_mean_of_the_pictures_where_they_are_inspected_in_part():
    scores = NormalScores()
    ramp = np.arange(20_000, dtype=np.float32).reshape(100, 200)
    half = np.zeros(ramp.shape, bool)
    half[50:] = True
    scores.add(ramp)
    scores.add(ramp, half)
    truth = np.zeros(ramp.shape, bool)
    truth[0, 0] = True
    # At or above the highest score lie 1 / 20000 of one picture and 1 / 10000 of the other.
    rate = (1 / 20_000 + 1 / 10_000) / 2
    expected = math.log(HIGHEST / rate) / math.log(HIGHEST / LOWEST)
    metric = scores.rates().aupimo(np.full(ramp.shape, 19_999, np.float32), truth)
    assert metric.value == pytest.approx(expected, abs=1e-12)


def test_scores_too_low_to_matter_may_be_forgotten():
    maps, truth = normals(20), np.zeros(HW, bool)
    truth[:40, :40] = True
    values = normals(1, seed=1)[0] + np.float32(3.5)
    whole, top = rates_of(maps), rates_of(maps, most=3000)
    assert len(top.keys) == 3000
    assert top.aupimo(values, truth).value == pytest.approx(
        whole.aupimo(values, truth).value, abs=1e-12
    )
    starved = rates_of(maps, most=50).aupimo(values, truth)
    assert math.isnan(starved.value)
    assert "too many defect-free pixels" in starved.reason


def test_few_normal_pixels_in_the_range_are_stated():
    truth = np.ones(HW, bool)
    few = rates_of(normals(2))
    many = rates_of([np.random.default_rng(0).random((2000, 1800), np.float32)])
    # 80,000 and 3,600,000 pixels: 1 to 8 of them, and 36 to 360, are the rates' range.
    assert "only 8 defect-free pixels" in few.aupimo(normals(1)[0], truth).reason
    assert many.aupimo(normals(1)[0], truth).reason == ""
    assert rates_of([np.zeros((2000, 1800), np.float32)]).note.startswith(
        "it depends on only 0 defect-free"
    )


def test_without_normals_or_defects_it_is_nan_with_a_reason():
    empty = NormalScores().rates().aupimo(normals(1)[0], np.ones(HW, bool))
    assert (math.isnan(empty.value), empty.reason) == (True, "no good pictures")
    clean = rates_of(normals(2)).aupimo(normals(1)[0], np.zeros(HW, bool))
    assert (math.isnan(clean.value), clean.reason) == (True, "no defect pixels")
    assert aupimo.mean([], seed=0).reason == "no defective pictures"
    assert aupimo.mean([empty], seed=0).reason == "no good pictures"


def test_the_mean_leaves_undefined_pictures_out_and_says_so():
    values = [aupimo.Metric(percent / 100) for percent in range(101)]
    metric = aupimo.mean([*values, aupimo.Metric.undefined("no defect pixels")], seed=0)
    assert metric.value == pytest.approx(0.5)
    assert metric.reason == "no defect pixels; 1 of 102 pictures left out"
    # The mean of 101 values spread evenly over 0 to 1 has a standard deviation of 0.029.
    assert metric.interval == pytest.approx((0.443, 0.557), abs=0.01)
    lone = aupimo.mean([aupimo.Metric(0.5)], seed=0)
    assert (lone.interval, lone.reason) == (None, "one picture is too few for an interval")
