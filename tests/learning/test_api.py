"""learning.fit and learning.train, as a notebook uses them."""

import inspect
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from engine_parts import part
from loguru import logger

import learning
from engines.opening import open_engine
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError, DataError
from learning.methods.registry import trained_methods, trainer_class
from learning.normals import MAX_PICTURES
from tools import _train_options

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [np.ascontiguousarray(part(seed)[:, :, ::-1]) for seed in range(10)]


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("good")
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(place / f"{index}.png"), picture)
    return place


def graph_of(pictures, out, **options) -> str:
    return learning.fit(pictures, "rad", out, size=(64, 96), threads=1, **options).spec.graph_hash


def test_a_folder_paths_and_arrays_make_the_same_engine(folder, pictures, tmp_path):
    right = graph_of(folder, tmp_path / "a.onnx")
    assert graph_of(str(folder), tmp_path / "b.onnx") == right
    assert graph_of(sorted(folder.iterdir()), str(tmp_path / "c.onnx")) == right
    assert graph_of(pictures, tmp_path / "d.onnx") == right
    rgb = (picture[:, :, ::-1] for picture in pictures)
    assert graph_of(rgb, tmp_path / "e.onnx", channels="rgb") == right
    assert graph_of(pictures, tmp_path / "f.onnx", channels="rgb") != right


def test_the_result_has_path_spec_thresholds_and_suspects(pictures, tmp_path):
    out = tmp_path / "part.onnx"
    steps = []
    result = learning.fit(
        pictures, "padim", out, size=64, dims="20", progress=lambda *step: steps.append(step[0])
    )
    spec = read_spec(out)
    assert (result.path, result.spec) == (out, spec)
    assert (result.thresholds.image, result.thresholds.pixel) == (
        spec.image_threshold,
        spec.pixel_threshold,
    )
    assert result.thresholds.rule.normals == 10
    assert result.suspects == tuple(spec.trained_on["suspects"])
    assert (spec.name, spec.parameters["dims"]) == ("part", 20)
    assert {"features", "left out", "parity"} <= set(steps)
    _, scores = open_engine(out).infer(np.stack([part(100), part(101, spot=True)]))
    assert scores[0] < result.thresholds.image <= scores[1]


def test_frames_of_a_stream_are_ordered_if_the_caller_says_so(pictures, tmp_path):
    rule = learning.fit(pictures, "rad", tmp_path / "a.onnx", size=64, ordered=True).thresholds.rule
    assert "blocks of one stream" in rule.note
    other = learning.fit(pictures, "rad", tmp_path / "b.onnx", size=64).thresholds.rule
    assert "drawn at random" in other.note


def test_grey_arrays_are_fitted_as_predict_takes_them(pictures, tmp_path):
    grey = [np.ascontiguousarray(picture[:, :, 1]) for picture in pictures]
    colour = [np.repeat(picture[:, :, np.newaxis], 3, axis=2) for picture in grey]
    specs = [
        learning.fit(each, "rad", tmp_path / f"{name}.onnx", size=64).spec
        for name, each in (("grey", grey), ("colour", colour))
    ]
    assert specs[0].graph_hash == specs[1].graph_hash
    prediction = open_engine(tmp_path / "grey.onnx").predict(grey[0])
    assert prediction.score < specs[0].image_threshold


def test_an_array_of_another_size_is_named_in_a_warning(pictures, tmp_path):
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    pictures = [*pictures, np.zeros((40, 40, 3), np.uint8)]
    learning.fit(pictures, "rad", tmp_path / "e.onnx", size=64)
    logger.remove(handler)
    (warning,) = (line for line in lines if "do not have the size" in line)
    assert "1 of 11 pictures" in warning
    assert "stretched to its aspect: arrays#10 (40x40)" in warning


def test_rules_and_schemes_can_be_imported(pictures, tmp_path):
    rule, scheme = learning.Rule("percentile", {"q": 90.0}), learning.Scheme(held_out=0.3)
    result = learning.fit(pictures, "rad", tmp_path / "e.onnx", size=64, rule=rule, scheme=scheme)
    assert (result.thresholds.rule.rule, result.spec.trained_on["held_out"]) == ("percentile", 3)


