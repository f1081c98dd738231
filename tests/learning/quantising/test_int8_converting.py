"""The int8 copy of an engine: its bank, its thresholds, its checks and what it is refused for."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from engine_parts import HW, part, parts
from glass_parts import model
from int8_parts import convert_parts, fit_teachable

from engines.backends.onnx import OnnxEngine
from engines.spec import CONVERTED_FROM, Roi
from engines.spec_fields import Quantisation
from engines.spec_file import read_engine, read_spec, write_engine
from inspector.config import RunEngineOptions
from inspector.core.errors import ConfigError, DataError, EngineError, ParityError, SpecError
from inspector.engine_check import check_fallback
from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import make_engine
from learning.job import MakeOptions
from learning.methods.glass.method import Glass
from learning.methods.rad.method import Rad
from learning.quantising import converting
from learning.quantising.verdicts import BAND
from learning.refitting import refit_engine
from learning.stored_pictures import pictures_folder
from learning.thresholds.changing import read_left_out, set_by_hand
from learning.thresholds.rates import choose_with_rates
from learning.thresholds.rules import Rule


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Tests do not change it."""
    return fit_teachable(tmp_path_factory.mktemp("engine") / "parts.onnx")


@pytest.fixture(scope="module")
def done(engine):
    return convert_parts(engine, engine.with_name("int8.onnx"))


@pytest.fixture(scope="module")
def copy(engine, done):
    return engine.with_name("int8.onnx")


@pytest.fixture
def without_rounding(monkeypatch):
    """Copies the backbone in place of quantising it, which saves seconds, and the bank too."""

    def keep(path: Path, layers, normals, out: Path, **_) -> Quantisation:
        shutil.copy(path, out)
        return Quantisation("int8", "uint8", "minmax", 1, "0" * 64, True, True, 1)

    monkeypatch.setattr(converting, "quantise_backbone", keep)
    monkeypatch.setattr(Rad, "in_int8", lambda method: method)


def stored_pictures(engine: Path) -> list[Path]:
    return sorted(pictures_folder(engine).iterdir())


def copy_with(engine: Path, out: Path, **changes) -> Path:
    """The engine with other values in its spec, and its fit record."""
    spec, graph = read_engine(engine)
    write_engine(out, graph, dataclasses.replace(spec, **changes))
    shutil.copy(engine.with_suffix(".fit"), out.with_suffix(".fit"))
    return out


def test_the_bank_of_the_copy_has_codes_of_8_bits(engine, copy):
    full, small = read_spec(engine), read_spec(copy)
    assert (full.parameters["precision"], small.parameters["precision"]) == ("float32", "int8")
    assert full.parameters["model_bytes"] == 4 * small.parameters["model_bytes"]
    shapes = [tuple(shape) for shape in small.parameters["bank_shapes"].values()]
    stored = [
        tuple(each.t.dims)
        for node in read_engine(copy)[1].graph.node
        for each in node.attribute
        if node.op_type == "Constant" and each.t.data_type == onnx.TensorProto.UINT8
    ]
    assert {(cells, pictures, channels) for cells, channels, pictures in shapes} <= set(stored)


def test_a_bank_without_places_stays_float32(tmp_path):
    engine = fit_teachable(tmp_path / "e.onnx", options={"radius": None})
    convert_parts(engine, tmp_path / "int8.onnx")
    assert read_spec(tmp_path / "int8.onnx").parameters["precision"] == "float32"


def test_the_copy_says_what_it_is_and_what_it_was_made_from(engine, copy, done):
    before, spec = read_spec(engine), read_spec(copy)
    assert spec == done.spec
    assert (spec.precision, spec.requires) == ("int8", ("int8",))
    assert spec.parameters[CONVERTED_FROM] == before.graph_hash
    assert spec.versions["backbone_sha256"] == before.versions["backbone_sha256"]
    assert spec.quantisation.band == pytest.approx(BAND * spec.image_threshold)
    for name in ("name", "method", "layers", "resize", "map_hw", "good_pictures"):
        assert getattr(spec, name) == getattr(before, name)
    assert spec.trained_on["list_sha256"] == before.trained_on["list_sha256"]


def test_the_thresholds_follow_from_scores_of_left_out_pictures_in_int8(engine, copy):
    before, spec = read_spec(engine), read_spec(copy)
    assert len(spec.left_out.scores) == len(before.left_out.scores)
    assert spec.left_out.scores != before.left_out.scores
    limits, _ = choose_with_rates(read_left_out(spec.left_out), Rule("robust"), None)
    assert spec.image_threshold == limits.image
    assert spec.pixel_threshold == limits.pixel


def test_the_bank_holds_features_in_int8(engine, copy):
    fitted = parts(8).pixels
    scores = OnnxEngine(copy, threads=1).infer(fitted)[1]
    assert np.abs(scores).max() < 5e-3  # the error of the codes
    assert OnnxEngine(engine, threads=1).infer(part(20, spot=True)[None])[1] > 0.1


def test_good_golden_and_altered_pictures_get_the_same_verdicts(done):
    assert [group.name for group in done.verdicts] == [
        "good pictures",
        "golden pictures",
        "altered pictures",
    ]
    assert [group.pictures for group in done.verdicts] == [8, 2, 32]
    assert [group.beyond for group in done.verdicts] == [0, 0, 0]
    assert done.findings.failures == ()


