"""metrics.json, metrics.csv and pictures.csv."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import pytest
from scenes import fake_engine_file, make_class, plate, write

from evaluation.evaluating import evaluate_class
from evaluation.files import read_class, write_class, write_dataset
from evaluation.given import Settings
from evaluation.results import FIGURES, ClassResult, DatasetResult
from inspector.core.errors import DataError, SinkError
from learning.datasets.hashing import pictures_hash
from learning.datasets.layouts import load
from learning.datasets.types import Sample


def evaluated(folder: Path, **changes: object) -> ClassResult:
    engine = fake_engine_file(folder.parent / "engine.onnx", **changes)
    (data,) = load(folder, None)
    return evaluate_class(engine, data, Settings(backend="fake", resamples=10))


def strict(path: Path) -> object:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(("good", "defective"), [(0, 1), (1, 0), (1, 1), (4, 0), (0, 4), (4, 4)])
def test_a_result_reads_back_as_it_was_and_holds_no_nan(tmp_path, good, defective, masks):
    result = evaluated(make_class(tmp_path / "p", good=good, defective=defective, masks=masks))
    write_class(tmp_path / "out", result)
    strict(tmp_path / "out" / "metrics.json")
    assert read_class(tmp_path / "out" / "metrics.json") == result
    for name in FIGURES:
        figure = getattr(result.figures, name)
        assert figure.value is not None or figure.reason


def test_the_table_has_a_row_for_each_class_and_for_the_mean(tmp_path):
    one = evaluated(make_class(tmp_path / "plates"))
    other = dataclasses.replace(evaluated(make_class(tmp_path / "nuts", masks=False)), name="nuts")
    write_dataset(tmp_path / "out", DatasetResult((one, other)))
    with (tmp_path / "out" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["plates", "nuts", "mean"]
    assert float(rows[0]["pixel_auroc"]) == one.figures.pixel_auroc.value
    assert rows[1]["pixel_auroc"] == ""
    assert float(rows[2]["pixel_auroc"]) == one.figures.pixel_auroc.value
    whole = strict(tmp_path / "out" / "metrics.json")
    assert isinstance(whole, dict)
    assert [entry["name"] for entry in whole["classes"]] == ["plates", "nuts"]


def test_pictures_are_listed_with_their_verdicts(tmp_path):
    result = evaluated(make_class(tmp_path / "plates"))
    write_class(tmp_path / "out", result)
    with (tmp_path / "out" / "pictures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [one.name for one in result.pictures]
    assert [row["verdict"] for row in rows] == [one.verdict for one in result.pictures]


def test_names_that_are_not_utf8_can_be_written(tmp_path):
    folder = make_class(tmp_path / "plates", good=1, defective=1)
    name = os.fsdecode(b"\xff.png")
    write(folder / "test" / "good" / "x.png", plate(5))
    os.rename(folder / "test" / "good" / "x.png", folder / "test" / "good" / name)
    result = evaluated(folder)
    write_class(tmp_path / "out", result)
    assert read_class(tmp_path / "out" / "metrics.json") == result
    assert any(one.name.endswith(name) for one in result.pictures)


def test_a_folder_that_cannot_be_written_is_a_sink_error(tmp_path):
    result = evaluated(make_class(tmp_path / "plates", good=1, defective=1))
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file/pictures\.csv cannot be written"):
        write_class(tmp_path / "file", result)


def test_a_result_with_nan_or_of_another_format_is_refused(tmp_path):
    result = evaluated(make_class(tmp_path / "plates", good=1, defective=1))
    write_class(tmp_path / "out", result)
    path = tmp_path / "out" / "metrics.json"
    text = path.read_text()
    path.write_text(text.replace('"seconds": ', '"seconds": NaN, "x": ', 1))
    with pytest.raises(DataError, match="NaN is no JSON number"):
        read_class(path)
    path.write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(DataError, match="not of format 1"):
        read_class(path)
    path.write_text(text.replace('"verdict": "PASS"', '"verdict": "MAYBE"', 1))
    with pytest.raises(DataError, match="verdict must be one of"):
        read_class(path)


def test_the_hash_of_pictures_knows_names_kinds_sizes_and_masks(tmp_path):
    write(tmp_path / "a.png", plate(1))
    write(tmp_path / "m.png", plate(2))
    one = Sample("a.png", tmp_path / "a.png", "good", "test")
    hashes = {
        pictures_hash(samples)
        for samples in (
            [one],
            [],
            [one, one],
            [dataclasses.replace(one, kind="hole")],
            [dataclasses.replace(one, masks=(tmp_path / "m.png",))],
            [dataclasses.replace(one, masks=(tmp_path / "gone.png",))],
            [dataclasses.replace(one, name="b.png")],
        )
    }
    assert len(hashes) == 7


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_name_is_a_formula_to_a_spreadsheet(tmp_path, name):
    one = dataclasses.replace(evaluated(make_class(tmp_path / "plates")), name=name)
    pictures = [dataclasses.replace(picture, kind=name) for picture in one.pictures]
    one = dataclasses.replace(one, pictures=tuple(pictures))
    write_dataset(tmp_path / "out", DatasetResult((one,)))
    write_class(tmp_path / "out", one)
    for table, column in (("metrics.csv", "class"), ("pictures.csv", "kind")):
        with (tmp_path / "out" / table).open(newline="") as file:
            assert next(csv.DictReader(file))[column] == f"'{name}"
    assert read_class(tmp_path / "out" / "metrics.json").name == name
