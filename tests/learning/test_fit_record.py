"""The fit record beside an engine."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from engine_parts import HW, fit_parts, part, parts
from glass_parts import model
from hostile_values import FEW, VALUES, list_places
from hypothesis import given
from hypothesis import strategies as st

from engines.picture_statistics import FIGURES, MATCHES, PictureMeter
from engines.spec import EngineSpec, ResizeRule, Roi
from engines.spec_file import file_hash, read_spec
from inspector.core.errors import EngineError, SpecError
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import make_engine
from learning.fit_record import (
    DROPPED,
    FITTED,
    HELD_OUT,
    FitRecord,
    fit_record_path,
    read_fit_record,
)
from learning.job import MakeOptions
from learning.methods.glass.method import Glass
from learning.methods.rad.method import Rad
from learning.methods.registry import make_method
from learning.normals import Normals
from learning.thresholds.folds import Scheme
from learning.thresholds.rules import Rule


def record_of(engine: Path) -> FitRecord:
    return read_fit_record(fit_record_path(engine), read_spec(engine))


@pytest.fixture
def copy(engine_file: Path, tmp_path: Path) -> Path:
    """A copy of the record of engine_file."""
    return Path(shutil.copy(fit_record_path(engine_file), tmp_path / "e.fit"))


def test_it_lies_beside_the_engine_and_belongs_to_it(engine_file):
    assert fit_record_path(engine_file) == engine_file.with_name("parts.fit")
    spec, record = read_spec(engine_file), record_of(engine_file)
    assert record.graph_hash == spec.graph_hash
    assert record.source == "parts"
    assert (record.seed, record.versions) == (spec.seed, spec.versions)
    assert (record.rule, record.drop_suspects, record.ordered) == ("robust", False, False)


def test_it_holds_the_hash_and_the_fold_score_of_every_picture(engine_file):
    record, left_out = record_of(engine_file), read_spec(engine_file).left_out
    assert [picture.name for picture in record.pictures] == [f"{i}.png" for i in range(8)]
    assert {picture.role for picture in record.pictures} == {FITTED}
    for index, picture in enumerate(record.pictures):
        assert picture.sha256 == hashlib.sha256(part(index).tobytes()).hexdigest()
        assert picture.sha256.startswith(left_out.bank[index])
        figures = (picture.score, picture.peak, picture.level)
        assert figures == (left_out.scores[index], left_out.peaks[index], left_out.levels[index])
    assert (record.folds, record.scheme) == (left_out.folds, left_out.scheme)


def test_it_says_how_to_compute_the_features_again(engine_file):
    features = record_of(engine_file).features
    spec = read_spec(engine_file)
    assert features.backbone == DEFAULT
    assert features.backbone_sha256 == file_hash(resolve(DEFAULT))
    assert (features.layers, features.resize) == (spec.layers, spec.resize)
    assert make_method(features.method, features.method_options) == make_method("rad", {})


def test_options_region_and_rule_are_kept(tmp_path):
    left = Roi(HW, inspect=(((0.0, 0.0), (50.0, 0.0), (50.0, 64.0), (0.0, 64.0)),))
    options = {"radius": None, "layers": ("stride16",)}
    rule = Rule("mean_sigma", {"k": 2.5})
    fit_parts(tmp_path / "e.onnx", options=options, roi=left, rule=rule, sigma=2.0, seed=5)
    record = record_of(tmp_path / "e.onnx")
    method = make_method(record.features.method, record.features.method_options)
    assert method == Rad(radius=None, layers=("stride16",))
    assert record.features.roi == left
    assert (record.rule, record.rule_parameters) == ("mean_sigma", {"k": 2.5})
    assert (record.sigma, record.top_fraction, record.seed) == (2.0, None, 5)


def test_a_method_that_is_not_fitted_records_its_settings(tmp_path):
    options = MakeOptions("glass", Glass(), resolve(DEFAULT), threads=1, simulated=0)
    make_engine(model(48, 32, HW), parts(8), options, tmp_path / "e.onnx", lambda *_: None)
    assert record_of(tmp_path / "e.onnx").features.options == {
        "layers": None,
        "precision": "float32",
    }


def test_held_out_pictures_are_named_as_such_and_only_they_have_scores(tmp_path):
    fit_parts(tmp_path / "e.onnx", scheme=Scheme(held_out=("2.png", "5.png")))
    record, left_out = record_of(tmp_path / "e.onnx"), read_spec(tmp_path / "e.onnx").left_out
    held_out = [picture for picture in record.pictures if picture.role == HELD_OUT]
    assert [picture.name for picture in held_out] == ["2.png", "5.png"]
    assert tuple(picture.score for picture in held_out) == left_out.scores
    others = [picture for picture in record.pictures if picture.role == FITTED]
    assert len(others) == 6
    assert {picture.score for picture in others} == {None}


def odd_parts() -> Normals:
    """Ten pictures; the fourth has a spot."""
    pixels = np.stack([part(seed, spot=seed == 3) for seed in range(10)])
    names = tuple(f"{seed}.png" for seed in range(10))
    return Normals("parts", pixels, names, HW, ResizeRule(HW), ordered=False)


def test_a_picture_that_was_dropped_has_no_score_and_is_not_in_the_statistics(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("engine_parts.parts", lambda _: odd_parts())
    fit_parts(tmp_path / "e.onnx", suspects="drop")
    record, spec = record_of(tmp_path / "e.onnx"), read_spec(tmp_path / "e.onnx")
    roles = {picture.name: picture.role for picture in record.pictures}
    assert [name for name, role in roles.items() if role == DROPPED] == ["3.png"]
    scores = [picture.score for picture in record.pictures]
    assert scores[3] is None
    assert tuple(scores[:3] + scores[4:]) == spec.left_out.scores
    assert spec.good_pictures.count == 9


def test_an_engine_of_a_trained_model_names_what_it_holds_and_what_chose_its_thresholds(tmp_path):
    method = Rad()
    held_out, trained = parts(8), dataclasses.replace(odd_parts(), names=tuple("abcdefghij"))
    with FeatureExtractor(resolve(DEFAULT), layers=("stride8", "stride16"), threads=1) as extractor:
        model = method.fit(method.embed(extractor.extract(trained.pixels)), 0)
    options = MakeOptions("parts", method, resolve(DEFAULT), threads=1)
    out = tmp_path / "e.onnx"
    make_engine(model, held_out, options, out, lambda *_: None, fitted=trained)
    record = record_of(out)
    assert [picture.role for picture in record.pictures] == [HELD_OUT] * 8 + [FITTED] * 10
    assert [picture.name for picture in record.pictures[8:]] == list("abcdefghij")
    assert read_spec(out).good_pictures.count == 18
    make_engine(model, held_out, options, out, lambda *_: None)
    assert [picture.role for picture in record_of(out).pictures] == [HELD_OUT] * 8


def test_names_that_are_not_utf_8_are_read_back(tmp_path, monkeypatch):
    normals = dataclasses.replace(odd_parts(), names=tuple(f"{i}\udcff.png" for i in range(10)))
    monkeypatch.setattr("engine_parts.parts", lambda _: normals)
    fit_parts(tmp_path / "e.onnx")
    names = tuple(picture.name for picture in record_of(tmp_path / "e.onnx").pictures)
    assert names == normals.names


def test_the_engine_holds_the_statistics_of_its_good_pictures(engine_file, tmp_path):
    statistics = read_spec(engine_file).good_pictures
    assert statistics.count == 8
    names = tuple(figure.name for figure in statistics.figures)
    assert names in (FIGURES, (*FIGURES, *MATCHES))
    for figure in statistics.figures[: len(FIGURES)]:
        values = [PictureMeter().measure(part(seed))[figure.name] for seed in range(8)]
        assert figure.mean == pytest.approx(np.mean(values))
        assert (figure.quantiles[0], figure.quantiles[-1]) == (min(values), max(values))


def test_the_record_of_another_engine_is_refused(engine_file, copy):
    spec = read_spec(engine_file)
    for other in (
        dataclasses.replace(spec, graph_hash="0" * 64),
        dataclasses.replace(spec, layers=("stride16",)),
        dataclasses.replace(spec, resize=ResizeRule(HW, (0.0, 0.0, 0.5, 1.0))),
    ):
        with pytest.raises(SpecError, match=r"e\.fit belongs to another engine than parts"):
            read_fit_record(copy, other)


def refusal(path: Path, spec: EngineSpec) -> str:
    with pytest.raises(SpecError) as caught:
        read_fit_record(path, spec)
    message = str(caught.value)
    assert path.name in message
    assert "fit the engine again" in message
    assert "\n" not in message
    assert len(message) < 700
    return message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the text is not JSON"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"[]", "must hold keys"),
        (b'{"format": 2}', "it has format 2, and this program reads format 1"),
        (b'{"format": true}', "it has format True"),
        (b"{}", "it has format None"),
        (b"[" * 100 + b"]" * 100, "nested more than 32 levels deep"),
        (b" " * 16_000_001, "it is larger than 16 MB"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(engine_file, tmp_path, content, message):
    (tmp_path / "e.fit").write_bytes(content)
    assert message in refusal(tmp_path / "e.fit", read_spec(engine_file))


def test_a_missing_and_a_truncated_record_are_refused(engine_file, copy):
    spec = read_spec(engine_file)
    assert "No such file" in refusal(copy.with_name("none.fit"), spec)
    copy.write_bytes(copy.read_bytes()[:-20])
    assert "is not JSON" in refusal(copy, spec)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "12"}, "must be 64 hex digits"),
        ({"role": "seen"}, "role of picture '0.png' must be one of"),
        ({"score": "high"}, "pictures[0].score must be a number"),
        ({"colour": 1}, "unknown key pictures[0].colour"),
    ],
)
def test_a_wrong_value_is_refused_by_name(engine_file, copy, change, message):
    raw = json.loads(copy.read_text())
    raw["pictures"][0] |= change
    copy.write_text(json.dumps(raw))
    assert message in refusal(copy, read_spec(engine_file))


@FEW
@given(data=st.data())
def test_any_value_anywhere_is_refused_or_read(engine_file, tmp_path, data):
    spec = read_spec(engine_file)
    raw = json.loads(fit_record_path(engine_file).read_text())
    *parents, last = data.draw(st.sampled_from(list_places(raw)))
    inside = raw
    for key in parents:
        inside = inside[key]
    inside[last] = data.draw(VALUES)
    path = tmp_path / "e.fit"
    path.write_text(json.dumps(raw))
    try:
        assert read_fit_record(path, spec).graph_hash == spec.graph_hash
    except SpecError as exc:
        assert len(str(exc)) < 700
        assert "\n" not in str(exc)


def test_without_a_record_there_is_no_engine(tmp_path):
    (tmp_path / "e.fit").mkdir()
    with pytest.raises(EngineError, match=r"fit record .*e\.fit cannot be written"):
        fit_parts(tmp_path / "e.onnx")
    assert not (tmp_path / "e.onnx").exists()
