"""Pictures of a training: which are held out, and labelled test pictures."""

import cv2
import numpy as np
import pytest
from train_parts import HW, class_folder, picture

from engines.spec import ResizeRule
from inspector.core.errors import ConfigError, DataError
from learning.datasets.types import Sample
from learning.normals import Normals
from learning.training_data import data_of_class, data_of_normals, read_tests


def normals(count, ordered=False):
    pixels = np.stack([picture(seed) for seed in range(count)])
    names = tuple(f"{index}.png" for index in range(count))
    return Normals("bars", pixels, names, HW, ResizeRule(HW), ordered)


@pytest.mark.parametrize(("count", "held_out"), [(100, 20), (31, 10), (12, 4), (3, 1)])
def test_a_fifth_is_held_out_or_ten_where_there_are_as_many(count, held_out):
    assert data_of_normals(normals(count), hold_out=None, seed=0).held_out.sum() == held_out


def test_the_end_of_a_stream_is_held_out():
    held_out = data_of_normals(normals(8, ordered=True), hold_out=0.25, seed=0).held_out
    assert held_out.tolist() == [False] * 6 + [True] * 2


@pytest.mark.parametrize("share", [0.0, 1.0, float("nan")])
def test_a_share_outside_zero_and_one_is_refused(share):
    with pytest.raises(ConfigError, match="--hold-out must lie between 0 and 1"):
        data_of_normals(normals(8), hold_out=share, seed=0)


def samples(tmp_path, *, masks=True):
    result = []
    for index in range(4):
        spot = index > 1
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(index, spot=spot))
        mask = np.zeros(HW, np.uint8)
        mask[10:22, 50:66] = 255
        cv2.imwrite(str(tmp_path / f"{index}_mask.png"), mask)
        mask_files = (tmp_path / f"{index}_mask.png",) if spot and masks else ()
        kind = "spot" if spot else "good"
        result.append(Sample(f"{index}", tmp_path / f"{index}.png", kind, "test", mask_files))
    return tuple(result)


def test_test_pictures_come_with_their_masks_at_the_size_of_the_input(tmp_path):
    labelled = read_tests(samples(tmp_path), ResizeRule((32, 48)))
    assert labelled.pixels.shape == (4, 32, 48, 3)
    assert labelled.defective.tolist() == [False, False, True, True]
    assert not labelled.masks[:2].any()
    rows, columns = np.nonzero(labelled.masks[2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 10, 25, 32)
    assert labelled.origin == "the test set (paper protocol)"


def test_test_pictures_without_masks_only_judge_whole_pictures(tmp_path):
    assert read_tests(samples(tmp_path, masks=False), ResizeRule(HW)).masks is None
    with pytest.raises(DataError, match="good and defective test pictures"):
        read_tests(samples(tmp_path)[:2], ResizeRule(HW))


def read_class(folder, **changes):
    options = {"input_hw": HW, "max_pictures": 100, "hold_out": None, "seed": 0}
    return data_of_class(folder, None, **(options | {"paper_protocol": False} | changes))


def test_a_class_folder_gives_its_good_pictures_and_tests_only_on_request(tmp_path):
    folder = class_folder(tmp_path, tests=True)
    data = read_class(folder)
    assert (len(data.normals.names), data.held_out.sum(), data.tests) == (8, 3, None)
    tests = read_class(folder, paper_protocol=True).tests
    assert tests.defective.sum() == 4
    with pytest.raises(ConfigError, match="needs test pictures"):
        read_class(class_folder(tmp_path / "alone"), paper_protocol=True)
