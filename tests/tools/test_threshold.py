"""The command threshold: what it prints, changes and refuses."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from engines.backends.onnx import OnnxEngine
from engines.spec import EngineSpec
from engines.spec_file import graph_hash, read_engine, read_spec, write_engine
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.normals import from_folder
from learning.thresholds.changing import read_left_out
from learning.thresholds.choosing import choose_thresholds
from learning.thresholds.rules import odd_limit
from tools.threshold import main as threshold


def disc(seed: int, *, spot: bool = False) -> np.ndarray:
    """(96, 128, 3) uint8 BGR; larger than the engine's input, so that pictures are resized."""
    picture = np.random.default_rng(seed).normal(160, 4, (96, 128, 3)).clip(0, 255)
    picture = picture.astype(np.uint8)
    cv2.circle(picture, (64, 48), 30, (140, 110, 90), 4)
    if spot:
        cv2.circle(picture, (90, 60), 8, (20, 20, 20), -1)
    return picture


def folder_of(place: Path, seeds: range, *, spot: bool = False) -> Path:
    place.mkdir()
    for seed in seeds:
        cv2.imwrite(str(place / f"{seed}.png"), disc(seed, spot=spot))
    return place


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("fitted")
    normals = from_folder(folder_of(place / "good", range(9)), input_hw=(64, 96))
    recipe = FitOptions("disc", make_method("rad", {}), resolve(DEFAULT), threads=1)
    fit_engine(normals, recipe, place / "e.onnx", lambda *_: None)
    return place / "e.onnx"


@pytest.fixture
def engine(fitted, tmp_path) -> Path:
    return Path(shutil.copy(fitted, tmp_path / "e.onnx"))


def graph_of(path: Path) -> tuple[str, bytes]:
    model = onnx.load(path)
    digest = graph_hash(model)
    del model.metadata_props[:]
    return digest, model.SerializeToString(deterministic=True)


@pytest.fixture
def old_engine(engine) -> Path:
    """A file of an earlier version, without left-out scores."""
    spec, model = read_engine(engine)
    raw = json.loads(spec.to_json())
    del raw["left_out"]
    write_engine(engine, model, EngineSpec.from_json(json.dumps(raw)))
    return engine


def test_without_options_thresholds_and_those_of_each_rule_are_printed(engine, capsys):
    before = engine.read_bytes()
    assert threshold([str(engine)]) == 0
    text = capsys.readouterr().out
    spec = read_spec(engine)
    for part in (
        f"image threshold  {spec.image_threshold:.6g}",
        "9 good pictures, leave-one-out",
        "9 good pictures support an average rate of 10.00%, or a limit with 95 % confidence of "
        "28.31% (less than 1 in 3)",
        "percentile q=99.5",
        "mean_sigma k=3",
        "median_mad k=3",
        "iqr k=1.5",
    ):
        assert part in text
    row = next(line for line in text.splitlines() if line.startswith("percentile"))
    assert row.split()[-1] == "1"
    assert engine.read_bytes() == before


def test_thresholds_set_by_hand_change_the_spec_and_not_the_graph(engine, capsys):
    graph, before = graph_of(engine), read_spec(engine)
    assert threshold([str(engine), "--set", "image=0.31", "pixel=0.4"]) == 0
    after = read_spec(engine)
    assert graph_of(engine) == graph
    assert after.graph_hash == before.graph_hash
    assert (after.image_threshold, after.pixel_threshold) == (0.31, 0.4)
    low, high = after.display_range
    assert (0.4 - low) / (high - low) == pytest.approx(0.5)
    assert "set by hand at 20" in after.threshold_rule.note
    text = capsys.readouterr().out
    assert f"image threshold  {before.image_threshold:.6g} -> 0.31" in text
    assert f"pixel threshold  {before.pixel_threshold:.6g} -> 0.4" in text
    assert sorted(p.name for p in engine.parent.iterdir()) == ["e.onnx", "e.onnx.bak"]
    assert f"backup           {engine}.bak" in text


