"""Tests of the shifted copies of a class on disk."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_trees import encoded
from plate_dataset import write_class_folder

from learning.datasets.layouts import load
from learning.datasets.types import TRAIN, ClassData
from studies.shift.picture_sets import (
    PARAMETERS,
    SIDE,
    Condition,
    reduce_mask,
    write_clean,
    write_shifted,
)
from studies.shift.shifts import shift_picture
from studies.shift.splitting import load_or_make

TURNED = Condition("geometric", "severe")


@pytest.fixture
def data(tmp_path: Path) -> ClassData:
    (read,) = load(write_class_folder(tmp_path / "plate"), None)
    return load_or_make(tmp_path / "split.json", read, 42).apply(read)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_a_copy_has_the_mvtec_layout(tmp_path: Path, data: ClassData) -> None:
    write_clean(tmp_path / "clean" / "plate", data, "abc")
    (read,) = load(tmp_path / "clean" / "plate", None)
    assert read.layout == "mvtec"
    assert read.problems == ()
    assert [s.name for s in read.samples] == [s.name for s in data.samples]
    assert {s.name: len(s.masks) for s in read.samples} == {
        s.name: len(s.masks) for s in data.samples
    }


def test_a_shifted_copy_states_the_parameters_of_every_picture(
    tmp_path: Path, data: ClassData
) -> None:
    clean = write_clean(tmp_path / "clean" / "plate", data, "abc")
    shifted = write_shifted(tmp_path / "turned" / "plate", clean, TURNED, 42)
    content = json.loads((tmp_path / "turned" / "plate" / PARAMETERS).read_text())
    assert content["condition"]["amounts"] == {"rotation": 10, "crop": 0.1, "translation": 0.06}
    assert set(content["pictures"]) == {s.name for s in shifted.samples}
    for sample in shifted.samples:
        image = cv2.imread(str(clean.samples[0].path.parents[2] / sample.name))
        again = shift_picture(image, None, "geometric", 3, seed=42, name=sample.name)
        stated = content["pictures"][sample.name]
        if stated["movement"] == 1:
            assert stated["parameters"] == again.parameters
            assert np.array_equal(cv2.imread(str(sample.path)), again.image)


def test_a_shifted_copy_does_not_depend_on_the_order_of_pictures(
    tmp_path: Path, data: ClassData
) -> None:
    clean = write_clean(tmp_path / "clean" / "plate", data, "abc")
    write_shifted(tmp_path / "a" / "plate", clean, TURNED, 42)
    turned_round = dataclasses.replace(clean, samples=clean.samples[::-1])
    write_shifted(tmp_path / "b" / "plate", turned_round, TURNED, 42)
    first, second = files(tmp_path / "a"), files(tmp_path / "b")
    for content in (first, second):
        del content[f"plate/{PARAMETERS}"]
    assert first == second
    write_shifted(tmp_path / "c" / "plate", clean, TURNED, 43)
    third = files(tmp_path / "c")
    assert third.keys() - {f"plate/{PARAMETERS}"} == first.keys()
    assert sum(third[name] == first[name] for name in first if "train" in name) == 0


def test_a_complete_copy_is_reused_and_an_incomplete_one_is_written_again(
    tmp_path: Path, data: ClassData
) -> None:
    folder = tmp_path / "clean" / "plate"
    first = write_clean(folder, data, "abc")
    path = first.samples[0].path
    time_ns, content = path.stat().st_mtime_ns, path.read_bytes()
    assert write_clean(folder, data, "abc") == first
    assert path.stat().st_mtime_ns == time_ns
    path.unlink()
    assert write_clean(folder, data, "abc") == first
    assert path.read_bytes() == content
    write_clean(folder, data, "another split")
    assert path.stat().st_mtime_ns != time_ns


def test_two_pictures_with_the_same_stem_get_different_names(
    tmp_path: Path, data: ClassData
) -> None:
    folder = tmp_path / "plate"
    encoded(folder / "train" / "good" / "000.bmp", np.full((64, 96, 3), 7, np.uint8))
    (read,) = load(folder, None)
    samples = tuple(dataclasses.replace(s, split=TRAIN) for s in read.normals())
    clean = write_clean(tmp_path / "c", dataclasses.replace(read, samples=samples), "abc")
    names = [sample.name for sample in clean.samples]
    assert len(names) == len(set(names)) == 5
    assert "train/good/000-2.png" in names


def test_large_pictures_are_reduced_with_their_masks(tmp_path: Path) -> None:
    folder = tmp_path / "nut"
    mask = np.zeros((600, 900), np.uint8)
    mask[300:420, 300:480] = 255
    for index in range(6):
        encoded(folder / "train" / "good" / f"{index}.png", np.full((600, 900, 3), 9, np.uint8))
    encoded(folder / "test" / "hole" / "a.png", np.dstack([mask] * 3))
    encoded(folder / "ground_truth" / "hole" / "a_mask.png", mask)
    (read,) = load(folder, None)
    divided = load_or_make(tmp_path / "split.json", read, 1).apply(read)
    clean = write_clean(tmp_path / "clean", divided, "abc")
    (defect,) = (s for s in clean.samples if s.defective)
    image, small = cv2.imread(str(defect.path)), cv2.imread(str(defect.masks[0]), 0)
    assert image.shape[:2] == small.shape == (SIDE, 384)
    assert np.count_nonzero((image[:, :, 0] > 127) != (small > 127)) < 0.02 * small.size


def test_a_tiny_defect_does_not_vanish_when_a_mask_is_reduced() -> None:
    mask = np.zeros((512, 512), bool)
    mask[100, 101] = True
    assert np.count_nonzero(reduce_mask(mask, (256, 256))) == 1
    mask[100:110, 100:110] = True
    assert np.count_nonzero(reduce_mask(mask, (256, 256))) == 25
