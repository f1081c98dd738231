"""Names of folders that mean good pictures, in every layout and command."""

import shutil

import pytest
from dataset_trees import mask, mvtec_class, picture
from loguru import logger

from inspector.core.errors import DataError
from learning.datasets.kind_names import kind_of
from learning.datasets.layouts import load
from learning.datasets.pictures import list_pictures

GOOD = [
    *("good", "Good", "GOOD", "ok", "OK", "normal", "normals", "non_defective", "NonDefective"),
    *("IO", "i.O.", "gut", "Gutteile", "negative", "defect-free", "no_defect", "OK_parts"),
    *("0_good", "good_01", "good images", "良品", "Sans_Défaut", "not defective", "non-defect"),
]
DEFECTIVE = [
    *(
        "crack",
        "not_good",
        "NG",
        "nok",
        "n.i.O.",
        "abnormal",
        "bad",
        "no good",
        "not ok",
        "positive",
    ),
    *("anomaly", "goodness", "okra", "defective"),
]


@pytest.mark.parametrize("name", GOOD)
def test_names_for_good(tmp_path, name):
    assert kind_of(tmp_path / name) == "good"


@pytest.mark.parametrize("name", DEFECTIVE)
def test_names_of_defects(tmp_path, name):
    assert kind_of(tmp_path / name) == name


@pytest.mark.parametrize("name", ["good_scratched", "ok2check", "almost normal", "GoodOrBad"])
def test_a_doubtful_name_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} does not say whether its pictures are good"):
        kind_of(tmp_path / name)


@pytest.mark.parametrize("name", ["ok", "Good", "normal", "IO", "non_defective"])
@pytest.mark.parametrize("layout", ["mvtec", None])
def test_good_folders_of_a_class_may_have_any_of_these_names(tmp_path, name, layout):
    folder = mvtec_class(tmp_path / "bottle")
    for part in ("train", "test"):
        (folder / part / "good").rename(folder / part / name)
    (data,) = load(folder, layout)
    assert (len(data.normals()), data.kinds(), data.problems) == (4, ("crack",), ())
    assert sum(not sample.defective for sample in data.tests()) == 2
    assert len(list_pictures(folder)) == 4


def test_train_and_test_may_use_different_names(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "test" / "good").rename(folder / "test" / "OK")
    (data,) = load(folder, None)
    assert (len(data.normals()), data.kinds(), data.problems) == (4, ("crack",), ())


