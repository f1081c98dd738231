"""Tests of the page about the pictures of a data set."""

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_trees import encoded
from plate_dataset import draw_plate, write_class_folder, write_picture

from learning.datasets.layouts import load
from studies.shift.models import StudyOptions
from studies.shift.running import Study
from tools.study import main


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results for a class with pictures that are alike, unreadable, empty and without mask."""
    folder = tmp_path_factory.mktemp("data")
    plate = write_class_folder(folder / "plate <1>", good=6, defective=4)
    for seed in range(4):
        write_picture(plate / "train" / "good" / f"{seed:03}.png", draw_textured(seed))
    write_picture(plate / "train" / "good" / "copy.png", draw_textured(1))
    write_picture(plate / "test" / "good" / "same.png", draw_textured(2))
    write_picture(plate / "test" / "hole" / "good too.png", draw_textured(3))
    write_picture(plate / "test" / "good" / "empty.png", np.full((64, 96, 3), 90, np.uint8))
    (plate / "test" / "good" / "broken.png").write_bytes(b"no picture")
    encoded(plate / "test" / "hole" / "large.png", draw_plate(50)[:60])
    encoded(plate / "ground_truth" / "hole" / "large_mask.png", np.zeros((64, 96), np.uint8))
    assert main(["data", "--data", str(folder), "--out", str(folder / ".." / "out")]) == 0
    return folder.parent / "out"


def draw_textured(seed: int) -> np.ndarray:
    """With enough detail to be compared."""
    random = np.random.default_rng(seed).integers(0, 255, (16, 24, 3)).astype(np.uint8)
    return cv2.resize(random, (96, 64), interpolation=cv2.INTER_NEAREST)


def test_the_counts_are_those_of_the_folders(out: Path) -> None:
    with (out / "data.csv").open(newline="") as file:
        rows = {row["kind"]: row for row in csv.DictReader(file)}
    good, hole = rows["good"], rows["hole"]
    assert [int(good[part]) for part in ("train", "validation", "test")] == [4, 1, 9]
    assert sum(int(rows[kind]["validation"]) for kind in ("hole", "speck")) == 3
    assert (good["unreadable"], hole["unreadable"]) == ("1", "0")
    assert (hole["with_mask"], hole["sizes"]) == ("4", "2")
    assert (hole["width_px"], hole["height_px"]) == ("96", "64")
    mask = np.zeros((64, 96), np.uint8)
    cv2.circle(mask, (12, 14), 5, 1, -1)
    assert float(hole["mask_share_max"]) == pytest.approx(mask.mean())
    assert (hole["regions_median"], hole["regions_max"]) == ("1.0", "1")


def test_the_page_names_what_is_wrong(out: Path) -> None:
    page = (out / "data.html").read_text()
    for text in (
        r"broken\.png",
        r"empty\.png shows only one brightness",
        r"good too\.png has no mask",
        r"large_mask\.png is 96x64 and its picture",
    ):
        assert re.search(text, page), text
    rows = re.findall(r"<tr>(<th scope=\"row\">[^/]*/.*?)</tr>", page)
    pairs = {}
    for row in rows:
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.split("</t[hd]>", row)]
        if "." in cells[0]:
            pairs[frozenset((cells[0], cells[2]))] = cells[4:6]
    assert len(pairs) == 3
    how, effect = pairs[frozenset(("test/good/same.png", "train/good/002.png"))]
    assert (how, effect[:18]) == ("equal", "in different parts")
    how, effect = pairs[frozenset(("test/hole/good too.png", "train/good/003.png"))]
    assert (how, effect[:18]) == ("equal", "good and defective")
    assert frozenset(("train/good/001.png", "train/good/copy.png")) in pairs


def test_the_page_is_complete_in_itself(out: Path) -> None:
    page = (out / "data.html").read_text()
    assert "<script" not in page
    assert set(re.findall(r'src="([a-z]+):', page)) == {"data"}
    assert re.findall(r'href="(?!#)([^"]*)"', page) == ["data.csv"]
    assert "plate &#60;1&#62;" in page
    assert page.count("<img") == 4 + 4 + 4


def test_the_split_is_the_one_of_a_study_in_the_folder(tmp_path: Path, capsys) -> None:
    data = write_class_folder(tmp_path / "plate", good=3, defective=3)
    argv = ["--data", str(data), "--out", str(tmp_path / "out")]
    assert main(["data", *argv]) == 0
    assert "plate: 7 good, 3 hole, 3 speck" in capsys.readouterr().out
    content = (tmp_path / "out/splits/plate.json").read_bytes()
    Study(load(data, None), tmp_path / "out", StudyOptions(transforms=("jpeg",)))
    assert (tmp_path / "out/splits/plate.json").read_bytes() == content
    (data / "test/hole/000.png").unlink()
    assert main(["data", *argv]) == 2
    assert "does not fit the split" in capsys.readouterr().err


def test_a_class_that_cannot_be_read_is_named(tmp_path: Path, capsys) -> None:
    write_class_folder(tmp_path / "data" / "plate")
    (tmp_path / "data" / "nut" / "train" / "good").mkdir(parents=True)
    argv = ["data", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main(argv) == 0
    assert "nut: no pictures; 1 problem" in capsys.readouterr().out
    assert "class nut in " in (tmp_path / "out" / "data.html").read_text()
