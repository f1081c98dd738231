"""Plain folders of pictures."""

import pytest
from dataset_trees import mask, picture, stray

from inspector.core.errors import DataError
from learning.datasets.layouts import load


@pytest.mark.parametrize("layout", ["folder", None])
def test_a_folder_of_pictures_only_is_all_good(tmp_path, layout):
    for name in ("b.PNG", "a.jpg", "ü.bmp"):
        picture(tmp_path / "parts" / name)
    stray(tmp_path / "parts")
    (class_data,) = load(tmp_path / "parts", layout)
    assert (class_data.name, class_data.layout, class_data.has_splits) == ("parts", "folder", False)
    assert [s.name for s in class_data.normals()] == ["a.jpg", "b.PNG", "ü.bmp"]
    assert class_data.problems == ()


@pytest.mark.parametrize("good", ["good", "normal", "OK"])
@pytest.mark.parametrize("masks", ["masks", "ground_truth", "gt", "mask"])
@pytest.mark.parametrize("by_kind", [True, False])
def test_other_folders_are_kinds_of_defects(tmp_path, good, masks, by_kind):
    picture(tmp_path / good / "0.png")
    for kind in ("crack", "hole"):
        picture(tmp_path / kind / f"{kind}.png")
        place = tmp_path / masks / kind if by_kind else tmp_path / masks
        mask(place / f"{kind}_mask.png")
        stray(place)
    (class_data,) = load(tmp_path, None)
    assert class_data.problems == ()
    assert [s.name for s in class_data.normals()] == [f"{good}/0.png"]
    assert class_data.kinds() == ("crack", "hole")
    assert [s.masks[0].name for s in class_data.defects()] == ["crack_mask.png", "hole_mask.png"]


def test_loose_pictures_are_the_good_ones_where_there_is_no_folder_for_them(tmp_path):
    picture(tmp_path / "0.png")
    picture(tmp_path / "crack" / "1.png")
    (class_data,) = load(tmp_path, None)
    assert [s.kind for s in class_data.samples] == ["good", "crack"]


def test_loose_pictures_beside_a_folder_of_good_ones_are_named(tmp_path):
    picture(tmp_path / "0.png")
    picture(tmp_path / "good" / "1.png")
    (class_data,) = load(tmp_path, None)
    assert [s.name for s in class_data.samples] == ["good/1.png"]
    assert "1 pictures directly in" in class_data.problems[0]


def test_one_mask_for_two_pictures_of_the_same_name_is_used_for_neither(tmp_path):
    picture(tmp_path / "good" / "0.png")
    for kind in ("crack", "hole"):
        picture(tmp_path / kind / "001.png")
    mask(tmp_path / "masks" / "001_mask.png")
    (class_data,) = load(tmp_path, None)
    assert not any(sample.masks for sample in class_data.defects())
    assert "share the stem 001" in class_data.problems[0]


def test_masks_of_no_kind_are_named(tmp_path):
    picture(tmp_path / "good" / "0.png")
    picture(tmp_path / "crack" / "1.png")
    mask(tmp_path / "masks" / "crack" / "1.png")
    mask(tmp_path / "masks" / "dent" / "2.png")
    mask(tmp_path / "masks" / "loose.png")
    (class_data,) = load(tmp_path, None)
    assert len(class_data.problems) == 2
    assert "masks/dent belong to no kind" in class_data.problems[0]
    assert "loose.png belongs to no kind" in class_data.problems[1]


def test_a_set_of_classes_needs_good_pictures_in_each(tmp_path):
    for name in ("nut", "bolt"):
        picture(tmp_path / name / "good" / "0.png")
        picture(tmp_path / name / "bent" / "0.png")
    assert [c.name for c in load(tmp_path, None)] == ["bolt", "nut"]


def test_kinds_without_good_pictures_are_not_taken_for_classes(tmp_path):
    picture(tmp_path / "crack" / "0.png")
    with pytest.raises(DataError, match="holds neither pictures nor a folder of good pictures"):
        load(tmp_path, "folder")


def test_two_folders_of_masks_are_refused(tmp_path):
    for name in ("good", "crack", "masks", "gt"):
        picture(tmp_path / name / "0.png")
    with pytest.raises(DataError, match="several folders of masks: gt and masks"):
        load(tmp_path, None)


def test_an_empty_folder_of_good_pictures_gives_one_sentence(tmp_path):
    stray(tmp_path / "good")
    with pytest.raises(DataError, match=r"holds no pictures$"):
        load(tmp_path, "folder")
