"""PatchCore as an engine file: exported, checked, read again."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
from engine_parts import part, parts

from engines import golden
from engines.opening import open_engine
from engines.spec import Roi
from inspector.core.errors import ConfigError, ParityError
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import EngineResult, FitOptions
from learning.methods.patchcore.method import PatchCore


def fitted(out: Path, method: PatchCore, **recipe) -> EngineResult:
    made = FitOptions("parts", method, resolve(DEFAULT), threads=1, **recipe)
    return fit_engine(parts(8), made, out, lambda *_: None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"precision": "float16"},
        {"variant": "official", "dims": 64},
        {"reduction": "pca", "dims": 32, "score_patches": 5},
    ],
)
def test_an_exported_engine_finds_the_spot_in_any_batch(options, tmp_path):
    out = tmp_path / "engine.onnx"
    spec = fitted(out, PatchCore(**options)).spec
    assert spec.parity["decision_flips"] == 0
    assert spec.parity["score_max_abs"] < spec.parity["tolerance"]
    engine = open_engine(out)
    pictures = np.stack([part(seed) for seed in range(20, 26)] + [part(30, spot=True)])
    maps, scores = engine.infer(pictures)
    assert scores[-1] >= spec.image_threshold
    assert scores[-1] > scores[:-1].max()
    row, column = np.unravel_index(maps[-1].argmax(), maps[-1].shape)
    assert abs(row - 40) < 8
    assert abs(column - 70) < 8
    alone = [engine.infer(item[None]) for item in pictures]
    assert np.allclose([item[1][0] for item in alone], scores, rtol=1e-5)
    assert np.allclose([item[0][0] for item in alone], maps, rtol=1e-4, atol=1e-3)


def test_the_bank_is_stored_once(tmp_path):
    spec = fitted(tmp_path / "engine.onnx", PatchCore(most_rows=50)).spec
    model = onnx.load(tmp_path / "engine.onnx")
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    shapes = [tuple(node.attribute[0].t.dims) for node in constants]
    assert shapes.count((50, 152)) == 1
    assert spec.parameters["bank_rows"] == 50


def test_an_engine_that_computes_something_else_is_refused(monkeypatch, tmp_path):
    """A difference of a thousandth is refused even if scores are large."""
    head = PatchCore.head

    def louder(self, model, features, canvas):
        drawn, score = head(self, model, features, canvas)
        return drawn, op.mul(score, op.const(np.float32(1.001)))

    monkeypatch.setattr(PatchCore, "head", louder)
    with pytest.raises(ParityError, match="differs from its method"):
        fitted(tmp_path / "engine.onnx", PatchCore())
    assert not (tmp_path / "engine.onnx").exists()


def test_a_top_fraction_is_refused_since_the_score_is_not_read_off_the_map(tmp_path):
    with pytest.raises(ConfigError, match="top_fraction"):
        fitted(tmp_path / "engine.onnx", PatchCore(), top_fraction=0.01)


def test_a_spot_outside_the_region_is_not_seen(tmp_path):
    corners = ((0.0, 0.0), (56.0, 0.0), (56.0, 64.0), (0.0, 64.0))
    roi = Roi((64, 96), inspect=(corners,))
    spec = fitted(tmp_path / "engine.onnx", PatchCore(), roi=roi).spec
    engine = open_engine(tmp_path / "engine.onnx")
    _, scores = engine.infer(np.stack([part(20), part(20, spot=True)]))
    assert scores[1] == pytest.approx(scores[0], rel=1e-4)
    assert scores[1] < spec.image_threshold


def test_maps_too_large_for_float16_travel_whole(tmp_path):
    spec = fitted(tmp_path / "engine.onnx", PatchCore(variant="official")).spec
    examples = golden.unpack(spec)
    large = examples.maps.astype(np.float64) * 1000
    packed = golden.pack(examples.pixels, large, examples.scores)
    unpacked = golden.unpack(dataclasses.replace(spec, golden=packed)).maps
    assert np.finfo(np.float16).max < large.max() < np.inf
    assert np.allclose(unpacked, large, rtol=1e-6)
