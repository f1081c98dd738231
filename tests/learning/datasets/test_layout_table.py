"""The table of layouts, and detecting the layout of a folder."""

from pathlib import Path

import pytest
from dataset_trees import mvtec_class, picture

from inspector.core.errors import ConfigError, DataError
from learning.datasets.layouts import LAYOUTS, detect, load, make_class_data, make_layout
from learning.datasets.types import Sample


def test_the_table_names_every_layout():
    assert list(LAYOUTS) == ["mvtec", "visa", "mpdd", "wfdd", "realiad", "3dadam", "folder"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_refuses_an_empty_folder_in_one_sentence(tmp_path, name):
    layout = make_layout(name)
    assert layout.name == name
    assert not layout.recognises(tmp_path)
    with pytest.raises(DataError, match=str(tmp_path)):
        layout.classes(tmp_path)


def test_an_unknown_layout_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'coco' is unknown; known: mvtec, visa"):
        load(tmp_path, "coco")


def test_an_unknown_folder_names_the_layouts_that_were_tried(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(
        DataError, match=r"no known layout.*visa: .*1cls\.csv.*mvtec: folders train"
    ):
        load(tmp_path, None)


def test_two_layouts_at_once_are_not_guessed(tmp_path):
    mvtec_class(tmp_path / "bottle")
    picture(tmp_path / "1m1" / "train" / "good" / "rgb" / "0.png")
    with pytest.raises(DataError, match="could be 3dadam or mvtec: say which"):
        detect(tmp_path)
    assert [c.name for c in load(tmp_path, "mvtec")] == ["bottle"]


@pytest.mark.parametrize("layout", ["mvtec", None])
def test_a_root_that_is_no_folder_is_refused(tmp_path, layout):
    path = picture(tmp_path / "a.png")
    for root in (path, tmp_path / "missing"):
        with pytest.raises(DataError, match="is no folder"):
            load(root, layout)


def test_a_class_takes_its_name_from_its_real_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(mvtec_class(tmp_path / "bottle"))
    (class_data,) = load(Path("."), None)
    assert class_data.name == "bottle"
    beside = tmp_path / "ground_truth" / "bottle"
    beside.parent.mkdir()
    (tmp_path / "bottle" / "ground_truth").rename(beside)
    (class_data,) = load(Path("."), None)
    assert [s.masks for s in class_data.defects()][:1] == [(beside / "crack" / "000_mask.png",)]


def test_two_pictures_of_one_name_in_a_class_are_refused(tmp_path):
    twice = [Sample("a.png", tmp_path / place / "a.png", "good", "train") for place in "xy"]
    with pytest.raises(DataError, match=r"class nut in .* names the picture a\.png twice"):
        make_class_data("nut", tmp_path, "mvtec", twice, ())
