"""Compares the real pictures, which are not part of the project, with their README."""

from collections import Counter
from pathlib import Path

import pytest

from learning.datasets.layouts import load
from learning.datasets.masks import MaskReader
from learning.datasets.pictures import read_picture

DATA = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "train", "good", "kind", "defects", "masks"),
    [
        ("cookie", 31, 14, "defect", 32, True),
        ("ballscrew", 120, 40, "pitting", 40, True),
        ("cubes", 87, 29, "defect", 40, False),
    ],
)
def test_the_real_sets_have_what_their_readme_says(name, train, good, kind, defects, masks):
    if not (DATA / name).is_dir():
        pytest.skip(f"the real pictures {DATA / name} are not here")
    (class_data,) = load(DATA / name, None)
    assert class_data.layout == "mvtec"
    assert Counter((s.split, s.kind) for s in class_data.samples) == {
        ("train", "good"): train,
        ("test", "good"): good,
        ("test", kind): defects,
    }
    assert [len(s.masks) for s in class_data.defects()] == [int(masks)] * defects
    assert len(class_data.problems) == int(not masks)
    for sample in class_data.defects()[:3] if masks else ():
        image = read_picture(sample.path)
        assert image is not None
        hw = (image.shape[0], image.shape[1])
        marked = MaskReader(class_data.defects()).read(sample, hw)
        assert 0 < marked.mean() < 0.5
        for rule in ("any", "half"):
            assert (marked == MaskReader([], rule).read(sample, hw)).all()
