"""Measuring brightness, contrast and sharpness of pictures."""

import cv2
import numpy as np
import pytest

from engines.picture_statistics import FIGURES, measure_picture, summarise_pictures
from engines.spec_fields import QUANTILES


def texture(seed: int, brightness: float = 120.0) -> np.ndarray:
    """(64, 96, 3) uint8 RGB."""
    noise = np.random.default_rng(seed).normal(brightness, 20, (64, 96, 1)).clip(0, 255)
    return np.repeat(noise.astype(np.uint8), 3, axis=2)


def test_figures_match_their_definition():
    pixels = texture(0)
    grey = pixels[:, :, 0].astype(np.float64)
    around = np.pad(grey, 1, mode="reflect")
    laplacian = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    laplacian -= 4 * grey
    assert measure_picture(pixels) == pytest.approx(
        {"brightness": grey.mean(), "contrast": grey.std(), "sharpness": laplacian.std()},
        rel=1e-5,
    )


def test_grey_is_the_luma_of_a_colour():
    red = np.zeros((8, 8, 3), np.uint8)
    red[:, :, 0] = 200
    assert measure_picture(red) == {"brightness": 60.0, "contrast": 0.0, "sharpness": 0.0}


def test_a_dark_a_flat_and_a_blurred_picture_each_change_the_figure_of_that_name():
    sharp = measure_picture(texture(1))
    dark = measure_picture(texture(1, brightness=60.0))
    flat = measure_picture((texture(1) // 4 + 90).astype(np.uint8))
    blurred = measure_picture(cv2.GaussianBlur(texture(1), (0, 0), 1.0))
    assert dark["brightness"] < 0.6 * sharp["brightness"]
    assert flat["contrast"] < 0.3 * sharp["contrast"]
    assert blurred["sharpness"] < 0.2 * sharp["sharpness"]


def test_only_inspected_pixels_count():
    pixels = texture(2)
    inside = np.zeros((64, 96), bool)
    inside[:, :40] = True
    other = pixels.copy()
    other[:, 42:] = 255  # the Laplacian also uses the pixels beside
    assert measure_picture(pixels, inside) == measure_picture(other, inside)
    assert measure_picture(pixels) != measure_picture(other)


def test_a_summary_holds_the_distribution_over_the_pictures():
    pictures = [texture(seed, 100.0 + seed) for seed in range(11)]
    summary = summarise_pictures(pictures)
    assert summary.count == 11
    assert [figure.name for figure in summary.figures] == list(FIGURES)
    assert summary.bit_depth is summary.false_alarm_rate is None
    for figure in summary.figures:
        values = [measure_picture(pixels)[figure.name] for pixels in pictures]
        assert figure.mean == pytest.approx(np.mean(values))
        assert figure.sd == pytest.approx(np.std(values, ddof=1))
        assert figure.quantiles == pytest.approx(tuple(np.quantile(values, QUANTILES)))
        assert figure.low is figure.high is None


def test_one_picture_and_equal_pictures_have_no_spread():
    for pictures in ([texture(3)], [texture(3)] * 7):
        for figure in summarise_pictures(pictures).figures:
            assert figure.sd == pytest.approx(0, abs=1e-9)
            assert figure.quantiles[0] == pytest.approx(figure.quantiles[-1])
