"""The layout of Real-IAD."""

import json

import pytest
from dataset_trees import mask, picture

from inspector.core.errors import DataError
from learning.datasets.layouts import load


def entry(image, kind="OK", truth=None, category="toy"):
    return {"category": category, "anomaly_class": kind, "image_path": image, "mask_path": truth}


def real_iad(root, *, name="toy", size="realiad_1024", lists="realiad_jsons", change=None):
    """Two training, one good test and one defective picture."""
    for image in ("OK/S0001/a.jpg", "OK/S0001/b.jpg", "OK/S0002/c.jpg", "NG/QS/S0003/d.jpg"):
        picture(root / size / name / image)
    mask(root / size / name / "NG/QS/S0003/d.png")
    content = {
        "meta": {"normal_class": "OK", "prefix": f"{name}/"},
        "train": [entry("OK/S0001/a.jpg"), entry("OK/S0001/b.jpg")],
        "test": [
            entry("OK/S0002/c.jpg"),
            entry("NG/QS/S0003/d.jpg", "QS", "NG/QS/S0003/d.png"),
        ],
    }
    if change:
        change(content)
    path = root / lists / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", ["realiad", None])
@pytest.mark.parametrize("lists", ["realiad_jsons", "realiad_jsons/realiad_jsons"])
@pytest.mark.parametrize("place", ["", "realiad_1024", "realiad_1024/toy"])
def test_the_list_says_parts_masks_and_kinds(tmp_path, layout, lists, place):
    path = real_iad(tmp_path, lists=lists)
    (path.parent / "._toy.json").write_text("a file of a Mac")
    (class_data,) = load(tmp_path / place, layout)
    assert (class_data.name, class_data.layout, class_data.problems) == ("toy", "realiad", ())
    assert [s.name for s in class_data.normals()] == ["OK/S0001/a.jpg", "OK/S0001/b.jpg"]
    assert class_data.kinds() == ("QS",)
    assert class_data.defects()[0].masks == (tmp_path / "realiad_1024/toy/NG/QS/S0003/d.png",)


def test_one_class_is_read_from_its_own_folder(tmp_path):
    for name in ("toy", "usb"):
        real_iad(tmp_path, name=name)
    assert [c.name for c in load(tmp_path, None)] == ["toy", "usb"]
    assert [c.name for c in load(tmp_path / "realiad_1024" / "usb", None)] == ["usb"]


def test_pictures_of_several_sizes_must_be_chosen_from(tmp_path):
    real_iad(tmp_path)
    real_iad(tmp_path, size="realiad_256")
    with pytest.raises(DataError, match="it has realiad_256, realiad_1024: give one of them"):
        load(tmp_path, None)
    (class_data,) = load(tmp_path / "realiad_256", None)
    assert class_data.samples[0].path.is_relative_to(tmp_path / "realiad_256")


def test_files_that_are_missing_are_named(tmp_path):
    real_iad(tmp_path)
    (tmp_path / "realiad_1024/toy/NG/QS/S0003/d.png").unlink()
    (tmp_path / "realiad_1024/toy/OK/S0001/b.jpg").unlink()
    (class_data,) = load(tmp_path, None)
    assert len(class_data.samples) == 3
    assert "lists OK/S0001/b.jpg, which is not there" in class_data.problems[0]
    assert "d.png, which is not there" in class_data.problems[1]
    assert not any(sample.masks for sample in class_data.defects())


def test_a_defective_picture_without_mask_or_listed_twice_is_named(tmp_path):
    def change(content):
        content["test"][1]["mask_path"] = None
        content["test"].append(content["test"][0])

    real_iad(tmp_path, change=change)
    (class_data,) = load(tmp_path, None)
    assert len(class_data.samples) == 4
    assert "lists no mask for NG/QS/S0003/d.jpg" in class_data.problems[0]
    assert "lists OK/S0002/c.jpg twice" in class_data.problems[1]


@pytest.mark.parametrize("key", ["image_path", "mask_path", "prefix"])
@pytest.mark.parametrize("path", ["../../x.png", "/etc/passwd"])
def test_a_path_that_leaves_the_root_is_refused_by_name(tmp_path, key, path):
    def change(content):
        where = content["meta"] if key == "prefix" else content["test"][1]
        where[key] = path

    real_iad(tmp_path, change=change)
    with pytest.raises(DataError, match=r"toy\.json lists .*, which is no path") as caught:
        load(tmp_path, None)
    assert repr(path) in str(caught.value)


def without(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("meta"), "lacks meta"),
        (without("meta", "normal_class"), "lacks normal_class"),
        (without("test"), "lacks test, or it is no list"),
        (without("train", 0, "image_path"), "lacks image_path, or it is no str"),
        (lambda content: content["train"].append("x"), "lacks image_path"),
        (lambda content: content["test"][1].update(mask_path=3), "lacks mask_path"),
    ],
)
def test_an_incomplete_list_gives_one_sentence(tmp_path, change, sentence):
    real_iad(tmp_path, change=change)
    with pytest.raises(DataError, match=rf"toy\.json {sentence}"):
        load(tmp_path, None)


@pytest.mark.parametrize("content", [b"", b'{"meta": {', b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_list_gives_one_sentence(tmp_path, content):
    real_iad(tmp_path).write_bytes(content)
    with pytest.raises(DataError, match=r"toy\.json is no list of pictures"):
        load(tmp_path, None)


def test_a_broken_list_affects_only_its_class(tmp_path):
    real_iad(tmp_path)
    real_iad(tmp_path, name="usb").write_bytes(b"{")
    toy, usb = load(tmp_path, None)
    assert len(toy.samples) == 4
    assert usb.samples == ()
    assert "usb.json is no list of pictures" in usb.problems[0]


def test_no_lists_at_all_gives_one_sentence(tmp_path):
    picture(tmp_path / "realiad_1024/toy/OK/a.jpg")
    with pytest.raises(DataError, match="is not of the layout realiad: it lacks folders"):
        load(tmp_path, "realiad")
    (tmp_path / "realiad_jsons").mkdir()
    with pytest.raises(DataError, match="holds no JSON list"):
        load(tmp_path, "realiad")