def test_refitting_undoes_a_threshold_set_by_hand(engine):
    graph, before = graph_of(engine), read_spec(engine)
    threshold([str(engine), "--set", "image=0.31", "pixel=0.4"])
    assert threshold([str(engine), "--refit"]) == 0
    after = read_spec(engine)
    assert after.image_threshold == before.image_threshold
    assert after.pixel_threshold == before.pixel_threshold
    assert after.display_range == before.display_range
    assert after.left_out == before.left_out
    assert graph_of(engine) == graph


def test_everything_but_the_thresholds_stays_as_it_was(engine):
    before = json.loads(read_spec(engine).to_json())
    threshold([str(engine), "--refit", "--rule", "iqr", "--k", "2"])
    after = json.loads(read_spec(engine).to_json())
    changed = {key for key in before if before[key] != after[key]}
    names = {"image_threshold", "pixel_threshold", "display_range", "threshold_rule", "power"}
    assert changed == names


@pytest.mark.parametrize(
    ("options", "rule", "parameters"),
    [
        (["--rule", "percentile", "--q", "90"], "percentile", {"q": 90}),
        (["--rule", "median_mad", "--k", "6"], "median_mad", {"k": 6}),
        (["--promise", "1/3"], "conformal", {"promise": 1 / 3}),
        (["--false-alarm-rate", "0.2"], "conformal", {"rate": 0.2}),
    ],
)
def test_a_rule_and_its_parameters_reach_the_spec(engine, options, rule, parameters):
    assert threshold([str(engine), "--refit", *options]) == 0
    spec = read_spec(engine)
    assert (spec.threshold_rule.rule, spec.threshold_rule.parameters) == (rule, parameters)


def test_out_names_another_file_to_write(engine, tmp_path):
    before = engine.read_bytes()
    assert (
        threshold([str(engine), "--set", "image=1", "--out", str(tmp_path / "n" / "o.onnx")]) == 0
    )
    assert engine.read_bytes() == before
    assert OnnxEngine(tmp_path / "n" / "o.onnx").spec.image_threshold == 1


def test_new_good_pictures_choose_thresholds(engine, tmp_path):
    folder = folder_of(tmp_path / "new", range(100, 112))
    assert threshold([str(engine), "--refit", "--normal", str(folder), "--threads", "1"]) == 0
    spec = read_spec(engine)
    new = from_folder(folder, input_hw=(64, 96))
    _, scores = OnnxEngine(engine).infer(new.pixels)
    assert spec.image_threshold == pytest.approx(float(scores.max()), rel=1e-5)
    assert (spec.threshold_rule.normals, spec.threshold_rule.scheme) == (12, "new pictures")
    assert spec.left_out is not None
    assert len(spec.left_out.scores) == 9


def test_pictures_that_the_engine_was_fitted_on_are_refused_by_name(engine, tmp_path, capsys):
    folder = folder_of(tmp_path / "mixed", range(8, 12))
    assert threshold([str(engine), "--refit", "--normal", str(folder)]) == 2
    assert "8.png is one of the pictures that the engine was fitted on" in capsys.readouterr().err


def test_f1_max_separates_good_and_bad_pictures(engine, tmp_path):
    folder = folder_of(tmp_path / "bad", range(200, 205), spot=True)
    before = read_spec(engine)
    command = [str(engine), "--refit", "--rule", "f1_max", "--anomalous", str(folder)]
    assert threshold(command) == 0
    spec = read_spec(engine)
    bad = np.stack([cv2.resize(disc(seed, spot=True), (96, 64)) for seed in range(200, 205)])
    _, scores = OnnxEngine(engine).infer(np.ascontiguousarray(bad[..., ::-1]))
    assert before.left_out is not None
    normal = np.array(before.left_out.scores)
    middle = (normal.max() + scores.min()) / 2
    assert spec.image_threshold == pytest.approx(min(middle, odd_limit(normal)), rel=1e-4)
    assert "5 of 5 defective pictures fail" in spec.threshold_rule.note
    assert spec.threshold_rule.false_alarm_rate is None


