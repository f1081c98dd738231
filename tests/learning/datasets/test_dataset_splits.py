"""Splits: drawn once, written, re-read, refused."""

import dataclasses
import json
from pathlib import Path

import pytest

from inspector.core.errors import ConfigError, DataError, SinkError
from learning.datasets.splits import Fractions, Split, load_or_make, make_split, read_split
from learning.datasets.types import ClassData, Sample

FRACTIONS = Fractions(0.2, 0.2)


def named(name, kind="good", split="train"):
    return Sample(name, Path(name), kind, split)


def data(train=20, *, tests=3, defects=2, has_splits=True, more=()):
    samples = [named(f"train/good/{i}.png") for i in range(train)]
    samples += [named(f"test/good/{i}.png", split="test") for i in range(tests)]
    samples += [named(f"test/crack/{i}.png", "crack", "test") for i in range(defects)]
    return ClassData("nut", (*samples, *more), "mvtec", (), has_splits)


def make(class_data, seed=1, **more):
    return make_split(class_data, seed=seed, fractions=FRACTIONS, **more)


def test_every_picture_is_in_one_part():
    split = make(data())
    assert (len(split.train), len(split.validation), len(split.test)) == (16, 4, 5)
    everything = [*split.train, *split.validation, *split.test]
    assert sorted(everything) == sorted(s.name for s in data().samples)


def test_the_seed_decides():
    assert make(data(), 3) == make(data(), 3)
    assert make(data(), 3).validation != make(data(), 4).validation


def test_the_test_pictures_of_the_data_set_are_kept():
    split = make(data())
    assert set(split.test) == {s.name for s in data().tests()}


def test_a_layout_without_parts_gives_good_test_pictures():
    split = make(data(tests=0, has_splits=False))
    assert (len(split.train), len(split.validation)) == (12, 4)
    assert sum(name.startswith("train/good") for name in split.test) == 4
    assert sum(name.startswith("test/crack") for name in split.test) == 2


def test_validation_pictures_of_the_data_set_are_kept_and_none_is_drawn():
    more = (named("validation/good/0.png", split="validation"),)
    split = make(data(more=more))
    assert split.validation == ("validation/good/0.png",)
    assert len(split.train) == 20


def test_defective_pictures_for_training_are_for_validation():
    split = make(data(more=(named("train/bad/0.png", "bad"),)))
    assert "train/bad/0.png" in split.validation
    assert len(split.validation) == 5


def test_frames_of_a_stream_are_drawn_as_one_run():
    starts = set()
    for seed in range(8):
        split = make(data(tests=0, has_splits=False), seed, ordered=True)
        drawn = [name for name in split.test if name.startswith("train")]
        first, *others = sorted(int(Path(n).stem) for n in (*split.validation, *drawn))
        assert others == list(range(first + 1, first + 8))
        assert max(int(Path(n).stem) for n in split.validation) < min(
            int(Path(n).stem) for n in drawn
        )
        starts.add(first)
    assert len(starts) > 1


def test_a_small_share_still_gives_one_picture_and_none_gives_none():
    smallest = make_split(data(5), seed=0, fractions=Fractions(0.01, 0))
    assert len(smallest.validation) == 1
    none = make_split(data(5), seed=0, fractions=Fractions(0, 0))
    assert (len(none.train), none.validation) == (5, ())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_pictures_are_refused(count):
    with pytest.raises(DataError, match=f"nut has {count} good pictures .* fewer than 2 would be"):
        make(data(count))


@pytest.mark.parametrize("pair", [(-0.1, 0), (0.5, 0.5), (float("nan"), 0), (0, float("inf"))])
def test_shares_that_leave_nothing_are_refused(pair):
    with pytest.raises(ConfigError, match="fractions must be"):
        Fractions(*pair)


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="seed must be at least 0"):
        make(data(), -1)


def again(path, class_data, seed=1, fractions=FRACTIONS, ordered=False):
    return load_or_make(path, class_data, seed=seed, fractions=fractions, ordered=ordered)


@pytest.fixture
def path(tmp_path):
    """A written split of data()."""
    again(tmp_path / "splits" / "nut.json", data())
    return tmp_path / "splits" / "nut.json"


