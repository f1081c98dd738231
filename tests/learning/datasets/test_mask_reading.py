"""Masks as boolean arrays."""

import cv2
import numpy as np
import pytest
from dataset_trees import HW, encoded, mask, picture

from inspector.core.errors import ConfigError, DataError
from learning.datasets.masks import MaskReader
from learning.datasets.types import Sample


def read_mask(sample, hw, rule="any"):
    return MaskReader([sample], rule).read(sample, hw)


def sample(tmp_path, *masks, kind="crack"):
    return Sample("0.png", picture(tmp_path / "0.png"), kind, "test", masks)


@pytest.mark.parametrize(
    ("value", "rule", "pixels"),
    [(255, "any", 12), (255, "half", 12), (3, "any", 12), (3, "half", 0), (128, "half", 12)],
)
def test_the_rule_says_which_values_count(tmp_path, value, rule, pixels):
    mask_read = read_mask(sample(tmp_path, mask(tmp_path / "m.png", value)), HW, rule)
    assert mask_read.dtype == np.bool_
    assert mask_read.shape == HW
    assert mask_read.sum() == pixels


def test_half_of_the_range_and_less_is_not_above_half(tmp_path):
    assert not read_mask(sample(tmp_path, mask(tmp_path / "m.png", 127)), HW, "half").any()


@pytest.mark.parametrize("rule", ["any", "half"])
def test_sixteen_bits_keep_their_own_range(tmp_path, rule):
    values = np.zeros(HW, np.uint16)
    values[0, 0], values[0, 1] = 200, 65535
    mask_read = read_mask(sample(tmp_path, encoded(tmp_path / "m.png", values)), HW, rule)
    assert mask_read.sum() == {"any": 2, "half": 1}[rule]


def test_small_labels_in_one_colour_are_not_rounded_away(tmp_path):
    values = np.zeros((*HW, 3), np.uint8)
    values[1, 1, 0] = 1
    assert cv2.cvtColor(values, cv2.COLOR_BGR2GRAY).max() == 0
    assert read_mask(sample(tmp_path, encoded(tmp_path / "m.png", values)), HW).sum() == 1


def test_alpha_does_not_make_everything_defective(tmp_path):
    values = np.zeros((*HW, 4), np.uint8)
    values[..., 3] = 255
    values[1, 1, :3] = 255
    assert read_mask(sample(tmp_path, encoded(tmp_path / "m.png", values)), HW).sum() == 1


def test_several_masks_are_united(tmp_path):
    second = np.zeros(HW, np.uint8)
    second[10, 10] = 255
    masks = mask(tmp_path / "a.png"), encoded(tmp_path / "b.png", second)
    assert read_mask(sample(tmp_path, *masks), HW).sum() == 13


def test_a_good_picture_has_nothing_marked(tmp_path):
    mask_read = read_mask(sample(tmp_path, kind="good"), HW)
    assert mask_read.shape == HW
    assert not mask_read.any()


def test_a_mask_of_another_size_names_both_files_and_sizes(tmp_path):
    wrong = mask(tmp_path / "m.png", hw=(6, 8))
    with pytest.raises(DataError, match=r"m\.png is 8x6 and its picture .*0\.png is 16x12"):
        read_mask(sample(tmp_path, wrong), HW)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken"])
def test_an_unreadable_mask_names_both_files(tmp_path, content):
    broken = tmp_path / "m.png"
    broken.write_bytes(content)
    with pytest.raises(DataError, match=r"m\.png of picture .*0\.png is not a readable"):
        read_mask(sample(tmp_path, broken), HW)


def test_a_missing_mask_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png of picture"):
        read_mask(sample(tmp_path, tmp_path / "gone.png"), HW)


def test_a_defective_picture_without_mask_is_not_all_normal(tmp_path):
    with pytest.raises(DataError, match=r"0\.png is defective \(crack\) and has no mask"):
        read_mask(sample(tmp_path), HW)


def test_an_unknown_rule_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'most' is unknown; known: auto, any, half, inverted"):
        read_mask(sample(tmp_path), HW, "most")
