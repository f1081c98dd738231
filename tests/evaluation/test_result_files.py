"""metrics.json, metrics.csv and pictures.csv."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import pytest
from plate_dataset import draw_plate, write_class_folder, write_fake_engine, write_picture

from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from evaluation.result_files import read_class, write_class, write_dataset
from evaluation.results import METRIC_NAMES, ClassResult, DatasetResult
from inspector.core.errors import DataError, SinkError
from learning.datasets.layouts import load


def evaluate(folder: Path, **changes: object) -> ClassResult:
    engine = write_fake_engine(folder.parent / "engine.onnx", **changes)
    (data,) = load(folder, None)
    return evaluate_class(engine, data, Settings(backend="fake", resamples=10))


def read_strict_json(path: Path) -> object:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(("good", "defective"), [(0, 1), (1, 0), (1, 1), (4, 0), (0, 4), (4, 4)])
def test_a_result_is_read_back_unchanged_and_has_no_nan(tmp_path, good, defective, masks):
    result = evaluate(
        write_class_folder(tmp_path / "p", good=good, defective=defective, masks=masks)
    )
    write_class(tmp_path / "out", result)
    read_strict_json(tmp_path / "out" / "metrics.json")
    assert read_class(tmp_path / "out" / "metrics.json") == result
    for name in METRIC_NAMES:
        figure = getattr(result.figures, name)
        assert figure.value is not None or figure.reason


def test_the_table_has_a_row_for_each_class_and_for_the_mean(tmp_path):
    item = evaluate(write_class_folder(tmp_path / "plates"))
    other = dataclasses.replace(
        evaluate(write_class_folder(tmp_path / "nuts", masks=False)), name="nuts"
    )
    write_dataset(tmp_path / "out", DatasetResult((item, other)))
    with (tmp_path / "out" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["plates", "nuts", "mean"]
    assert float(rows[0]["pixel_auroc"]) == item.figures.pixel_auroc.value
    assert rows[1]["pixel_auroc"] == ""
    assert float(rows[2]["pixel_auroc"]) == item.figures.pixel_auroc.value
    whole = read_strict_json(tmp_path / "out" / "metrics.json")
    assert isinstance(whole, dict)
    assert [entry["name"] for entry in whole["classes"]] == ["plates", "nuts"]


def test_pictures_are_listed_with_their_verdicts(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates"))
    write_class(tmp_path / "out", result)
    with (tmp_path / "out" / "pictures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [item.name for item in result.pictures]
    assert [row["verdict"] for row in rows] == [item.verdict for item in result.pictures]


def test_names_that_are_not_utf8_can_be_written(tmp_path):
    folder = write_class_folder(tmp_path / "plates", good=1, defective=1)
    name = os.fsdecode(b"\xff.png")
    write_picture(folder / "test" / "good" / "x.png", draw_plate(5))
    os.rename(folder / "test" / "good" / "x.png", folder / "test" / "good" / name)
    result = evaluate(folder)
    write_class(tmp_path / "out", result)
    assert read_class(tmp_path / "out" / "metrics.json") == result
    assert any(item.name.endswith(name) for item in result.pictures)


def test_a_folder_that_cannot_be_written_is_a_sink_error(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates", good=1, defective=1))
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file/pictures\.csv cannot be written"):
        write_class(tmp_path / "file", result)


def test_a_result_with_nan_or_of_another_format_is_refused(tmp_path):
    result = evaluate(write_class_folder(tmp_path / "plates", good=1, defective=1))
    write_class(tmp_path / "out", result)
    path = tmp_path / "out" / "metrics.json"
    text = path.read_text()
    path.write_text(text.replace('"seconds": ', '"seconds": NaN, "x": ', 1))
    with pytest.raises(DataError, match="NaN is not a JSON number"):
        read_class(path)
    path.write_text(text.replace('"format": 3', '"format": 2'))
    with pytest.raises(DataError, match="does not have format 3"):
        read_class(path)
    path.write_text(text.replace('"verdict": "PASS"', '"verdict": "MAYBE"', 1))
    with pytest.raises(DataError, match="verdict must be one of"):
        read_class(path)


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_name_is_a_formula_in_a_spreadsheet(tmp_path, name):
    item = dataclasses.replace(evaluate(write_class_folder(tmp_path / "plates")), name=name)
    pictures = [dataclasses.replace(picture, kind=name) for picture in item.pictures]
    item = dataclasses.replace(item, pictures=tuple(pictures))
    write_dataset(tmp_path / "out", DatasetResult((item,)))
    write_class(tmp_path / "out", item)
    for table, column in (("metrics.csv", "class"), ("pictures.csv", "kind")):
        with (tmp_path / "out" / table).open(newline="") as file:
            assert next(csv.DictReader(file))[column] == f"'{name}"
    assert read_class(tmp_path / "out" / "metrics.json").name == name
