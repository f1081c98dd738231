"""Compares the fast smoothing with the exact smoothing."""

import cv2
import numpy as np
import pytest

from inspector.measure.smoothing import (
    ANGLES,
    LINE_ACROSS,
    LINE_ALONG,
    blur,
    compute_line_responses,
    find_quantile,
    grow_mask,
    smooth_along_lines,
)


@pytest.mark.parametrize("sigma", [0.8, 2.0, 3.5, 6.0, 10.0])
def test_a_blur_is_a_gaussian_of_its_sigma(sigma: float) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((173, 211, 3)).astype(np.float32)
    values[60:100, 80:150] += 20
    exact = cv2.GaussianBlur(values, (0, 0), sigma)
    assert np.abs(blur(values, sigma) - exact).max() < 0.02 * np.ptp(exact)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 150])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_kernel_gives_a_line_a_stronger_response_than_a_round_kernel(
    degrees: int, sign: int
) -> None:
    values = np.zeros((120, 120), np.float32)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    ends = [(round(60 - 30 * d * c), round(60 - 30 * d * s)) for d in (-1, 1)]
    cv2.line(values, ends[0], ends[1], float(sign), 1)
    bright, dark = compute_line_responses(values)
    line = bright if sign > 0 else -dark
    assert line[60, 60] > 2 * sign * blur(values, 2.5)[60, 60]


@pytest.mark.parametrize("shape", [(90, 88), (7, 131), (1, 1)])
def test_lines_are_smoothed_as_a_direct_sum_smooths_them(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 6, "edge"), (13, 13))
    y, x = np.mgrid[-6:7, -6:7]
    for angle, smooth in zip(np.radians(ANGLES), smooth_along_lines(values), strict=True):
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        kernel = np.exp(-0.5 * ((along / LINE_ALONG) ** 2 + (across / LINE_ACROSS) ** 2))
        direct = np.einsum("ijkl,kl->ij", windows, kernel / kernel.sum())
        assert smooth.shape == shape
        assert np.abs(smooth - direct).max() < 1e-6


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 11, 506])
def test_a_quantile_is_that_of_numpy(count: int, kind: type[np.floating]) -> None:
    values = np.random.default_rng(3).normal(size=count).astype(kind)
    for share in (0.0, 0.5, 0.75, 0.97, 1.0):
        assert find_quantile(values, share) == float(np.quantile(values, share))


@pytest.mark.parametrize("radius", [1.0, 3.0, 8.0])
def test_a_grown_mask_is_wider_by_the_radius(radius: float) -> None:
    mask = np.zeros((40, 60), bool)
    mask[18:22, 25:35] = True
    grown = grow_mask(mask, radius)
    assert grown[20].sum() == 10 + 2 * int(radius)
