"""The command import-engine: engines, printed lines and refusals."""

import os
import shutil
import zipfile
from pathlib import Path

import cv2
import pytest
from anomalib_graphs import disc, normal_folder, write
from onnx import TensorProto

import run_inspector
from engines.spec_file import read_spec
from inspector.outputs.folder import SIGHTINGS
from tools.import_engine import main as import_engine
from tools.show_engine import main as show_engine
from tools.threshold import main as threshold


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return normal_folder(tmp_path_factory.mktemp("pictures") / "good")


def command(model: Path, good: Path, *options: str) -> int:
    out = str(model.parent / "engine.onnx")
    argv = [str(model), "--normal", str(good), "--out", out, "--threads", "1", *options]
    return import_engine(argv)


def test_an_imported_engine_is_shown_changed_and_run(tmp_path, good, capsys):
    assert command(write(tmp_path / "model.onnx"), good, "--name", "biscuit") == 0
    text = capsys.readouterr().out
    for part in (
        "model padim",
        "taken out of the graph",
        "64x48 px (width x height)",
        "check",
        "no defects were simulated",
    ):
        assert part in text
    engine = tmp_path / "engine.onnx"
    assert show_engine([str(engine)]) == 0
    assert "biscuit" in capsys.readouterr().out
    assert threshold([str(engine), "--refit", "--rule", "mean_sigma"]) == 0
    assert read_spec(engine).threshold_rule.rule == "mean_sigma"
    (tmp_path / "bad").mkdir()
    for seed in (20, 21):
        cv2.imwrite(str(tmp_path / "bad" / f"{seed}.png"), disc(seed, spot=True))
    bad, out = str(tmp_path / "bad"), str(tmp_path / "out")
    argv = ["--source", bad, "--engine", str(engine), "--output", out]
    assert run_inspector.main([*argv, "--set", "log.path=null"]) == 0
    assert len((tmp_path / "out" / SIGHTINGS).read_text().splitlines()) >= 1 + 2


def test_pictures_whose_names_are_not_utf8_are_imported_and_named(tmp_path, capsys):
    pictures = normal_folder(tmp_path / "good")
    odd = pictures / os.fsdecode(b"\xff.png")
    assert cv2.imwrite(str(tmp_path / "odd.png"), disc(20, spot=True))
    (tmp_path / "odd.png").rename(odd)
    assert command(write(tmp_path / "model.onnx"), pictures) == 0
    trained_on = read_spec(tmp_path / "engine.onnx").trained_on
    assert trained_on["count"] == 10
    assert trained_on["suspects"] == [odd.name]


def test_thresholds_follow_the_rule(tmp_path, good):
    model = write(tmp_path / "model.onnx")
    assert command(model, good, "--rule", "median_mad", "--k", "6") == 0
    rule = read_spec(tmp_path / "engine.onnx").threshold_rule
    assert (rule.rule, rule.parameters) == ("median_mad", {"k": 6.0})


def make_folder(folder: Path) -> Path:
    (folder / "weights").mkdir()
    return folder / "weights"


def write_text(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(b"no model at all")
    return path


def write_truncated(folder: Path) -> Path:
    path = write(folder / "model.onnx")
    path.write_bytes(path.read_bytes()[:-200])
    return path


def write_torch(folder: Path) -> Path:
    path = folder / "model.pt"
    path.write_bytes(b"torch")
    return path


def write_torch_as_onnx(folder: Path) -> Path:
    path = folder / "model.onnx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"")
    return path


def write_openvino(folder: Path) -> Path:
    path = folder / "model.xml"
    path.write_text("<net/>")
    return path


def write_without_weights(folder: Path) -> Path:
    path = write(folder / "model.onnx", external=True)
    (folder / "model.onnx.data").unlink()
    return path


def write_with_part_of_weights(folder: Path) -> Path:
    path = write(folder / "model.onnx", external=True)
    (folder / "model.onnx.data").write_bytes(b"1234")
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "model.onnx", "does not exist"),
        (make_folder, "is a folder; name the ONNX file in it"),
        (write_text, "is not a whole ONNX file"),
        (write_truncated, "is not a whole ONNX file"),
        (write_torch, "is a file of torch, not ONNX; export it first: engine.export(model"),
        (write_torch_as_onnx, "is a file of torch, not ONNX"),
        (write_openvino, "is an export for OpenVINO; make one for ONNX"),
        (write_without_weights, "needs its weights file model.onnx.data in the same folder"),
        (write_with_part_of_weights, "the weights beside"),
    ],
)
def test_another_file_than_an_export_is_refused_in_one_sentence(
    tmp_path, good, capsys, make, sentence
):
    check_refusal(make(tmp_path), good, capsys, sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"input_names": ["input", "mask"]}, "takes ['input', 'mask']"),
        ({"no_map": True}, "and no anomaly_map: such a model cannot show where a defect is"),
        ({"batch": 4}, "takes exactly 4 pictures at a time"),
        ({"dtype": TensorProto.FLOAT16}, "takes FLOAT16 of shape"),
        ({"shape": ["batch", 48, 64, 3]}, "takes FLOAT of shape [0, 48, 64, 3]"),
        ({"hw": (48, "width")}, "fixes one side of its pictures only"),
        ({"ir": 99}, "onnxruntime cannot load"),
    ],
)
def test_an_export_that_cannot_be_an_engine_is_refused(tmp_path, good, capsys, options, sentence):
    check_refusal(write(tmp_path / "model.onnx", **options), good, capsys, sentence)


def check_refusal(model: Path, good: Path, capsys, sentence: str, *options: str) -> None:
    before = sorted(model.parent.iterdir())
    assert command(model, good, *options) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert sentence in error
    assert model.name in error
    assert sorted(model.parent.iterdir()) == before


def test_a_size_that_differs_from_the_model_is_refused(tmp_path, good, capsys):
    sentence = "works on pictures of 64x48, not 128x96: leave --size out"
    check_refusal(write(tmp_path / "model.onnx"), good, capsys, sentence, "--size", "128x96")


def test_an_engine_is_refused(tmp_path, good, capsys):
    command(write(tmp_path / "model.onnx"), good)
    shutil.copy(tmp_path / "engine.onnx", tmp_path / "again.onnx")
    check_refusal(tmp_path / "again.onnx", good, capsys, "is an engine already")


def test_the_model_is_never_overwritten(tmp_path, good, capsys):
    model = write(tmp_path / "engine.onnx")
    check_refusal(model, good, capsys, "is the model itself")


def test_a_folder_without_pictures_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    model = write(tmp_path / "model.onnx")
    assert command(model, tmp_path / "empty") == 2
    assert "holds no pictures" in capsys.readouterr().err
