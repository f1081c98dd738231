"""RAD with its defaults on real pictures, which are not part of the project."""

from pathlib import Path

import pytest

from benchmarks.accuracy import measure

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "image", "pixel"),
    [("cookie", 0.99, None), ("ballscrew", 0.91, 0.99), ("cubes", 0.99, None)],
)
def test_rad_with_its_defaults_separates_real_pictures(name, image, pixel):
    if not (DATA / name).is_dir():
        pytest.skip(f"the real pictures {DATA / name} are not here")
    found = measure(DATA / name)
    assert found.image_auroc >= image
    if pixel is not None:
        assert found.pixel_auroc is not None
        assert found.pixel_auroc >= pixel
