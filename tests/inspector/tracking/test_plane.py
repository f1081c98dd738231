"""Tests of the axes of the web, with and without a calibration, in each direction."""

import numpy as np
import pytest

from calibration.plane import Calibration
from inspector.tracking.plane import WebPlane

HW = (480, 640)
STEPS = {"down": (0.0, 1.0), "up": (0.0, -1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}

TILTED = Calibration(
    "homography",
    HW,
    "test",
    "",
    homography=((0.08, 0.01, 1.0), (0.004, 0.09, -3.0), (1e-5, 1.5e-4, 1.0)),
)
SCALE = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.2))


@pytest.mark.parametrize("calibration", [None, SCALE, TILTED])
@pytest.mark.parametrize("direction", STEPS)
def test_a_product_that_moves_forward_comes_from_larger_positions(
    direction: str, calibration: Calibration | None
) -> None:
    plane = WebPlane(HW, direction, calibration)
    centre = np.array((320.0, 240.0))
    before, after = plane.to_web(np.stack((centre, centre + STEPS[direction])))
    assert after[0] < before[0]
    assert after[1] == pytest.approx(before[1], abs=1e-4 * abs(after[0] - before[0]) + 1e-4)


@pytest.mark.parametrize("calibration", [None, SCALE, TILTED])
@pytest.mark.parametrize("direction", STEPS)
def test_frame_pixels_survive_the_way_to_the_web_and_back(
    direction: str, calibration: Calibration | None
) -> None:
    plane = WebPlane(HW, direction, calibration)
    points = np.random.default_rng(1).uniform((0, 0), (640, 480), (50, 2))
    np.testing.assert_allclose(plane.to_frame(plane.to_web(points)), points, atol=1e-6)


def test_length_and_width_are_in_the_unit_of_the_calibration() -> None:
    assert (WebPlane(HW, "up", SCALE).length, WebPlane(HW, "up", SCALE).width) == (96.0, 64.0)
    sideways = WebPlane(HW, "left", SCALE)
    assert (sideways.length, sideways.width) == (64.0, 96.0)
    assert WebPlane(HW, "down", None).length == 480.0
    assert WebPlane(HW, "down", None).unit == "px"


def test_only_a_view_without_tilt_is_a_rectangle() -> None:
    assert WebPlane(HW, "down", SCALE).is_rectangle
    assert not WebPlane(HW, "down", TILTED).is_rectangle
