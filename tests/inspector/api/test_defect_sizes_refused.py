"""Masks and settings that DefectSizeAnalyzer refuses."""

from typing import Any

import numpy as np
import pytest

from calibration.scale import from_scale
from inspector import DefectSizeAnalyzer
from inspector.core.errors import ConfigError, DataError

AnyArray = np.ndarray[Any, np.dtype[Any]]


NAN = np.full((4, 4), np.nan, np.float32)


@pytest.mark.parametrize(
    ("mask", "threshold", "sentence"),
    [
        ([[0, 1]], 0.5, "must be a numpy array, not list"),
        (np.zeros((0, 5), np.float32), 0.5, "is empty"),
        (np.zeros((2, 3, 4), np.float32), 0.5, r"shape \(height, width\), not \(2, 3, 4\)"),
        (NAN, 0.5, "NaN or infinite"),
        (np.full((4, 4), 1e300), 0.5, "too large for float32"),
        (np.zeros((4, 4), np.complex64), 0.5, "not complex64"),
        (np.zeros((4, 4), np.float32), float("nan"), "threshold must be a finite number"),
        (np.ones((4, 4), np.bool_), 2, "at most 1 for a mask of bool"),
        (np.ones((4, 4), np.uint8), 0, "above 0 and at most 255"),
        (np.ones((4, 4), np.uint8), 300, "above 0 and at most 255"),
    ],
)
def test_a_mask_that_cannot_be_measured_is_refused(
    mask: Any, threshold: float, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        DefectSizeAnalyzer().analyze_defects(mask, threshold)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pixel_size": 0}, "pixel_size must be above 0, got 0"),
        ({"pixel_size": float("nan")}, "pixel_size must be above 0"),
        ({"physical_unit": "px"}, "unit 'px' is unknown; known: um, mm, cm, inch"),
        ({"min_defect_area": -1}, "min_defect_area must be 0 or more"),
        ({"opening_px": 1}, "opening_px must lie between 2 and 255"),
        ({"pixel_size": 1, "calibration": from_scale(0.1, (5, 5))}, "pass one of them"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        DefectSizeAnalyzer(**settings)
