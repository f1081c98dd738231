"""Tests of how the pictures of a study are divided and stored."""

import json
from pathlib import Path

import pytest
from dataset_trees import mvtec_class, picture

from inspector.core.errors import DataError
from learning.datasets.layouts import load
from learning.datasets.types import TEST, TRAIN, VALIDATION
from studies.shift.splitting import load_or_make


def read(folder: Path):
    (data,) = load(folder, None)
    return data


def test_the_shares_are_those_of_the_study(tmp_path: Path) -> None:
    data = read(mvtec_class(tmp_path / "nut", train=20, good=7, defects=10))
    split = load_or_make(tmp_path / "split.json", data, 42)
    divided = split.apply(data)
    counts = {
        (part, defective): sum(s.defective == defective for s in divided.of_split(part))
        for part in (TRAIN, VALIDATION, TEST)
        for defective in (False, True)
    }
    assert counts == {
        (TRAIN, False): 16,
        (VALIDATION, False): 4,
        (TEST, False): 7,
        (TRAIN, True): 0,
        (VALIDATION, True): 3,
        (TEST, True): 7,
    }


@pytest.mark.parametrize(("kinds", "count"), [([1] * 10, 3), ([3, 3, 5], 3), ([2], 1), ([7, 1], 2)])
def test_30_percent_of_the_defective_pictures_are_for_validation(
    tmp_path: Path, kinds: list[int], count: int
) -> None:
    """Kinds with few pictures would each be rounded to none or to too many."""
    for kind, number in enumerate(kinds):
        for index in range(number):
            picture(tmp_path / "nut" / f"kind{kind}" / f"{index}.png")
    for index in range(10):
        picture(tmp_path / "nut" / "good" / f"{index}.png")
    data = read(tmp_path / "nut")
    divided = load_or_make(tmp_path / "split.json", data, 1).apply(data)
    validated = [s.kind for s in divided.of_split(VALIDATION) if s.defective]
    assert len(validated) == count
    for kind, number in enumerate(kinds):
        assert abs(validated.count(f"kind{kind}") - 0.3 * number) < 1


def test_good_pictures_are_left_for_testing_if_the_data_set_has_none(tmp_path: Path) -> None:
    for index in range(10):
        picture(tmp_path / "nut" / "good" / f"{index}.png")
    for index in range(4):
        picture(tmp_path / "nut" / "crack" / f"{index}.png")
    data = read(tmp_path / "nut")
    divided = load_or_make(tmp_path / "split.json", data, 1).apply(data)
    assert [len(divided.of_split(part)) for part in (TRAIN, VALIDATION, TEST)] == [6, 3, 5]


def test_a_split_is_read_again_and_does_not_depend_on_the_order(tmp_path: Path) -> None:
    data = read(mvtec_class(tmp_path / "nut", train=20, defects=10))
    first = load_or_make(tmp_path / "split.json", data, 42)
    content = (tmp_path / "split.json").read_bytes()
    assert load_or_make(tmp_path / "split.json", data, 42) == first
    assert (tmp_path / "split.json").read_bytes() == content
    assert load_or_make(tmp_path / "other.json", data, 42) == first
    assert load_or_make(tmp_path / "third.json", data, 43).validation != first.validation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "test/crack/000.png").unlink(), r"1 pictures are missing, test/crack"),
        (lambda f: picture(f / "test/good/new.png"), r"1 pictures are new, test/good/new.png"),
        (lambda f: picture(f / "train/good/003.png", (13, 16)), "1 pictures have changed, train"),
        (lambda f: picture(f / "ground_truth/crack/001_mask.png"), "1 pictures have changed, test"),
    ],
)
def test_a_changed_data_set_is_refused(tmp_path: Path, change, message: str) -> None:
    folder = mvtec_class(tmp_path / "nut", train=6, defects=4)
    load_or_make(tmp_path / "split.json", read(folder), 42)
    change(folder)
    with pytest.raises(DataError, match=message):
        load_or_make(tmp_path / "split.json", read(folder), 42)


def test_another_seed_or_a_damaged_file_is_refused(tmp_path: Path) -> None:
    data = read(mvtec_class(tmp_path / "nut", train=6, defects=4))
    path = tmp_path / "split.json"
    load_or_make(path, data, 42)
    with pytest.raises(DataError, match="and seed 42, not for class nut and seed 7"):
        load_or_make(path, data, 7)
    content = json.loads(path.read_text())
    content["test"].append(content["train"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="do not hold each picture once"):
        load_or_make(path, data, 42)
    content["test"].remove("test/crack/001.png")
    content["test"].remove(content["train"][0])
    content["train"].append("test/crack/001.png")
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"changed: it has the defective test/crack/001.png"):
        load_or_make(path, data, 42)
    path.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        load_or_make(path, data, 42)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    data = read(mvtec_class(tmp_path / "nut", train=2))
    with pytest.raises(DataError, match="class nut has 2 good pictures for training"):
        load_or_make(tmp_path / "split.json", data, 42)