def test_two_folders_of_good_pictures_both_count_and_are_named(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    for part in ("train", "test"):
        picture(folder / part / "ok" / "000.png")
    (data,) = load(folder, None)
    assert (len(data.normals()), data.kinds()) == (5, ("crack",))
    assert len(data.problems) == 2
    assert "train has several folders of good pictures: good and ok; all count" in data.problems[1]
    assert len(list_pictures(folder)) == 5


@pytest.mark.parametrize(
    "names", [("Train", "TEST", "Ground_Truth"), ("training", "testing", "GT")]
)
def test_names_of_parts_may_differ_in_case(tmp_path, names):
    folder = mvtec_class(tmp_path / "bottle")
    for before, after in zip(("train", "test", "ground_truth"), names, strict=True):
        (folder / before).rename(folder / after)
    (data,) = load(folder, None)
    assert (len(data.normals()), len(data.tests()), data.problems) == (4, 5, ())
    assert all(sample.masks for sample in data.defects())
    assert len(list_pictures(folder)) == 4


def test_a_kind_and_its_masks_may_differ_in_case(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "ground_truth" / "crack").rename(folder / "ground_truth" / "Crack")
    (data,) = load(folder, None)
    assert data.problems == ()
    assert all(sample.masks for sample in data.defects())


def test_masks_of_all_kinds_together_are_paired_by_name(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    for path in (folder / "ground_truth" / "crack").glob("*_mask.png"):
        path.rename(folder / "ground_truth" / path.name)
    shutil.rmtree(folder / "ground_truth" / "crack")
    (data,) = load(folder, None)
    assert data.problems == ()
    assert all(sample.masks for sample in data.defects())


def test_masks_of_another_kind_are_not_paired_by_chance(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "ground_truth" / "crack").rename(folder / "ground_truth" / "hole")
    (data,) = load(folder, None)
    assert not any(sample.masks for sample in data.defects())
    assert "none of the 3 pictures" in data.problems[0]
    assert "ground_truth/hole belong to no kind" in data.problems[1]


def test_pictures_in_folders_below_a_kind_count_if_it_has_no_others(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    for camera in ("left", "right"):
        picture(folder / "test" / "dent" / camera / "000.png")
        mask(folder / "ground_truth" / "dent" / camera / "000_mask.png")
        picture(folder / "test" / "crack" / camera / "000.png")
        picture(folder / "train" / "ok" / camera / "000.png")
    (data,) = load(folder, None)
    dents = [sample for sample in data.tests() if sample.kind == "dent"]
    assert [len(sample.masks) for sample in dents] == [1, 1]
    assert dents[0].masks[0].parent.name == "left"
    assert sum(sample.kind == "crack" for sample in data.tests()) == 3
    assert len(data.normals()) == len(list_pictures(folder)) == 6
    assert [p for p in data.problems if "2 pictures in folders below" in p and "crack" in p]


def test_an_empty_kind_and_pictures_beside_the_kinds_are_named(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "test" / "empty").mkdir()
    picture(folder / "train" / "loose.png")
    problems = load(folder, None)[0].problems
    assert [p for p in problems if p.endswith("test/empty holds no pictures")]
    assert [p for p in problems if "1 pictures directly in" in p and "train are left out" in p]


def test_train_before_the_class_is_refused(tmp_path):
    for name in ("bottle", "cable"):
        picture(tmp_path / "train" / name / "good" / "0.png")
    with pytest.raises(DataError, match="bottle should hold pictures of one kind"):
        load(tmp_path, None)


def test_a_class_without_good_pictures_is_refused_in_one_sentence(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    (folder / "train" / "good").rename(folder / "train" / "bottles")
    with pytest.raises(
        DataError, match=r"holds no pictures .*only folders: bottles. Name the folder"
    ):
        list_pictures(folder)


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir"])
def test_folders_of_systems_are_no_classes_and_no_kinds(tmp_path, name):
    mvtec_class(tmp_path / "bottle")
    picture(tmp_path / name / "bottle" / "train" / "good" / "._000.png")
    picture(tmp_path / name / "train" / "good" / "._000.png")
    picture(tmp_path / "bottle" / "test" / name / "000.png")
    (data,) = load(tmp_path, None)
    assert (data.name, data.kinds(), data.problems) == ("bottle", ("crack",), ())


def test_pictures_in_train_without_a_folder_for_the_good_ones_are_explained(tmp_path):
    for number in range(3):
        picture(tmp_path / "bottle" / "train" / f"{number}.png")
    with pytest.raises(DataError, match=r"train has 3 pictures and no folder of good pictures: if"):
        list_pictures(tmp_path / "bottle")
    assert len(list_pictures(tmp_path / "bottle" / "train")) == 3


def test_snapshots_of_failed_frames_as_good_pictures_give_a_warning(tmp_path):
    for name in ("frame_00000001_PASS.jpg", "frame_00000002_FAIL.jpg", "other_FAIL.png"):
        picture(tmp_path / name)
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    try:
        assert len(list_pictures(tmp_path)) == 3
    finally:
        logger.remove(sink)
    assert len(lines) == 1
    assert "1 of 3 pictures are snapshots of frames that a run did not PASS, first" in lines[0]


@pytest.mark.parametrize("name", ["Label", "masks", "ground_truth", "annotations"])
def test_masks_among_the_kinds_are_not_defective_pictures(tmp_path, name):
    folder = mvtec_class(tmp_path / "bottle")
    mask(folder / "test" / name / "000.png")
    mask(folder / "test" / "crack" / name / "000.png")
    (data,) = load(folder, None)
    assert data.kinds() == ("crack",)
    assert len(data.problems) == 2
    assert any(f"test/{name} is left out, because its name says" in p for p in data.problems)
    assert any(f"1 pictures in {folder}/test/crack/{name} are not read" in p for p in data.problems)


def test_a_class_that_holds_only_loose_pictures_and_masks_says_so(tmp_path):
    picture(tmp_path / "Class1" / "Train" / "0001.PNG")
    mask(tmp_path / "Class1" / "Train" / "Label" / "0001_label.PNG")
    with pytest.raises(
        DataError, match=r"holds no pictures: 1 pictures directly in .*Train are left"
    ):
        load(tmp_path, None)


def test_pictures_in_other_formats_are_named(tmp_path):
    folder = mvtec_class(tmp_path / "bottle")
    for name in ("003.heic", "004.GIF", "._005.heic", "notes.txt", "Thumbs.db"):
        (folder / "test" / "crack" / name).write_bytes(b"x")
    problems = load(folder, None)[0].problems
    assert len(problems) == 1
    assert f"2 files in {folder}/test/crack are not read, first 003.heic: save" in problems[0]
