"""Tests of the maps between pixel grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.geometry import Affine

scales = st.floats(0.01, 100)
shifts = st.floats(-1000, 1000)
affines = st.builds(Affine, scales, scales, shifts, shifts)
POINTS = np.array([[0.0, 0.0], [10.0, 4.0], [-3.5, 7.25]])


def test_between_maps_the_corners_of_the_grid_to_those_of_the_box() -> None:
    to_frame = Affine.between((256, 448), (10, 20, 906, 532))
    np.testing.assert_allclose(
        to_frame.apply(np.array([[0.0, 0.0], [448.0, 256.0]])), [[10, 20], [906, 532]]
    )


@given(affines)
def test_the_inverse_undoes_the_map(affine: Affine) -> None:
    np.testing.assert_allclose(affine.inverse().apply(affine.apply(POINTS)), POINTS, atol=1e-6)


@given(affines, affines)
def test_after_applies_the_inner_map_first(outer: Affine, inner: Affine) -> None:
    np.testing.assert_allclose(
        outer.after(inner).apply(POINTS), outer.apply(inner.apply(POINTS)), rtol=1e-9, atol=1e-6
    )


def test_a_scale_that_is_not_positive_is_refused() -> None:
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="positive"):
            Affine(scale, 1.0)
