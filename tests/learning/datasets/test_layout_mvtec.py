"""The layout of MVTec AD and the sets that follow it."""

import shutil

import pytest
from dataset_trees import mask, mvtec_class, picture, stray

from inspector.core.errors import DataError
from learning.datasets.layouts import load


def test_a_class_has_its_parts_kinds_and_masks(tmp_path):
    (class_data,) = load(mvtec_class(tmp_path / "bottle"), "mvtec")
    assert (class_data.name, class_data.layout, class_data.problems) == ("bottle", "mvtec", ())
    assert [s.name for s in class_data.normals()] == [f"train/good/{i:03}.png" for i in range(4)]
    assert [s.name for s in class_data.tests()][:2] == ["test/crack/000.png", "test/crack/001.png"]
    assert len(class_data.tests()) == 5
    assert class_data.kinds() == ("crack",)
    assert any(sample.masks for sample in class_data.defects())
    assert [s.masks[0].name for s in class_data.defects()] == [f"{i:03}_mask.png" for i in range(3)]
    assert not any(s.masks for s in class_data.tests() if not s.defective)


@pytest.mark.parametrize("layout", ["mvtec", "mpdd", "wfdd", "visa", "3dadam", None])
def test_every_set_of_this_shape_is_read_alike(tmp_path, layout):
    mvtec_class(tmp_path / "tubes")
    mvtec_class(tmp_path / "connector", defects=1)
    stray(tmp_path)
    connector, tubes = load(tmp_path, layout)
    assert (connector.name, tubes.name) == ("connector", "tubes")
    assert tubes.layout == (layout or "mvtec")
    assert (len(connector.samples), len(tubes.samples)) == (7, 9)
    assert not tubes.problems


@pytest.mark.timeout(20)
def test_links_that_lead_back_give_no_mask_twice_and_end(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    for name in ("round", "again"):
        (folder / "ground_truth" / "crack" / name).symlink_to(folder / "ground_truth" / "crack")
    (class_data,) = load(folder, "mvtec")
    assert class_data.problems == ()
    assert [len(s.masks) for s in class_data.defects()] == [1, 1, 1]


def test_masks_may_lie_beside_the_classes(tmp_path):
    for name in ("bottle", "cable"):
        folder = mvtec_class(tmp_path / name)
        shutil.move(folder / "ground_truth", tmp_path / "ground_truth" / name)
    bottle, cable = load(tmp_path, None)
    assert not bottle.problems
    assert [s.masks[0].parent for s in cable.defects()] == [
        tmp_path / "ground_truth" / "cable" / "crack"
    ] * 3
    (alone,) = load(tmp_path / "cable", None)
    assert [len(s.masks) for s in alone.defects()] == [1, 1, 1]


def test_a_missing_mask_and_one_without_picture_are_named(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "ground_truth" / "crack" / "001_mask.png").rename(
        folder / "ground_truth" / "crack" / "0010_mask.png"
    )
    (class_data,) = load(folder, "mvtec")
    assert [len(s.masks) for s in class_data.defects()] == [1, 0, 1]
    assert len(class_data.problems) == 2
    assert "0010_mask.png belongs to no picture" in class_data.problems[0]
    assert "test/crack/001.png has no mask" in class_data.problems[1]


def test_masks_of_a_kind_that_has_no_pictures_are_named(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    mask(folder / "ground_truth" / "hole" / "000_mask.png")
    (class_data,) = load(folder, "mvtec")
    assert len(class_data.problems) == 1
    assert "ground_truth/hole belong to no kind" in class_data.problems[0]


def test_empty_masks_of_good_pictures_are_no_problem(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    mask(folder / "ground_truth" / "good" / "000_mask.png", 0)
    assert not load(folder, "mvtec")[0].problems


def test_upper_case_suffixes_and_other_alphabets_are_read(tmp_path):
    folder = mvtec_class(tmp_path / "Flasche 瓶", defects=0)
    shutil.rmtree(folder / "test" / "crack")
    shutil.rmtree(folder / "ground_truth" / "crack")
    picture(folder / "test" / "Riß" / "Prüfling é.JPG")
    mask(folder / "ground_truth" / "Riß" / "Prüfling é_mask.PNG")
    (class_data,) = load(folder, None)
    assert class_data.name == "Flasche 瓶"
    assert class_data.kinds() == ("Riß",)
    assert not class_data.problems
    assert class_data.defects()[0].masks[0].name == "Prüfling é_mask.PNG"


def test_validation_pictures_are_a_separate_part(tmp_path):
    folder = mvtec_class(tmp_path / "bagel")
    picture(folder / "validation" / "good" / "000.png")
    (class_data,) = load(folder, "mvtec")
    assert [s.name for s in class_data.validation()] == ["validation/good/000.png"]
    assert len(class_data.normals()) == 4


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"good": 0, "defects": 0}, "class bottle has no test pictures"),
        ({"defects": 0}, "class bottle has no defective test pictures"),
        ({"good": 0}, "class bottle has no good test pictures"),
        ({"train": 0}, "class bottle has no good pictures for training"),
    ],
)
def test_a_part_that_is_missing_is_named(tmp_path, counts, sentence):
    (class_data,) = load(mvtec_class(tmp_path / "bottle", **counts), "mvtec")
    assert class_data.problems[-1] == sentence
    assert all("holds no pictures" in problem for problem in class_data.problems[:-1])


def test_an_empty_class_is_refused_in_one_sentence(tmp_path):
    folder = mvtec_class(tmp_path / "bottle", train=0, good=0, defects=0)
    with pytest.raises(DataError, match=r"^class bottle in .*bottle holds no pictures$"):
        load(folder, None)


def test_an_empty_class_does_not_stop_the_others(tmp_path):
    mvtec_class(tmp_path / "bottle")
    mvtec_class(tmp_path / "cable", train=0, good=0, defects=0)
    bottle, cable = load(tmp_path, None)
    assert len(bottle.samples) == 9
    assert cable.samples == ()
    assert cable.problems == (f"class cable in {tmp_path / 'cable'} holds no pictures",)


def test_classes_that_are_all_empty_are_refused(tmp_path):
    for name in ("a", "b"):
        mvtec_class(tmp_path / name, train=0, good=0, defects=0)
    with pytest.raises(DataError, match=r"no class of .* can be used; first: class a in"):
        load(tmp_path, None)