def test_frames_of_a_stream_count_in_blocks(engine, tmp_path):
    folder = tmp_path / "stream"
    folder.mkdir()
    first, last = disc(300).astype(float), disc(301).astype(float)
    for at in range(24):
        share = 0.5 - 0.5 * np.cos(at / 24 * np.pi)
        frame = (first * (1 - share) + last * share).astype(np.uint8)
        cv2.imwrite(str(folder / f"{at:02}.png"), frame)
    assert threshold([str(engine), "--refit", "--normal", str(folder), "--ordered"]) == 0
    rule = read_spec(engine).threshold_rule
    assert rule.normals == 24
    assert rule.block_frames > 1
    assert rule.blocks == 24 // rule.block_frames


def test_copies_among_new_good_pictures_count_as_one(engine, tmp_path, capsys):
    folder = folder_of(tmp_path / "new", range(200, 206))
    shutil.copy(folder / "203.png", folder / "again.png")
    assert threshold([str(engine), "--refit", "--normal", str(folder)]) == 0
    assert read_spec(engine).threshold_rule.normals == 6
    assert "again.png is a copy of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "image=nan"], "image threshold must be a finite number, not nan"),
        (["--set", "pixel=inf"], "pixel threshold must be a finite number, not inf"),
        (["--set", "image=1e39"], "image threshold must be a finite number, not 1e+39"),
        (["--set", "image=0"], "must be above 0, not 0: scores are never negative"),
        (["--set", "pixel=-1"], "pixel threshold must be above 0, not -1"),
        (["--set", "pixel=1e-9"], "is not above"),
        (["--set", "image=1", "image=2"], "names the same threshold twice"),
        (["--rule", "iqr"], "need --refit: add it"),
        (["--refit", "--promise", "1/100"], "needs at least 299 good pictures"),
        (["--refit", "--rule", "iqr", "--q", "3"], "iqr has no parameter q; it has k"),
        (["--refit", "--rule", "f1_max"], "f1_max needs defective pictures"),
        (["--refit", "--normal", "nowhere"], "nowhere does not exist"),
        (["--refit", "--anomalous", "nowhere", "--rule", "f1_max"], "nowhere does not exist"),
        (["--refit", "--ordered"], "--ordered describes the pictures of --normal: add --normal"),
    ],
)
def test_a_refusal_is_one_sentence_and_leaves_the_file(engine, capsys, options, message):
    before = engine.read_bytes()
    assert threshold([str(engine), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert engine.read_bytes() == before


@pytest.mark.parametrize(
    "options",
    [
        ["--set", "score=1"],
        ["--set", "image=high"],
        ["--set", "image=1", "--refit"],
        ["--refit", "--promise", "one"],
        ["--refit", "--promise", "1/0"],
        ["--refit", "--rule", "luck"],
    ],
)
def test_malformed_arguments_are_a_usage_error(engine, options):
    with pytest.raises(SystemExit) as caught:
        threshold([str(engine), *options])
    assert caught.value.code == 2


def test_an_unreadable_picture_is_named(engine, tmp_path, capsys):
    folder = folder_of(tmp_path / "new", range(100, 103))
    (folder / "torn.png").write_bytes(b"\x89PNG")
    assert threshold([str(engine), "--refit", "--normal", str(folder)]) == 2
    assert "torn.png cannot be decoded" in capsys.readouterr().err


def test_a_file_without_left_out_scores_says_so(old_engine, capsys):
    assert threshold([str(old_engine)]) == 0
    assert "this file holds none" in capsys.readouterr().out
    assert threshold([str(old_engine), "--refit"]) == 2
    assert "fitted before engines kept the scores" in capsys.readouterr().err
    assert threshold([str(old_engine), "--set", "image=0.5"]) == 0
    assert read_spec(old_engine).image_threshold == 0.5


def test_the_table_shows_the_thresholds_of_each_rule(engine, capsys):
    threshold([str(engine)])
    text = capsys.readouterr().out
    record = read_spec(engine).left_out
    assert record is not None
    row = next(line for line in text.splitlines() if line.startswith("conformal  "))
    assert float(row.split()[1]) == pytest.approx(
        choose_thresholds(read_left_out(record)).image, rel=1e-5
    )
