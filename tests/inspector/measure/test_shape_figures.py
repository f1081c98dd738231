"""Tests the figures of a shape that have no unit."""

import numpy as np
import pytest

from inspector import DefectSizeAnalyzer
from inspector.measure.shape_figures import SHAPE_FIGURES, aspect_ratio, circularity

RECTANGLE = np.array(((0.0, 0.0), (8.0, 0.0), (8.0, 2.0), (0.0, 2.0)))
ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)
DISC = np.stack((np.cos(ANGLES), np.sin(ANGLES)), axis=1)
POINT = np.zeros((3, 2))


def test_a_rectangle_has_the_ratio_of_its_calipers() -> None:
    assert aspect_ratio((RECTANGLE,), 0) == pytest.approx(2 / np.hypot(8, 2))


def test_a_disc_is_round_and_a_hole_changes_nothing() -> None:
    assert circularity((DISC,), 0) == pytest.approx(1, abs=1e-4)
    assert circularity((DISC, DISC / 2), 1) == circularity((DISC,), 0)
    assert circularity((RECTANGLE,), 0) == pytest.approx(4 * np.pi * 16 / 400)


@pytest.mark.parametrize("name", SHAPE_FIGURES)
def test_every_figure_is_finite_for_an_outline_without_area(name: str) -> None:
    assert np.isfinite(SHAPE_FIGURES[name]((POINT,), 0))


def test_every_defect_has_every_figure() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[10:14, 5:30] = 1
    metrics = DefectSizeAnalyzer(pixel_size=0.1, physical_unit="mm", min_defect_area=10)
    (defect,) = metrics.analyze_defects(mask, threshold=0.5).defects
    assert set(defect.shape_figures) == set(SHAPE_FIGURES)
    assert defect.shape_figures["aspect_ratio"] < 0.25
