"""Lenses: removing distortion from points, and calibrations with a lens."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.lens import Lens
from calibration.plane import Calibration
from calibration.scale import from_scale
from inspector.core.errors import CalibrationError

BARREL = Lens((1500.0, 1500.0), (650.0, 350.0), (-0.4, 0.4, 0.001, -0.001, -0.1))
MATRIX = ((0.05, 0.002, -3.0), (0.001, 0.06, 1.0), (1e-5, 2e-5, 1.0))
FRAME_HW = (720, 1280)


def with_lens(lens: Lens = BARREL) -> Calibration:
    return Calibration("homography", FRAME_HW, "test", "now", homography=MATRIX, lens=lens)


@given(st.floats(0, 1280), st.floats(0, 720))
def test_undistorting_is_exact_to_a_thousandth_of_a_pixel_in_the_whole_frame(
    x: float, y: float
) -> None:
    point = np.array(((x, y),))
    assert BARREL.distort(BARREL.undistort(point)) == pytest.approx(point, abs=1e-3)


def test_barrel_distortion_moves_corners_outwards_and_not_the_centre() -> None:
    points = np.array(((0.0, 0.0), (1280.0, 720.0), (650.0, 350.0)))
    moved = BARREL.undistort(points)
    assert moved[0, 0] < -20
    assert moved[1, 0] > 1300
    assert moved[2] == pytest.approx(points[2], abs=1e-6)
    assert BARREL.undistort(np.empty((0, 2))).shape == (0, 2)


@given(st.floats(5, 1275), st.floats(5, 715))
def test_the_pitch_of_a_calibration_with_a_lens_is_the_length_of_a_small_step(
    x: float, y: float
) -> None:
    calibration, step = with_lens(), 0.01
    around = np.array(((x, y), (x + step, y), (x, y + step)))
    start, right, down = calibration.to_plane(around)
    along_x, along_y = calibration.mm_per_px_at((x, y))
    assert math.dist(start, right) / step == pytest.approx(along_x, rel=1e-3)
    assert math.dist(start, down) / step == pytest.approx(along_y, rel=1e-3)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"focal_px": (0.0, 1500.0)}, "focal_px must be above 0"),
        ({"centre_px": (math.nan, 1.0)}, "finite"),
        ({"coefficients": (math.inf, 0.0, 0.0, 0.0, 0.0)}, "finite"),
    ],
)
def test_an_impossible_lens_is_refused(values: dict[str, object], reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        replace(BARREL, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "coefficients", [(-2.5, 0, 0, 0, 0), (0, -9.0, 0, 0, 0), (-1e9, 0, 0, 0, 0)]
)
def test_a_lens_that_folds_the_frame_is_refused(coefficients: tuple[float, ...]) -> None:
    lens = replace(BARREL, coefficients=tuple(map(float, coefficients)))
    with pytest.raises(CalibrationError, match="two places to the same pixel"):
        with_lens(lens)


def test_a_horizon_that_only_the_lens_moves_into_the_frame_is_refused() -> None:
    matrix = ((0.05, 0.0, 0.0), (0.0, 0.05, 0.0), (-1 / 1290, 0.0, 1.0))
    plain = Calibration("homography", FRAME_HW, "test", "now", homography=matrix)
    with pytest.raises(CalibrationError, match="horizon"):
        replace(plain, lens=BARREL)


def test_a_scale_has_no_lens() -> None:
    with pytest.raises(CalibrationError, match="lens is not allowed with kind scale"):
        replace(from_scale(0.1, FRAME_HW), lens=BARREL)
