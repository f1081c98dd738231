"""Measuring the figures of pictures, and comparing them with a reference view."""

import cv2
import numpy as np
import pytest

from engines.picture_statistics import FIGURES, MATCHES, PictureMeter, shrink


def texture(seed: int, brightness: float = 120.0) -> np.ndarray:
    """(64, 96, 3) uint8 RGB."""
    noise = np.random.default_rng(seed).normal(brightness, 20, (64, 96, 1)).clip(0, 255)
    return np.repeat(noise.astype(np.uint8), 3, axis=2)


def board(shift: int = 0) -> np.ndarray:
    """(128, 192, 3) uint8 RGB: bright parts on a grey board, shifted to the right."""
    grey = np.full((128, 192), 90, np.uint8)
    rng = np.random.default_rng(4)
    for x, y, level in zip(*rng.integers((10, 10, 0), (160, 100, 255), (30, 3)).T, strict=True):
        grey[y : y + 14, x + shift : x + shift + 18] = level
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def grey_of(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def test_figures_match_their_definition():
    pixels = texture(0)
    pixels[:4, :8] = 255
    grey = pixels[:, :, 0].astype(np.float64)
    around = np.pad(grey, 1, mode="reflect")
    laplacian = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    laplacian -= 4 * grey
    cells = grey.reshape(4, 16, 4, 24).mean(axis=(1, 3))
    edges = np.minimum(np.abs(laplacian), 255).reshape(4, 16, 4, 24).mean(axis=(1, 3))
    expected = (grey.mean(), grey.std(), laplacian.std(), 0, 0)
    expected += (cells.min(), cells.max(), edges.min(), 100 * np.mean(grey >= 254))
    values = PictureMeter().measure(pixels)
    assert list(values) == list(FIGURES)
    assert list(values.values()) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_grey_is_the_luma_of_a_colour():
    red = np.zeros((8, 8, 3), np.uint8)
    red[:, :, 0] = 200
    values = PictureMeter().measure(red)
    assert (values["brightness"], values["red_green"], values["blue_green"]) == (60, 200, 0)
    assert values["contrast"] == values["sharpness"] == 0


def test_a_dark_a_flat_and_a_blurred_picture_each_change_the_figure_of_that_name():
    meter = PictureMeter()
    sharp = meter.measure(texture(1))
    dark = meter.measure(texture(1, brightness=60.0))
    flat = meter.measure((texture(1) // 4 + 90).astype(np.uint8))
    blurred = meter.measure(cv2.GaussianBlur(texture(1), (0, 0), 1.0))
    assert dark["brightness"] < 0.6 * sharp["brightness"]
    assert flat["contrast"] < 0.3 * sharp["contrast"]
    assert blurred["sharpness"] < 0.2 * sharp["sharpness"]


def test_only_inspected_pixels_count():
    pixels = texture(2)
    inside = np.zeros((64, 96), bool)
    inside[:, :40] = True
    other = pixels.copy()
    other[:, 42:] = 255  # the Laplacian also uses the pixels beside
    assert PictureMeter(inside).measure(pixels) == PictureMeter(inside).measure(other)
    assert PictureMeter().measure(pixels) != PictureMeter().measure(other)


def test_an_equal_view_matches_and_a_shifted_one_does_not():
    meter = PictureMeter(reference=shrink(grey_of(board())))
    same, moved = meter.measure(board()), meter.measure(board(shift=20))
    assert list(same) == [*FIGURES, *MATCHES]
    assert (same["match"], same["cell_match"]) == pytest.approx((1, 1), abs=1e-4)
    assert moved["match"] < 0.3
    x, y, match = meter.match_moved(meter.look(board(shift=20)))
    assert (x, y) == pytest.approx((20, 0), abs=3)
    assert match > 0.9


def test_light_and_a_little_noise_do_not_change_the_match():
    meter = PictureMeter(reference=shrink(grey_of(board())))
    rng = np.random.default_rng(0)
    for pixels in (board() * 0.7 + 20, board() + rng.normal(0, 8, board().shape)):
        assert meter.measure(np.clip(pixels, 0, 255).astype(np.uint8))["match"] > 0.9


def test_a_covered_part_lowers_the_match_of_a_cell():
    meter = PictureMeter(reference=shrink(grey_of(board())))
    covered = board()
    covered[20:70, 30:90] = board()[60:110, 100:160]
    assert meter.measure(covered)["cell_match"] < 0.5


def test_a_match_ignores_pixels_outside_the_region():
    inside = np.zeros((128, 192), bool)
    inside[:, :96] = True
    meter = PictureMeter(inside, shrink(grey_of(board())))
    other = board()
    other[:, 120:] = 255
    assert meter.measure(other)["match"] > 0.95


def test_looking_for_a_moved_picture_does_not_change_the_reference():
    reference = shrink(grey_of(board()))[:80, :120]  # sizes that a Fourier transform does not pad
    meter = PictureMeter(reference=reference)
    assert meter.reference is not None
    before = meter.reference.plane.copy()
    meter.reference.match_moved(meter.band_pass(np.roll(reference, 7, axis=1)))
    assert np.array_equal(meter.reference.plane, before)


@pytest.mark.parametrize("shift", [(12, 0), (-9, 6), (0, -11)])
def test_a_shift_is_measured_in_both_directions(shift):
    meter = PictureMeter(reference=shrink(grey_of(board())))
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(board(), matrix, (192, 128), borderMode=cv2.BORDER_REFLECT)
    x, y, match = meter.match_moved(meter.look(moved))
    assert (x, y) == pytest.approx(shift, abs=1.5)
    assert match > 0.9
