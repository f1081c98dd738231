"""All parts of the program read the same pictures of a folder, in the same order."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from log_lines import warnings_of

from inspector.core.errors import DataError
from inspector.core.picture_files import PICTURE_SUFFIXES, natural_key, pictures_below, pictures_of
from inspector.sources.image_folder import ImageFolderSource
from inspector.sources.options import ImageFolderOptions
from inspector.sources.uri import kind_of
from inspector.synthetic.picture_video import list_labelled_pictures
from learning.datasets.pictures import list_pictures
from learning.normals import from_folder

NAMES = ["1.pgm", "2.PNG", "9.jp2", "10.tif", "web 3.webp"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "good"
    place.mkdir()
    for index, name in enumerate(reversed(NAMES)):
        image = np.full((48, 64), 40 * index, np.uint8)
        assert cv2.imwrite(str(place / name.lower()), image)
        os.rename(place / name.lower(), place / name)
    # Files that a Mac and a browser create.
    (place / "._1.png").write_bytes(b"\0\5\x16\7")
    (place / ".hidden.png").write_bytes((place / "2.PNG").read_bytes())
    (place / "notes.txt").write_text("no picture")
    (place / "folder.png").mkdir()
    return place


def test_all_readers_read_the_same_pictures_in_the_same_order(folder):
    source = ImageFolderSource(str(folder), ImageFolderOptions(fps=1, max_unreadable=0))
    inspected = []
    while (frame := source.read()) is not None:
        inspected.append(frame.name)
    assert inspected == NAMES
    assert [path.name for path in list_pictures(folder)] == NAMES
    assert [item.path.name for item in list_labelled_pictures(folder, None)] == NAMES
    assert [path.name for path in pictures_below(folder)] == NAMES


def test_pictures_of_every_suffix_can_be_fitted(folder):
    normals = from_folder(folder, input_hw=(32, 32))
    assert normals.names == tuple(NAMES)
    assert normals.unread == ()


def test_a_glob_lists_the_pictures_of_its_folder(folder):
    assert pictures_of(str(folder / "*")) == pictures_of(str(folder))
    assert pictures_of(str(folder.parent / "**")) == pictures_of(str(folder))
    with pytest.raises(DataError, match="no picture matches"):
        pictures_of(str(folder / "._*.png"))


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_picture_of_any_suffix_is_an_image_source(suffix):
    assert kind_of(f"part{suffix}") == "image_folder"


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    path = tmp_path / "a[1].png"
    path.write_bytes(b"")
    assert pictures_of(str(path)) == [path]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing", "does not exist"), ("", "holds no pictures"), ("*.png", "no picture matches")],
)
def test_the_error_for_no_pictures_is_one_sentence_with_the_name(tmp_path, name, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        pictures_of(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


def test_names_that_differ_only_in_zeros_or_case_have_a_fixed_order():
    assert sorted(["a1", "a01", "A1"], key=natural_key) == ["A1", "a01", "a1"]
    assert sorted(["a01", "A1", "a1"], key=natural_key) == ["A1", "a01", "a1"]


@pytest.mark.parametrize("read", [lambda place: pictures_of(str(place)), list_pictures])
def test_pictures_that_are_left_out_are_named(folder, read):
    (folder / "phone.HEIC").write_bytes(b"not read")
    (folder / "second").mkdir()
    (folder / "2.PNG").rename(folder / "second" / "2.PNG")
    with warnings_of() as warnings:
        assert len(read(folder)) == len(NAMES) - 1
    text = "\n".join(warnings)
    assert "1 files in" in text
    assert "phone.HEIC: save them as PNG" in text
    assert f"left out, such as those in {folder / 'second'}" in text


def test_a_glob_names_the_files_that_it_does_not_read(folder):
    (folder / "scan.gif").write_bytes(b"not read")
    with warnings_of() as warnings:
        assert len(pictures_of(f"{folder}/*")) == len(NAMES)
    assert "1 files in" in warnings[0]
    assert "scan.gif" in warnings[0]
