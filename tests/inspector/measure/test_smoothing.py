"""Compares the fast smoothing with the exact smoothing."""

import cv2
import numpy as np
import pytest

from inspector.measure.smoothing import Kernel, blur, choose_angles, smooth


@pytest.mark.parametrize("sigma", [2.0, 3.5, 6.0, 10.0])
def test_a_blur_is_a_gaussian_of_its_sigma(sigma: float) -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((173, 211, 3)).astype(np.float32)
    values[60:100, 80:150] += 20
    exact = cv2.GaussianBlur(values, (0, 0), sigma)
    assert np.abs(blur(values, sigma) - exact).max() < 0.02 * np.ptp(exact)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 150])
def test_a_line_kernel_gives_a_line_a_stronger_response_than_a_round_kernel(degrees: int) -> None:
    values = np.zeros((120, 120), np.float32)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    ends = [(round(60 - 30 * d * c), round(60 - 30 * d * s)) for d in (-1, 1)]
    cv2.line(values, ends[0], ends[1], 1.0, 1)
    line, round_ = Kernel(1.2, 8.0), Kernel(3.5, 3.5)
    assert smooth(values, line)[60, 60] > 2 * smooth(values, round_)[60, 60]
    near, far = choose_angles(degrees, 10.0), choose_angles(degrees + 90, 10.0)
    assert smooth(values, line, near)[60, 60] > 3 * smooth(values, line, far)[60, 60]


def test_directions_wrap_around() -> None:
    assert choose_angles(178.0, 20.0) == (0, 15, 165)
