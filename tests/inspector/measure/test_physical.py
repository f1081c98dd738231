"""Sizes in millimetres with a lens and an uncertainty that depends on the place."""

import dataclasses

import numpy as np
import pytest

from calibration.lens import Lens
from calibration.plane import Calibration
from calibration.uncertainty_map import UncertaintyMap
from inspector.core.geometry import Points
from inspector.measure.budget import Budget
from inspector.measure.outline import Outline
from inspector.measure.physical import PhysicalSizes, measure_in_millimetres

FRAME_HW = (360, 640)
TENTH = ((0.1, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 1.0))
LEFT_IS_CERTAIN = UncertaintyMap(((0.0, 0.02), (0.0, 0.02)), ((0.0, 0.03), (0.0, 0.03)))
PLAIN = Calibration(
    "homography", FRAME_HW, "test", "now", homography=TENTH, scale_u_rel=0.001,
    uncertainty=LEFT_IS_CERTAIN,
)  # fmt: skip
LENS = Lens((750.0, 750.0), (320.0, 180.0), (-0.5, 0.3, 0.0, 0.0, 0.0))


def disc(x: float, y: float, radius: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    return np.array((x, y)) + radius * np.column_stack((np.cos(angles), np.sin(angles)))


def measure(polygon: Points, calibration: Calibration) -> PhysicalSizes:
    outline = Outline((polygon,), 0, Budget(()))
    return measure_in_millimetres(calibration, outline, (polygon,), 0)


@pytest.mark.parametrize(("x", "share"), [(32.0, 0.05), (320.0, 0.5), (608.0, 0.95)])
def test_the_uncertainty_of_the_calibration_is_that_of_the_place(x: float, share: float) -> None:
    sizes = measure(disc(x, 180.0, 20.0), PLAIN)
    assert sizes.length_u_mm == pytest.approx(sizes.length_mm * np.hypot(0.001, 0.02 * share))
    assert sizes.width_u_mm == pytest.approx(sizes.width_mm * np.hypot(0.001, 0.02 * share))
    assert sizes.area_u_mm2 == pytest.approx(sizes.area_mm2 * np.hypot(0.002, 0.03 * share))


def test_a_long_defect_has_the_mean_uncertainty_of_its_places() -> None:
    bar = np.array(
        [(x, y) for y, line in ((178, 1), (182, -1)) for x in range(10, 631, 20)[::line]]
    )
    sizes = measure(bar.astype(np.float64), PLAIN)
    assert sizes.length_u_mm == pytest.approx(sizes.length_mm * np.hypot(0.001, 0.01), rel=0.01)


@pytest.mark.parametrize("place", [(320.0, 180.0), (60.0, 60.0), (590.0, 310.0)])
def test_a_disc_that_the_lens_bends_is_round_on_the_plane(place: tuple[float, float]) -> None:
    bent = dataclasses.replace(PLAIN, lens=LENS)
    straight = disc(*LENS.undistort(np.array((place,)))[0], 30.0)
    sizes = measure(LENS.distort(straight), bent)
    assert sizes.length_mm == pytest.approx(6.0, rel=1e-3)
    assert sizes.width_mm == pytest.approx(6.0, rel=1e-3)
    assert sizes.area_mm2 == pytest.approx(np.pi * 9, rel=1e-3)
    if place != (320.0, 180.0):
        assert measure(LENS.distort(straight), PLAIN).area_mm2 < 0.9 * np.pi * 9
