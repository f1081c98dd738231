"""Pixel metrics, streamed."""

import math

import numpy as np
import pytest
from adeval import au_pro, mem_effic
from hypothesis import given, settings
from hypothesis import strategies as st
from map_scenes import scene, slow_aupro
from sklearn import metrics as reference

from inspector.core.errors import DataError
from learning.metrics import pixels
from learning.metrics.pixels import PixelCurve
from learning.metrics.regions import Place, SizeGroup


def curve_of(maps, truths, limit: int = pixels.LIMIT, inside=None) -> PixelCurve:
    curve = PixelCurve(limit)
    for anomaly_map, truth in zip(maps, truths, strict=True):
        curve.add(anomaly_map, truth, inside)
    return curve


@pytest.mark.parametrize("levels", [0, 3, 200])
@pytest.mark.parametrize("batch", [1, 10_000, 1 << 21])
def test_pixel_areas_equal_those_of_scikit_learn(levels, batch, monkeypatch):
    monkeypatch.setattr(pixels, "BATCH", batch)
    maps, truths = scene(0, levels=levels)
    flat, truth = np.ravel(maps), np.ravel(truths)
    curve = curve_of(maps, truths)
    assert curve.auroc().value == pytest.approx(reference.roc_auc_score(truth, flat), abs=1e-12)
    expected = reference.average_precision_score(truth, flat)
    assert curve.average_precision().value == pytest.approx(expected, abs=1e-12)
    precision, recall, _ = reference.precision_recall_curve(truth, flat)
    f1, threshold = curve.f1_max()
    both = precision + recall
    expected = (2 * precision * recall / np.where(both > 0, both, 1)).max()
    assert f1.value == pytest.approx(expected, abs=1e-12)
    assert reference.f1_score(truth, flat >= threshold) == pytest.approx(f1.value, abs=1e-12)
    assert curve.dropped_bits == 0
    assert f1.error == curve.auroc().error == curve.aupro().error == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 2, 4, 30, 300]))
def test_aupro_equals_that_of_one_threshold_after_the_other(seed, levels):
    maps, truths = scene(seed, pictures=4, levels=levels)
    value = curve_of(maps, truths).aupro().value
    assert value == pytest.approx(slow_aupro(maps, truths), abs=1e-12)
    assert 0 <= value <= 1


@pytest.mark.parametrize("spiky", [False, True])
def test_aupro_agrees_with_adeval(spiky):
    maps, truths = scene(1, pictures=12)
    if spiky:
        maps = [np.exp(4 * values) for values in maps]
    expected, _ = au_pro.calculate_au_pro(truths, maps, 0.3, num_thresholds=5000)
    assert curve_of(maps, truths).aupro().value == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("levels", [2, 5, 64])
def test_aupro_agrees_with_adeval_where_scores_tie(levels, monkeypatch):
    # The oracle was written for NumPy 1, where the trapezoid rule had this name.
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    maps, truths = scene(2, levels=levels)
    _, _, expected = mem_effic.auroc_aupr_aupro(
        np.stack(maps), np.stack(truths).astype(np.uint8), nstrips=levels * 8
    )
    assert curve_of(maps, truths).aupro().value == pytest.approx(expected, abs=1e-4)


def test_aupro_of_many_pictures_agrees_with_adeval(monkeypatch):
    monkeypatch.setattr(pixels, "BATCH", 20_000)
    maps, truths = scene(3, pictures=60)
    expected, _ = au_pro.calculate_au_pro(truths, maps, 0.3, num_thresholds=4000)
    assert curve_of(maps, truths).aupro().value == pytest.approx(expected, abs=1e-4)


def test_aupro_of_perfect_maps_is_one_and_of_constant_ones_a_half_of_the_limit():
    _, truths = scene(4)
    perfect = [truth.astype(np.float32) for truth in truths]
    assert curve_of(perfect, truths).aupro().value == pytest.approx(1, abs=1e-12)
    flat = [np.zeros_like(values) for values in perfect]
    assert curve_of(flat, truths).aupro().value == pytest.approx(0.15, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([40, 300, 3000]), st.booleans())
def test_the_stated_error_bounds_what_dropped_bits_cost(seed, limit, positive):
    maps, truths = scene(seed, pictures=4)
    if positive:
        maps = [np.exp(values) for values in maps]
    exact, coarse = curve_of(maps, truths), curve_of(maps, truths, limit)
    assert coarse.dropped_bits > 0
    assert len(coarse.steps().thresholds) <= limit
    for measure in (
        PixelCurve.auroc,
        PixelCurve.average_precision,
        PixelCurve.aupro,
        lambda curve: curve.f1_max()[0],
        lambda curve: curve.aupro(SizeGroup.MEDIUM),
    ):
        grouped = measure(coarse)
        assert abs(grouped.value - measure(exact).value) <= grouped.error + 1e-12
    assert 0 < coarse.auroc().error < (0.02 if limit == 3000 else 0.3)