def test_a_split_is_written_once_and_read_again(path):
    written = path.read_bytes()
    assert again(path, data()) == make(data()) == read_split(path)
    assert path.read_bytes() == written
    assert [p.name for p in path.parent.iterdir()] == ["nut.json"]
    content = json.loads(written)
    assert (content["class"], content["layout"], content["seed"]) == ("nut", "mvtec", 1)
    assert content["sha256"] == make(data()).sha256


def test_names_that_are_no_text_survive_the_file(tmp_path):
    odd = named(b"train/good/\xff.png".decode("utf-8", "surrogateescape"))
    path = tmp_path / "s.json"
    first = again(path, data(more=(odd,)))
    assert again(path, data(more=(odd,))) == first


def test_pictures_that_are_missing_are_named(path):
    with pytest.raises(DataError, match=r"1 pictures that are not there, first train/good/19\.png"):
        again(path, data(19))


def test_pictures_that_are_new_are_named(path):
    with pytest.raises(DataError, match=r"lacks 2 pictures that are there, first train/good/20"):
        again(path, data(22))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"seed": 2}, "was made with seed 1, not 2; delete it"),
        ({"ordered": True}, "made with ordered False, not True"),
        ({"fractions": Fractions(0.3, 0.2)}, r"made with fractions .*0\.2.*, not .*0\.3"),
    ],
)
def test_another_way_of_drawing_is_refused(path, other, sentence):
    with pytest.raises(DataError, match=sentence):
        again(path, data(), **other)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_picture_that_became_a_test_picture_is_named(path, part):
    name = getattr(make(data()), part)[0]
    moved = tuple(
        dataclasses.replace(s, split="test") if s.name == name else s for s in data().samples
    )
    with pytest.raises(DataError, match=f"has {name} in another part than the data set"):
        again(path, dataclasses.replace(data(), samples=moved))


def test_names_that_were_changed_are_noticed(path):
    content = json.loads(path.read_text())
    content["train"].append(content["validation"].pop())
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="was changed: its names do not fit its sha256"):
        again(path, data())


def test_a_picture_in_two_parts_is_refused_even_with_the_right_sum(path):
    split = make(data())
    twice = dataclasses.replace(split, validation=(*split.validation, split.train[0]))
    content = json.loads(path.read_text())
    content |= {"validation": twice.validation, "sha256": twice.sha256}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="names a picture more than once"):
        again(path, data())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no split in JSON"),
        ('{"format": 1, "train": [', "is no split in JSON"),
        ("[]", "is no split of format 1"),
        ('{"format": 2}', "is no split of format 1"),
        ('{"format": 1}', "lacks a value or has a wrong one: 'train'"),
        ('{"format": 1, "train": "abc"}', "train is no list of names"),
    ],
)
def test_a_file_that_is_no_split_gives_one_sentence(path, text, sentence):
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        again(path, data())


@pytest.mark.parametrize(
    ("key", "value"), [("seed", "1"), ("ordered", 0), ("fractions", {"validation": 2, "test": 0})]
)
def test_a_wrong_value_gives_one_sentence(path, key, value):
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataError, match="lacks a value or has a wrong one"):
        again(path, data())


def test_a_place_that_cannot_be_written_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SinkError, match="cannot be written"):
        again(tmp_path / "file" / "nut.json", data())


def test_a_split_is_applied_to_its_class():
    class_data = data(tests=0, has_splits=False)
    split = make(class_data)
    applied = split.apply(class_data)
    assert tuple(s.name for s in applied.normals()) == tuple(
        s.name for s in class_data.samples if s.name in split.train
    )
    assert {s.name for s in applied.tests()} == set(split.test)
    assert {s.name for s in applied.validation()} == set(split.validation)
    assert applied.has_splits
    assert split.apply(applied) == applied


def test_a_split_of_another_class_is_not_applied():
    with pytest.raises(DataError, match="the split of nut names 1 pictures that are not there"):
        make(data()).apply(data(19))


def test_the_sum_covers_the_parts_and_not_only_the_names():
    split = Split(("a", "b"), ("c",), (), 0, FRACTIONS)
    assert split.sha256 != Split(("a",), ("b", "c"), (), 0, FRACTIONS).sha256
