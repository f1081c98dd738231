"""The layout of 3D-ADAM."""

import pytest
from dataset_trees import mask, picture, stray

from inspector.core.errors import DataError
from learning.datasets.layouts import load


def adam(folder, *, truth="ground_truth"):
    for part, count in (("train", 3), ("validation", 2), ("test", 1)):
        for index in range(count):
            picture(folder / part / "good" / "rgb" / f"{index}.png")
            mask(folder / part / "good" / truth / f"{index}.png", 0)
    for index in range(2):
        picture(folder / "test" / "gap" / "rgb" / f"{index}.png")
        mask(folder / "test" / "gap" / truth / f"{index}.png")
        (folder / "test" / "gap" / "xyz").mkdir(exist_ok=True)
        (folder / "test" / "gap" / "xyz" / f"{index}.tiff").write_bytes(b"points")
    stray(folder / "test" / "gap" / "rgb")
    return folder


@pytest.mark.parametrize("layout", ["3dadam", None])
@pytest.mark.parametrize("truth", ["ground_truth", "gt"])
def test_colour_pictures_are_read_and_points_are_not(tmp_path, layout, truth):
    (class_data,) = load(adam(tmp_path / "1m1", truth=truth), layout)
    assert (class_data.name, class_data.layout, class_data.problems) == ("1m1", "3dadam", ())
    assert (len(class_data.normals()), len(class_data.validation()), len(class_data.tests())) == (
        3,
        2,
        3,
    )
    assert [s.name for s in class_data.defects()] == ["test/gap/rgb/0.png", "test/gap/rgb/1.png"]
    assert [s.masks[0].parent.name for s in class_data.defects()] == [truth, truth]


def test_a_set_of_classes_and_what_is_missing_in_one(tmp_path):
    adam(tmp_path / "1m1")
    (adam(tmp_path / "2m1") / "test" / "gap" / "ground_truth" / "0.png").unlink()
    stray(tmp_path)
    first, second = load(tmp_path, None)
    assert not first.problems
    assert len(second.problems) == 1
    assert "test/gap/rgb/0.png has no mask in" in second.problems[0]


def test_another_layout_is_refused_with_what_was_looked_for(tmp_path):
    picture(tmp_path / "good" / "0.png")
    with pytest.raises(DataError, match=r"is not of the layout 3dadam: it lacks .*<kind>/rgb"):
        load(tmp_path, "3dadam")


def test_good_pictures_may_have_another_name(tmp_path):
    folder = adam(tmp_path / "1m1")
    for part, name in (("train", "OK"), ("validation", "Good"), ("test", "normal")):
        (folder / part / "good").rename(folder / part / name)
    (data,) = load(folder, None)
    assert data.kinds() == ("gap",)
    assert (len(data.normals()), len(data.validation()), len(data.tests())) == (3, 2, 3)