def test_an_int8_engine_is_not_converted_again(copy, tmp_path):
    with pytest.raises(EngineError, match="is converted already"):
        convert_parts(copy, tmp_path / "again.onnx")


def test_an_int8_engine_is_not_refitted(copy):
    with pytest.raises(ConfigError, match="was converted to int8: refit the engine that it was"):
        refit_engine(copy, [], lambda *_: None)


def test_an_int8_engine_cannot_fall_back_to_thresholds_that_do_not_fit(engine, copy):
    options = RunEngineOptions(
        path=str(copy), on_parity_failure="fallback", fallback_path=str(engine)
    )
    with pytest.raises(ConfigError, match="is an int8 engine, whose thresholds do not fit"):
        check_fallback(options, read_spec(copy))


def test_a_verdict_that_differs_outside_the_band_leaves_no_file(engine, tmp_path, without_rounding):
    """The threshold of the original is above all scores."""
    high = copy_with(engine, tmp_path / "parts.onnx", image_threshold=3.0)
    with pytest.raises(ParityError, match="2 of 2 golden pictures get another verdict"):
        convert_parts(high, tmp_path / "int8.onnx", *stored_pictures(engine))
    assert not list(tmp_path.glob("int8*"))


def test_thresholds_that_a_person_set_are_not_replaced(engine, tmp_path):
    by_hand = set_by_hand(read_spec(engine), image=0.5, pixel=None)
    high = copy_with(engine, tmp_path / "parts.onnx", threshold_rule=by_hand.threshold_rule)
    with pytest.raises(ConfigError, match="were set by hand, and scores in int8 need others"):
        convert_parts(high, tmp_path / "int8.onnx", *stored_pictures(engine))


def test_pictures_come_from_a_folder_if_they_are_not_stored(engine, tmp_path, without_rounding):
    alone = shutil.copy(engine, tmp_path / "parts.onnx")
    shutil.copy(engine.with_suffix(".fit"), tmp_path / "parts.fit")
    with pytest.raises(DataError, match="8 of the 8 good pictures"):
        convert_parts(alone, tmp_path / "int8.onnx")
    convert_parts(alone, tmp_path / "int8.onnx", *stored_pictures(engine))
    assert read_spec(tmp_path / "int8.onnx").trained_on["count"] == 8


def test_an_engine_without_its_fit_record_is_refused(engine, tmp_path):
    alone = shutil.copy(engine, tmp_path / "parts.onnx")
    with pytest.raises(SpecError, match=r"fit record .*parts\.fit"):
        convert_parts(alone, tmp_path / "int8.onnx")


def test_a_method_that_is_not_fitted_is_refused(tmp_path):
    options = MakeOptions("glass", Glass(), resolve(DEFAULT), threads=1, simulated=0)
    make_engine(model(48, 32, HW), parts(8), options, tmp_path / "e.onnx", lambda *_: None)
    with pytest.raises(ConfigError, match="method glass, which is not fitted from good pictures"):
        convert_parts(tmp_path / "e.onnx", tmp_path / "int8.onnx")


def test_the_options_of_the_fit_are_kept(tmp_path, without_rounding):
    source = fit_teachable(
        tmp_path / "parts.onnx",
        options={"radius": 0},
        rule=Rule("mean_sigma", {"k": 2.5}),
        suspects="keep",
        seed=4,
        sigma=2.0,
    )
    convert_parts(source, tmp_path / "int8.onnx")
    before, spec = read_spec(source), read_spec(tmp_path / "int8.onnx")
    # Backbone and bank are the same, so everything else has to be the same too.
    assert dataclasses.asdict(spec.left_out) == dataclasses.asdict(before.left_out)
    assert spec.threshold_rule.parameters == before.threshold_rule.parameters
    assert spec.image_threshold == before.image_threshold
    assert spec.parameters["radius"] == before.parameters["radius"]
    assert (spec.seed, spec.golden) == (before.seed, before.golden)


def test_lines_are_found_in_int8_too(tmp_path, without_rounding):
    source = fit_teachable(tmp_path / "parts.onnx", lines=True)
    convert_parts(source, tmp_path / "int8.onnx")
    before, spec = read_spec(source), read_spec(tmp_path / "int8.onnx")
    assert spec.parameters["lines"] == before.parameters["lines"]
    assert spec.image_threshold == before.image_threshold


@pytest.mark.parametrize("lines", [False, True])
def test_patchcore_keeps_the_choice_of_its_bank(tmp_path, lines):
    left = Roi(HW, inspect=(((0.0, 0.0), (70.0, 0.0), (70.0, 64.0), (0.0, 64.0)),))
    options = {"coreset": 0.1}
    source = fit_teachable(tmp_path / "e.onnx", "patchcore", options=options, lines=lines, roi=left)
    done = convert_parts(source, tmp_path / "int8.onnx")
    before, spec = read_spec(source), done.spec
    assert spec.layers == before.layers
    assert set(spec.parameters) == {*before.parameters, CONVERTED_FROM}
    for name in ("bank_rows", "bank_candidates", "covering_radius", "model_bytes"):
        assert spec.parameters[name] == before.parameters[name]
    assert [group.beyond for group in done.verdicts] == [0, 0, 0]
    assert OnnxEngine(tmp_path / "int8.onnx", threads=1).infer(part(20, spot=True)[None])[1] > 1
