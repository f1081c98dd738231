"""Which mask belongs to which picture."""

import unicodedata
from pathlib import Path

import pytest

from learning.datasets.pairing import pair

TEST, TRUTH = Path("test/crack"), Path("ground_truth/crack")


def paired(pictures: list[str], masks: list[str]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    pairs, problems = pair([TEST / p for p in pictures], [TRUTH / m for m in masks], TRUTH)
    names = {
        key.name: [mask.relative_to(TRUTH).as_posix() for mask in value]
        for key, value in pairs.items()
    }
    return names, problems


@pytest.mark.parametrize("name", ["001.png", "001_mask.png", "001-mask.PNG", "001_gt.bmp"])
def test_a_mask_is_named_after_its_picture(name):
    assert paired(["001.JPG"], [name]) == ({"001.JPG": [name]}, ())


def test_order_does_not_matter():
    pictures, masks = ["a.png", "b.png", "c.png"], ["c_mask.png", "a_mask.png", "b_mask.png"]
    names, problems = paired(pictures, masks)
    assert names == {"a.png": ["a_mask.png"], "b.png": ["b_mask.png"], "c.png": ["c_mask.png"]}
    assert not problems


def test_one_missing_mask_does_not_shift_the_others():
    names, problems = paired(["000.png", "001.png", "002.png"], ["000_mask.png", "002_mask.png"])
    assert names == {"000.png": ["000_mask.png"], "002.png": ["002_mask.png"]}
    assert problems == ("picture test/crack/001.png has no mask in ground_truth/crack",)


@pytest.mark.parametrize("name", ["0010_mask.png", "01_mask.png", "001_2009_mask.png", "x001.png"])
def test_a_mask_of_another_stem_is_named_and_not_used(name):
    names, problems = paired(["001.png"], [name])
    assert names == {}
    assert f"mask ground_truth/crack/{name} belongs to no picture" in problems


def test_a_picture_whose_name_ends_like_a_mask_keeps_its_mask():
    assert paired(["x_gt.png"], ["x_gt.png"]) == ({"x_gt.png": ["x_gt.png"]}, ())


def test_parts_of_a_mask_are_united_without_a_problem():
    masks = ["001_mask_1.png", "001_mask_2.png", "002/000.png", "002/001.png"]
    names, problems = paired(["001.png", "002.png"], masks)
    assert names == {"001.png": masks[:2], "002.png": masks[2:]}
    assert not problems


def test_two_whole_masks_of_one_picture_are_united_and_named():
    names, problems = paired(["001.png"], ["001.png", "001_mask.png"])
    assert names == {"001.png": ["001.png", "001_mask.png"]}
    assert problems == (
        "picture test/crack/001.png has several masks, 001.png and 001_mask.png: they are united",
    )


def test_pictures_that_share_a_stem_get_no_mask():
    names, problems = paired(["001.jpg", "001.png", "002.png"], ["001_mask.png", "002_mask.png"])
    assert names == {"002.png": ["002_mask.png"]}
    assert problems[0] == (
        "pictures 001.jpg and 001.png in test/crack share the stem 001: they get no mask"
    )


def test_umlauts_match_however_the_file_system_writes_them():
    apart = unicodedata.normalize("NFD", "Prüfling_mask.png")
    whole = unicodedata.normalize("NFC", "Prüfling.png")
    assert apart != "Prüfling_mask.png"
    assert paired([whole], [apart]) == ({whole: [apart]}, ())


def test_a_kind_without_any_mask_gives_one_sentence():
    assert paired(["0.png", "1.png"], []) == (
        {},
        ("none of the 2 pictures in test/crack has a mask",),
    )
