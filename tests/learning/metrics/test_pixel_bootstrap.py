"""Resampling of pictures for pixel figures."""

import math

import numpy as np
import pytest
from map_scenes import Scene, scene

from inspector.core.errors import DataError
from learning.metrics import bootstrap, pixel_bootstrap
from learning.metrics.pixel_bootstrap import PixelBootstrap
from learning.metrics.pixels import PixelCurve
from learning.metrics.value import Metric

MEASURES = {
    "auroc": PixelCurve.auroc,
    "average_precision": PixelCurve.average_precision,
    "f1_max": lambda curve: curve.f1_max()[0],
    "aupro": PixelCurve.aupro,
}


def both(pictures: Scene, seed: int = 0, times: np.ndarray | None = None, replicates: int = 200):
    drawn, curve = PixelBootstrap(seed=seed, replicates=replicates), PixelCurve()
    for number, (anomaly_map, truth) in enumerate(zip(*pictures, strict=True)):
        drawn.add(number, anomaly_map, truth)
        for _ in range(1 if times is None else times[number]):
            curve.add(anomaly_map, truth)
    return drawn, curve


def compared(engines: tuple, exact: tuple, figure: str) -> bootstrap.Difference:
    """As evaluation.comparison does it."""
    drawn = [
        engine.centre(figure, metric.value) for engine, metric in zip(engines, exact, strict=True)
    ]
    (difference,) = bootstrap.differences(exact, np.stack(drawn))
    return difference


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_a_replicate_is_the_figure_of_the_pictures_drawn(batch, monkeypatch):
    monkeypatch.setattr(pixel_bootstrap, "BATCH", batch)
    pictures = scene(0, pictures=12, levels=50)
    draws = np.stack([np.random.default_rng((7, number)).poisson(1.0, 3) for number in range(12)])
    for row in range(3):
        drawn, curve = both(pictures, 7, draws[:, row], replicates=3)
        for figure, measure in MEASURES.items():
            value = drawn.replicates(figure)[row + 1]
            assert value == pytest.approx(measure(curve).value, abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.9, 1.0), (-50.0, 50.0)])
def test_grouping_costs_less_than_a_hundredth_whatever_the_range_of_scores(low, high):
    maps, truths = scene(1)
    smallest, largest = np.min(maps), np.max(maps)
    maps = [
        ((anomaly_map - smallest) / (largest - smallest) * (high - low) + low).astype(np.float32)
        for anomaly_map in maps
    ]
    drawn, curve = both((maps, truths), replicates=2)
    for figure, measure in MEASURES.items():
        assert drawn.replicates(figure)[0] == pytest.approx(measure(curve).value, abs=0.01)


def test_more_distinct_scores_than_the_limit_are_grouped_further(monkeypatch):
    monkeypatch.setattr(pixel_bootstrap, "LIMIT", 64)
    monkeypatch.setattr(pixel_bootstrap, "BATCH", 3)
    drawn, curve = both(scene(2), replicates=2)
    assert drawn.replicates("auroc")[0] == pytest.approx(curve.auroc().value, abs=0.03)
    assert drawn._sums.shape[2] <= 64


def test_the_interval_is_about_as_wide_as_the_spread_of_new_samples():
    values, widths = [], []
    for seed in range(16):
        drawn, curve = both(scene(100 + seed, pictures=12), seed, replicates=100)
        metric = drawn.with_interval("aupro", curve.aupro())
        assert metric.interval is not None
        assert metric.interval[0] < metric.value < metric.interval[1]
        values.append(metric.value)
        widths.append(np.ptp(metric.interval))
    # 3.9 standard deviations; that of 16 samples is itself known to 18 %.
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values, ddof=1), rel=0.45)


def test_the_exact_figure_and_not_the_grouped_one_places_the_interval():
    drawn, _ = both(scene(8))
    low, high = (drawn.with_interval("auroc", Metric(value)).interval for value in (0.6, 0.7))
    assert low is not None
    assert np.add(low, 0.1) == pytest.approx(high)
    assert low[0] < 0.6 < low[1]
    moved = drawn.centre("auroc", 0.7) - drawn.centre("auroc", 0.6)
    assert moved == pytest.approx(0.1)


@pytest.mark.parametrize("figure", pixel_bootstrap.FIGURES)
def test_an_engine_against_itself_differs_by_nothing(figure):
    first, curve = both(scene(3))
    second, _ = both(scene(3))
    value = MEASURES[figure](curve)
    difference = compared((first, second), (value, value), figure)
    assert (difference.value, difference.interval, difference.p) == (0, (0, 0), 1)


def test_a_worse_engine_is_significant():
    maps, truths = scene(4, pictures=20)
    rng = np.random.default_rng(5)
    noisy = [
        (anomaly_map + rng.normal(size=anomaly_map.shape)).astype(np.float32)
        for anomaly_map in maps
    ]
    (good, best), (bad, worst) = both((maps, truths)), both((noisy, truths))
    difference = compared((good, bad), (best.aupro(), worst.aupro()), "aupro")
    assert difference.value == best.aupro().value - worst.aupro().value > 0.02
    assert difference.p < 0.05
    assert difference.interval is not None
    assert 0 < difference.interval[0] < difference.value < difference.interval[1]


def test_a_picture_is_counted_once_and_drawn_by_its_number_and_the_seed():
    pictures = scene(6, pictures=6)
    first, _ = both(pictures)
    again, _ = both(pictures)
    reseeded, _ = both(pictures, seed=1)
    drawn, same, other = (sample.replicates("auroc") for sample in (first, again, reseeded))
    assert np.array_equal(drawn, same, equal_nan=True)
    assert not np.array_equal(drawn, other, equal_nan=True)
    with pytest.raises(DataError, match="picture number 1 was added twice"):
        first.add(1, pictures[0][1], pictures[1][1])


def test_undefined_figures_and_single_pictures_get_no_interval():
    maps, truths = scene(7, pictures=2)
    clean, curve = both((maps[:1] * 2, truths[:1] * 2))
    undefined = clean.with_interval("aupro", curve.aupro())
    assert math.isnan(undefined.value)
    assert undefined.reason == "no defect regions"
    assert np.isnan(PixelBootstrap().replicates("auroc")).all()
    lone, curve = both((maps[1:], truths[1:]))
    assert lone.with_interval("auroc", curve.auroc()).interval is None
    with pytest.raises(ValueError, match="not 'auprc'"):
        lone.replicates("auprc")