def test_a_threshold_of_grouped_scores_reaches_the_stated_f1():
    maps, truths = scene(5)
    f1, threshold = curve_of(maps, truths, 300).f1_max()
    at = reference.f1_score(np.ravel(truths), np.ravel(maps) >= threshold)
    assert at == pytest.approx(f1.value, abs=1e-7)


@pytest.mark.parametrize(("first", "second"), [(1 << 21, 1 << 21), (400, 1 << 21), (1 << 21, 400)])
def test_merged_curves_equal_one_curve(first, second):
    maps, truths = scene(6)
    whole, left = curve_of(maps, truths, first), curve_of(maps[:3], truths[:3], first)
    left.merge(curve_of(maps[3:], truths[3:], second))
    assert left.regions() == whole.regions()
    for measure in (PixelCurve.auroc, PixelCurve.average_precision, PixelCurve.aupro):
        merged, alone = measure(left), measure(whole)
        assert abs(merged.value - alone.value) <= merged.error + alone.error + 1e-12


def test_pixels_outside_the_region_of_interest_count_nowhere():
    maps, truths = scene(7)
    inside = np.zeros(maps[0].shape, bool)
    inside[4:40, 10:60] = True
    cut = np.s_[4:40, 10:60]
    whole = curve_of(maps, truths, inside=inside)
    part = curve_of([array[cut].copy() for array in maps], [array[cut].copy() for array in truths])
    assert whole.regions() == part.regions()
    for measure in (PixelCurve.auroc, PixelCurve.average_precision, PixelCurve.aupro):
        assert measure(whole) == measure(part)
    assert whole.aupro(place=Place.BORDER) == part.aupro(place=Place.BORDER)


def test_groups_of_regions_average_to_the_whole():
    maps, truths = scene(8, pictures=12, hw=(64, 96))
    curve = curve_of(maps, truths)
    for groups in ([(size, None) for size in SizeGroup], [(None, place) for place in Place]):
        counts = [curve.regions(*group) for group in groups]
        assert sum(count > 0 for count in counts) >= 2
        values = [curve.aupro(*group).value for group in groups]
        mean = np.average(np.nan_to_num(values), weights=counts)
        assert mean == pytest.approx(curve.aupro().value, abs=1e-12)


def test_without_defects_or_normals_every_figure_is_nan_with_a_reason():
    maps, truths = scene(9)
    clean = curve_of(maps[:1], truths[:1])
    full = curve_of(maps[:1], [np.ones_like(truths[0])])
    for curve, reasons in (
        (clean, {"no defect pixels", "no defect regions"}),
        (full, {"no defect-free pixels"}),
        (PixelCurve(), {"no defect pixels", "no defect regions"}),
    ):
        f1, threshold = curve.f1_max()
        for metric in (curve.auroc(), curve.average_precision(), f1, curve.aupro()):
            assert math.isnan(metric.value)
            assert metric.reason in reasons
        assert math.isnan(threshold)
    whole = curve_of(maps, truths)
    assert whole.aupro(SizeGroup.LARGE).reason == "no defect regions" or whole.regions(
        SizeGroup.LARGE
    )


def test_maps_with_nan_and_masks_of_another_size_are_refused():
    maps, truths = scene(10, pictures=2)
    maps[1][3, 4] = np.nan
    with pytest.raises(DataError, match="1 of 3072 values of the anomaly map are not finite"):
        curve_of(maps, truths)
    with pytest.raises(DataError, match=r"truth mask of \(2, 2\) does not fit"):
        PixelCurve().add(maps[0], np.zeros((2, 2), bool))


def test_zeros_of_both_signs_and_negative_scores_keep_their_order():
    values = np.array([[-3.0, -0.0, 0.0, 2.0, -1e-40, 1e-40]], np.float32)
    truth = np.array([[False, True, False, True, False, False]])
    curve = curve_of([values], [truth])
    expected = reference.roc_auc_score(truth.ravel(), values.ravel().astype(float))
    assert curve.auroc().value == pytest.approx(expected, abs=1e-12)
    assert len(curve.steps().thresholds) == 5
    np.testing.assert_array_equal(curve.steps().thresholds, np.unique(values.astype(float))[::-1])