def test_files_of_one_name_in_two_folders_are_told_apart(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for seed in range(3):
        cv2.imwrite(str(other / f"{seed}.png"), part(50 + seed)[:, :, ::-1])
    paths = [*sorted(folder.iterdir()), *sorted(other.iterdir())]
    scheme = learning.Scheme(held_out=(str(other / "1.png"), "7.png"))
    result = learning.fit(paths, "rad", tmp_path / "e.onnx", size=64, scheme=scheme)
    assert (result.spec.trained_on["held_out"], result.spec.trained_on["count"]) == (2, 11)


@pytest.mark.parametrize(
    ("pictures", "changes", "error", "message"),
    [
        ([], {}, DataError, "there are no pictures"),
        ([np.zeros((64, 96, 2), np.uint8)], {}, DataError, r"picture 0: .* not \(64, 96, 2\)"),
        ([np.zeros((8, 8, 3))], {}, DataError, "float64"),
        ([np.zeros((64, 96, 3), np.uint8), "a.png"], {}, DataError, "picture 1: .* not str"),
        (["a.png", np.zeros((64, 96, 3), np.uint8)], {}, DataError, "also ndarray"),
        ("no/such/folder", {}, DataError, "does not exist"),
        ([], {"channels": "grey"}, ConfigError, "channels must be bgr or rgb, not 'grey'"),
        ([], {"out": "engine.bin"}, ConfigError, r"must be a file that ends in \.onnx"),
        ([], {"method": "rad", "wheels": 4}, ConfigError, "method rad has no option wheels"),
        ([], {"wheels": 4}, ConfigError, "auto .*: name the method, or leave out wheels"),
        ([], {"top_fraction": 0.1}, ConfigError, "name the method, or leave out top_fraction"),
        ([], {"method": "rad", "budget_s": 5}, ConfigError, "budget_s limits the trials of"),
        ([], {"max_pictures": 1}, ConfigError, "max_pictures must be at least 2, not 1"),
        (
            [],
            {"method": "rad", "radius": "wide"},
            ConfigError,
            "'wide' is neither a number",
        ),
        ([], {"method": "glass"}, ConfigError, "is trained, not fitted"),
        ([], {"backbone": "lite"}, ConfigError, "backbone 'lite' is unknown"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    tmp_path, monkeypatch, pictures, changes, error, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        learning.fit(pictures, **({"size": 64} | changes))
    assert list(tmp_path.iterdir()) == []


def test_importing_it_is_fast_and_loads_no_library():
    code = """
import sys, time
started = time.perf_counter()
import learning
from learning import fit, train
seconds = time.perf_counter() - started
heavy = [m for m in ("torch", "scipy", "onnx", "onnxruntime", "spox") if m in sys.modules]
assert not heavy, heavy
assert seconds < 0.5, seconds
assert learning.Rule().name == "robust"
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_its_defaults_are_those_of_the_commands():
    fitting, training = (inspect.signature(f).parameters for f in (learning.fit, learning.train))
    assert fitting["max_pictures"].default == MAX_PICTURES
    assert training["max_pictures"].default == _train_options.MAX_PICTURES
    assert training["size"].default is None
    for name in trained_methods():
        command = _train_options.make_parser(["--method", name])
        assert command.get_default("size") == trainer_class(name).default_size


def test_it_is_typed():
    assert (ROOT / "learning" / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        learning.fitt  # noqa: B018


@pytest.mark.train
def test_training_resumes_and_returns_a_result(tmp_path):
    pytest.importorskip("torch")
    from train_parts import class_folder

    folder, out = class_folder(tmp_path), tmp_path / "out"
    short = {"size": (64, 96), "batch": 4, "every": 1, "threads": 1}
    learning.train(folder, "glass", out, epochs=1, **short)
    result = learning.train(folder, "glass", out, epochs="2", **short)
    assert result.path == out / "engine.onnx"
    assert result.spec.parameters["training"]["trained"] == 2
    assert "of 2, chosen on" in result.summary["checkpoint"]
    assert len((out / "log.jsonl").read_text().splitlines()) == 2
