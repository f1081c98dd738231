"""Converting pixels to millimetres with scales and homographies, for frames of one size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration import Calibration
from calibration.scale import from_scale
from calibration.two_point import from_two_points
from inspector.core.errors import CalibrationError, CalibrationSizeError

TILTED = ((0.05, 0.002, -3.0), (0.001, 0.06, 1.0), (1e-5, 2e-5, 1.0))


def tilted(frame_hw: tuple[int, int] = (720, 1280)) -> Calibration:
    return Calibration("homography", frame_hw, "test", "now", homography=TILTED)


def test_a_scale_can_differ_along_x_and_y() -> None:
    calibration = from_scale(0.1, (10, 20), mm_per_px_y=0.3)
    plane = calibration.to_plane(np.array(((10.0, 20.0),)))
    assert plane == pytest.approx(np.array(((1.0, 6.0),)))
    assert calibration.mm_per_px_at((3, 3)) == (0.1, 0.3)


def test_the_error_for_another_frame_size_names_both_sizes() -> None:
    calibration = from_scale(0.1, (720, 1280))
    calibration.check((720, 1280))
    with pytest.raises(CalibrationSizeError, match=r"1280x720.*1920x1080") as caught:
        calibration.check((1080, 1920))
    assert caught.value.exit_code == 5


@given(st.floats(0, 1280), st.floats(0, 720))
def test_the_pitch_of_a_homography_is_the_length_of_a_small_step(x: float, y: float) -> None:
    calibration, step = tilted(), 1e-4
    start, right, down = calibration.to_plane(np.array(((x, y), (x + step, y), (x, y + step))))
    along_x, along_y = calibration.mm_per_px_at((x, y))
    assert math.dist(start, right) / step == pytest.approx(along_x, rel=1e-4)
    assert math.dist(start, down) / step == pytest.approx(along_y, rel=1e-4)


def test_a_horizon_inside_the_frame_is_refused() -> None:
    matrix = ((0.05, 0.0, 0.0), (0.0, 0.05, 0.0), (-1e-3, 0.0, 1.0))
    with pytest.raises(CalibrationError, match="horizon"):
        Calibration("homography", (720, 1280), "test", "now", homography=matrix)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_not_positive_is_refused(bad: float) -> None:
    with pytest.raises(CalibrationError, match="mm_per_px"):
        from_scale(bad, (10, 10))


def test_equal_calibrations_have_equal_hashes_and_others_do_not() -> None:
    assert tilted().sha256() == tilted().sha256()
    assert tilted().sha256() != tilted((1080, 1920)).sha256()


def test_two_points_give_the_scale_and_its_uncertainty() -> None:
    calibration = from_two_points(
        (100, 100), (400, 500), 50.0, (720, 1280), point_u_px=0.5, distance_u_mm=0.1
    )
    assert calibration.mm_per_px == pytest.approx((0.1, 0.1))
    assert calibration.scale_u_rel == pytest.approx(math.hypot(math.sqrt(0.5) / 500, 0.1 / 50))


@pytest.mark.parametrize(
    ("second", "reason"), [((101, 100), "pixels apart"), ((2000, 100), "outside the frame")]
)
def test_useless_points_are_refused(second: tuple[float, float], reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        from_two_points((100, 100), second, 50.0, (720, 1280), point_u_px=0.5)


@pytest.mark.parametrize("factor", [1e-9, 1e-7, 1e5, 1e9])
def test_every_kind_of_calibration_has_the_same_plausible_range(factor: float) -> None:
    rows = (np.diag((factor / 0.05, factor / 0.05, 1)) @ np.array(TILTED)).tolist()
    sentence = r"mm_per_px along x must lie between 1e-06 and 10000, got .*check that all lengths"
    with pytest.raises(CalibrationError, match=sentence):
        Calibration("homography", (720, 1280), "test", "now", homography=tuple(map(tuple, rows)))
    with pytest.raises(CalibrationError, match=sentence):
        from_scale(factor, (720, 1280))
    with pytest.raises(CalibrationError, match=sentence):
        from_two_points((0, 0), (1000, 0), factor * 1000, (720, 1280), point_u_px=0.5)


def test_a_homography_that_leaves_the_range_in_one_corner_is_refused() -> None:
    matrix = ((100.0, 0.0, 0.0), (0.0, 100.0, 0.0), (-1 / 1284, 0.0, 1.0))
    with pytest.raises(CalibrationError, match=r"at the pixel \(1280, 0\)"):
        Calibration("homography", (720, 1280), "test", "now", homography=matrix)


def test_a_homography_that_maps_everything_onto_a_line_is_refused() -> None:
    matrix = ((0.05, 0.05, 0.0), (0.05, 0.05, 0.0), (0.0, 0.0, 1.0))
    with pytest.raises(CalibrationError, match="cannot be inverted"):
        Calibration("homography", (720, 1280), "test", "now", homography=matrix)
