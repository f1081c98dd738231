"""The share of a simulated defect that is left in a redrawn picture."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from benchmarks.autoencoder import Redrawn, share_left
from learning.methods.autoencoder.method import to_planes
from learning.training_data import Labelled

pytestmark = pytest.mark.train


@pytest.mark.parametrize("left", [0.0, 0.25, 1.0])
def test_what_is_left_is_1_for_a_copy_and_0_for_the_clean_picture(left):
    clean = np.full((3, 16, 16, 3), 100, np.uint8)
    shown = clean.copy()
    shown[:, 4:8, 4:8] = (200, 20, 100)
    pictures = Labelled(np.concatenate([clean[:1], shown]), np.arange(4) > 0, None, "squares")
    planes = to_planes(pictures.pixels)
    drawn = planes.copy()
    drawn[1:] = to_planes(clean) + left * (planes[1:] - to_planes(clean))
    assert share_left(Redrawn(pictures, planes, drawn), clean) == pytest.approx(left, abs=1e-5)
