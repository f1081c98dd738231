"""Fitting from pictures to a checked engine file."""

import cv2
import numpy as np
import onnx
import pytest
from engine_parts import HW, fit_parts, part, parts
from loguru import logger

from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.roi import draw_mask
from engines.spec import Roi
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError, DataError, ParityError
from learning import checking, fitting
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.graph.maps import MapCanvas
from learning.graph.pixels import blank_outside
from learning.job import FitOptions
from learning.methods.rad.method import Rad
from learning.methods.registry import make_method
from learning.thresholds.rules import Rule

LEFT = Roi(HW, inspect=(((0.0, 0.0), (50.0, 0.0), (50.0, 64.0), (0.0, 64.0)),))


def test_a_spot_is_found_at_its_place_and_new_good_parts_score_below(engine_file):
    engine = OnnxEngine(engine_file)
    good = np.stack([part(seed) for seed in range(100, 110)])
    maps, scores = engine.infer(np.concatenate([good, part(200, spot=True)[None]]))
    assert scores[-1] > 2 * scores[:-1].max()
    assert scores[-1] >= engine.spec.image_threshold
    y, x = np.unravel_index(np.argmax(maps[-1]), maps[-1].shape)
    assert abs(x - 70) < 10
    assert abs(y - 40) < 10
    assert maps[-1].max() >= engine.spec.pixel_threshold
    assert np.isfinite(maps).all()


def test_the_graph_takes_uint8_and_uses_an_opset_that_tensorrt_and_openvino_take(engine_file):
    model = onnx.load(engine_file)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")]
    assert all(17 <= o.version <= 20 for o in model.opset_import if o.domain in ("", "ai.onnx"))
    assert {o.domain for o in model.opset_import} <= {"", "ai.onnx"}
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    batch = [v.type.tensor_type.shape.dim[0].dim_param for v in model.graph.output]
    assert batch == ["N", "N"]


def test_the_spec_tells_where_it_comes_from(engine_file):
    spec = read_spec(engine_file)
    assert spec.parity["pictures"] >= 32
    assert spec.parity["map_max_abs"] < 1e-5
    assert spec.parity["score_max_abs"] < 1e-5
    assert spec.parity["decision_flips"] == 0
    assert spec.trained_on["count"] == 8
    assert spec.threshold_rule.normals == 8
    assert spec.threshold_rule.false_alarm_rate == pytest.approx(1 / 9)
    assert spec.licence == "Apache-2.0"
    assert spec.parameters["bank_pictures"] == 8
    assert {"numpy", "onnx", "spox", "python"} <= set(spec.versions)


def test_golden_pictures_give_their_reference_outputs_again(engine_file):
    engine = OnnxEngine(engine_file)
    examples = golden.unpack(engine.spec)
    maps, scores = engine.infer(examples.pixels)
    assert len(examples.pixels) == 2
    assert np.abs(scores - examples.scores).max() < 1e-5
    assert np.abs(maps - examples.maps).max() < 1e-3


def test_nothing_outside_the_region_is_seen(tmp_path):
    fit_parts(tmp_path / "left.onnx", roi=LEFT)
    engine = OnnxEngine(tmp_path / "left.onnx")
    inside = draw_mask(LEFT, HW)
    base = part(50)
    noise = np.random.default_rng(0).integers(0, 255, base.shape).astype(np.uint8)
    other = np.where(inside[:, :, None], base, noise)
    maps, scores = engine.infer(np.stack([base, other]))
    assert np.array_equal(maps[0], maps[1])
    assert scores[0] == scores[1]
    assert np.all(maps[:, ~inside] == 0)
    assert maps[0][inside].max() > 0


def test_a_defect_inside_the_region_is_still_found_and_one_outside_is_not(tmp_path):
    spec = fit_parts(tmp_path / "left.onnx", roi=LEFT).spec
    engine = OnnxEngine(tmp_path / "left.onnx")
    inner = part(50)
    cv2.circle(inner, (20, 30), 5, (20, 20, 20), -1)
    _, scores = engine.infer(np.stack([inner, part(50, spot=True)]))
    assert scores[0] >= spec.image_threshold > scores[1]
    assert spec.roi == LEFT


@pytest.mark.parametrize(
    "options",
    [
        {"radius": None},
        {"radius": 0},
        {"radius": 2},
        {"top_k": 3},
        {"top_k": 100},
        {"coreset": 4},
        {"precision": "float16"},
        {"layers": ("stride16",)},
        {"radius": None, "coreset": 50},
    ],
)
def test_every_setting_exports_an_engine_that_computes_it(tmp_path, options):
    spec = fit_parts(tmp_path / "e.onnx", options=options).spec
    assert spec.parity["map_max_abs"] < 1e-5
    defect, good = part(300, spot=True), part(301)
    _, scores = OnnxEngine(tmp_path / "e.onnx").infer(np.stack([defect, good]))
    assert scores[0] > scores[1]


def test_half_precision_halves_the_file(tmp_path, engine_file):
    fit_parts(tmp_path / "half.onnx", options={"precision": "float16"})
    full, half = read_spec(engine_file), read_spec(tmp_path / "half.onnx")
    assert half.precision == "float16"
    assert half.parameters["model_bytes"] * 2 == full.parameters["model_bytes"]
    assert (tmp_path / "half.onnx").stat().st_size < engine_file.stat().st_size


def test_an_engine_that_computes_something_else_is_refused_and_leaves_no_file(
    tmp_path, monkeypatch
):
    original = Rad.head
    other = MapCanvas(HW, sigma=3.5)
    monkeypatch.setattr(Rad, "head", lambda self, model, f, _: original(self, model, f, other))
    with pytest.raises(ParityError, match="differs from its method") as caught:
        fit_parts(tmp_path / "e.onnx")
    assert caught.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


def test_the_check_uses_pictures_that_are_not_in_the_bank():
    normals = parts(8).pixels
    unseen = checking.alter_pictures(normals, 8, 0)
    assert len(unseen) == 8
    for picture in unseen:
        assert min(np.abs(picture.astype(int) - n).mean() for n in normals) > 1


def test_two_pictures_are_enough_and_the_warning_says_what_they_are_worth(tmp_path):
    normals = parts(2)
    recipe = FitOptions("parts", make_method("rad", {}), resolve(DEFAULT), threads=1)
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING")
    try:
        spec = fit_engine(normals, recipe, tmp_path / "e.onnx", lambda *_: None).spec
    finally:
        logger.remove(sink)
    assert "only 2 good pictures" in heard[0]
    assert "33%" in heard[0]
    assert spec.threshold_rule.false_alarm_rate == pytest.approx(1 / 3)
    assert spec.threshold_rule.folds == 2


def test_features_beyond_the_memory_limit_are_refused_before_they_are_computed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(fitting, "MAX_EMBEDDING_BYTES", 10_000)
    with pytest.raises(DataError, match="use fewer pictures"):
        fit_parts(tmp_path / "e.onnx")


def test_an_unsupported_rate_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="false_alarm_rate"):
        fit_parts(tmp_path / "e.onnx", rule=Rule("conformal", {"rate": 0.01}))


def test_fitting_sees_the_features_that_the_engine_computes():
    pixels = parts(2).pixels
    with FeatureExtractor(resolve(DEFAULT), layers=["stride8"]) as extractor:
        seen = extractor.extract(blank_outside(pixels, draw_mask(LEFT, HW)))["stride8"]
        plain = extractor.extract(pixels)["stride8"]
    assert not np.allclose(seen, plain)
    assert np.allclose(seen[..., :2], plain[..., :2], atol=1e-5)
