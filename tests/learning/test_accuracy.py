"""The methods with their defaults on real pictures, which are not part of the project."""

from pathlib import Path

import pytest

from benchmarks.accuracy import measure
from learning.datasets.layouts import load

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "method", "image", "pixel"),
    [
        ("cookie", "rad", 0.99, 0.94),
        ("ballscrew", "rad", 0.91, 0.99),
        ("cubes", "rad", 0.99, None),
        ("cookie", "patchcore", 0.99, 0.94),
        ("cookie", "padim", 0.99, 0.92),
    ],
)
def test_a_method_with_its_defaults_separates_real_pictures(name, method, image, pixel):
    if not (DATA / name).is_dir():
        pytest.skip(f"the real pictures {DATA / name} are not here")
    (data,) = load(DATA / name, None)
    accuracy = measure(data, DATA / name, method)
    assert accuracy.image_auroc >= image
    if pixel is None:
        assert accuracy.pixel_auroc is None
    else:
        assert accuracy.pixel_auroc >= pixel
