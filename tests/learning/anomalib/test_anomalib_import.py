"""Imported exports of anomalib: their scores, thresholds and weights."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from anomalib_graphs import HW, MAP_LIMITS, SCORE_LIMITS, disc, normal_folder, write
from anomalib_parts import imported, raw_values, some_pixels

from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.resize import to_input
from inspector.core.errors import DataError, ParityError
from learning.anomalib import importing as anomalib_import
from learning.anomalib.run import Original


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return normal_folder(tmp_path_factory.mktemp("pictures") / "good")


def as_anomalib(path: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map (n, h, w) and score (n,) of the file itself."""
    session = ort.InferenceSession(path)
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    parts = [session.run(["anomaly_map", "pred_score"], {"input": plane[None]}) for plane in planes]
    return np.concatenate([p[0][:, 0] for p in parts]), np.concatenate([p[1][:, 0] for p in parts])


@pytest.mark.parametrize("tail", ["2.7", "2.0", "min_max"])
def test_scores_keep_anomalibs_scale_but_not_its_clipping(tmp_path, good, tail):
    spec, engine = imported(write(tmp_path / "model.onnx", tail=tail), good)
    pixels = some_pixels(spec)
    maps, scores = engine.infer(pixels)
    raw = raw_values(pixels)
    assert maps == pytest.approx((raw - MAP_LIMITS[0]) / MAP_LIMITS[1] + 1, abs=1e-4)
    top = raw.max(axis=(1, 2))
    assert scores == pytest.approx((top - SCORE_LIMITS[0]) / SCORE_LIMITS[1] + 1, abs=1e-4)
    assert maps.max() > 1.6, "something here is beyond what anomalib clips"
    shown_map, shown_score = as_anomalib(tmp_path / "model.onnx", pixels)
    assert np.clip(maps - 0.5, 0, 1) == pytest.approx(shown_map, abs=1e-5)
    assert np.clip(scores - 0.5, 0, 1) == pytest.approx(shown_score, abs=1e-5)
    made = spec.parameters["anomaly_map"]
    assert made["normalisation"] == "taken out of the graph"
    assert made["anomalib_threshold"] == pytest.approx(1.0)
    assert made["span"] == pytest.approx(MAP_LIMITS[1])
    assert not {"Clip", "Where", "Greater", "Min", "Max"} & set(operators(tmp_path))


def operators(folder: Path) -> list[str]:
    return [node.op_type for node in onnx.load(folder / "engine.onnx").graph.node]


def test_the_spec_says_what_is_known_and_what_is_not(tmp_path, good):
    spec, _ = imported(write(tmp_path / "model.onnx"), good)
    assert (spec.name, spec.method, spec.backbone) == (
        "disc",
        "anomalib",
        "unknown (inside the model)",
    )
    assert spec.parameters["model"] == "padim"
    assert spec.versions["exporter"] == "pytorch 2.14.1"
    assert (spec.frame_hw, spec.resize.input_hw, spec.map_hw) == ((96, 128), HW, HW)
    assert spec.max_batch is None
    assert spec.threshold_rule.normals == 9
    assert "trained on are not known" in spec.threshold_rule.note
    assert spec.left_out is not None
    assert len(spec.left_out.scores) == 9
    assert spec.left_out.bank == ()
    assert spec.good_pictures.count == 9


def test_thresholds_lie_just_above_what_the_normal_pictures_score(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx"), good)
    pixels = np.stack([to_input(disc(seed), spec.resize)[0] for seed in range(9)])
    maps, scores = engine.infer(pixels)
    assert spec.image_threshold == pytest.approx(scores.max(), abs=1e-5)
    assert spec.pixel_threshold == pytest.approx(maps.max(), abs=1e-5)
    bad = np.stack([to_input(disc(seed, spot=True), spec.resize)[0] for seed in range(20, 24)])
    assert (engine.infer(bad)[1] > spec.image_threshold).all()


def test_golden_pictures_travel_with_the_engine(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx"), good)
    examples = golden.unpack(spec)
    maps, scores = engine.infer(examples.pixels)
    assert scores == pytest.approx(examples.scores, abs=1e-4)
    assert maps == pytest.approx(examples.maps.astype(np.float64), abs=2e-3)
    assert spec.parity["map_max_abs"] < 1e-4
    assert spec.parity["pictures"] == 32


def test_another_normalisation_is_kept_and_named(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx", tail="sigmoid"), good)
    pixels = some_pixels(spec)
    maps, scores = engine.infer(pixels)
    shown_map, shown_score = as_anomalib(tmp_path / "model.onnx", pixels)
    assert maps == pytest.approx(shown_map, abs=1e-5)
    assert scores == pytest.approx(shown_score, abs=1e-5)
    assert spec.parameters["pred_score"]["normalisation"] == "kept in the graph"
    assert spec.parameters["pred_score"]["anomalib_threshold"] == 0.5


def test_raw_scores_stay_as_they_are(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx", tail="raw", size=3.0), good)
    pixels = some_pixels(spec)
    assert engine.infer(pixels)[0] == pytest.approx(3 * raw_values(pixels), abs=1e-4)
    assert spec.parameters["anomaly_map"]["normalisation"] == "none found"


def test_raw_scores_are_used_where_all_validation_pictures_had_one_value(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx", tail="flat", size=3.0), good)
    pixels = some_pixels(spec)
    assert engine.infer(pixels)[0] == pytest.approx(3 * raw_values(pixels), abs=1e-4)
    assert set(as_anomalib(tmp_path / "model.onnx", pixels)[0].ravel()) == {0.0, 1.0}
    assert spec.parameters["anomaly_map"]["anomalib_threshold"] == pytest.approx(MAP_LIMITS[0])


def test_each_output_is_scaled_separately(tmp_path, good):
    model = write(tmp_path / "model.onnx", score_tail="sigmoid")
    spec, engine = imported(model, good)
    pixels = some_pixels(spec)
    maps, scores = engine.infer(pixels)
    expected = (raw_values(pixels) - MAP_LIMITS[0]) / MAP_LIMITS[1] + 1
    assert maps == pytest.approx(expected, abs=1e-4)
    assert scores == pytest.approx(as_anomalib(model, pixels)[1], abs=1e-5)


@pytest.mark.parametrize(("sign", "size"), [(-1.0, 1.0), (1.0, 1e-6)])
def test_raw_scores_below_zero_or_next_to_it_are_moved_off_the_floor(tmp_path, good, sign, size):
    model = write(tmp_path / "model.onnx", tail="raw", sign=sign, size=size)
    spec, engine = imported(model, good)
    assert spec.image_threshold > 0.5
    bad = np.stack([to_input(disc(seed, spot=True), spec.resize)[0] for seed in range(20, 24)])
    assert (engine.infer(bad)[1] > spec.image_threshold).all()


def test_without_a_score_the_highest_map_value_is_taken(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx", score=False), good)
    maps, scores = engine.infer(some_pixels(spec))
    assert np.array_equal(scores, maps.max(axis=(1, 2)))


def test_weights_in_a_separate_file_are_stored_in_the_engine(tmp_path, good):
    model = write(tmp_path / "model.onnx", external=True)
    assert (tmp_path / "model.onnx.data").stat().st_size > 0
    imported(model, good)
    (tmp_path / "model.onnx.data").unlink()
    assert OnnxEngine(tmp_path / "engine.onnx", threads=1).infer(np.zeros((1, *HW, 3), np.uint8))


def test_an_if_keeps_the_tensors_that_its_branches_take(tmp_path, good):
    spec, engine = imported(write(tmp_path / "model.onnx", gate=True), good)
    pixels = some_pixels(spec)
    expected = (raw_values(pixels) - MAP_LIMITS[0]) / MAP_LIMITS[1] + 1
    assert engine.infer(pixels)[0] == pytest.approx(expected, abs=1e-4)


def test_nothing_of_the_machine_that_exported_it_remains(tmp_path, good):
    imported(write(tmp_path / "model.onnx"), good)
    graph = onnx.load(tmp_path / "engine.onnx").graph
    assert not any(node.metadata_props for node in graph.node)


def test_the_same_export_gives_the_same_graph(tmp_path, good):
    model = write(tmp_path / "model.onnx")
    assert imported(model, good)[0].graph_hash == imported(model, good)[0].graph_hash


def test_scores_at_the_end_of_a_kept_scale_are_refused(tmp_path, good):
    # The sigmoid of a raw score above 17 is 1 in float32.
    model = write(tmp_path / "model.onnx", tail="sigmoid", size=200.0)
    with pytest.raises(DataError, match="enable_normalization = False"):
        imported(model, good)
    assert not (tmp_path / "engine.onnx").exists()


@pytest.mark.parametrize("score_tail", ["2.7", "sigmoid", "raw"])
@pytest.mark.parametrize("value", [0.0, 0.5, 0.97])
def test_a_score_that_is_the_same_on_all_good_pictures_is_refused(
    tmp_path, good, monkeypatch, score_tail, value
):
    model = write(tmp_path / "model.onnx", score_tail=score_tail, constant_score=value)
    with pytest.raises(DataError, match=r"pred_score .*is .* on (all 9|every) good picture"):
        imported(model, good)
    assert not (tmp_path / "engine.onnx").exists()


def test_a_score_that_is_clipped_to_0_on_good_pictures_is_refused_with_the_remedy(tmp_path, good):
    model = write(
        tmp_path / "model.onnx", score_tail="raw", score_of_map=True, map_limits=(1.6, 0.9)
    )
    with pytest.raises(DataError, match=r"is 0 on all 9 good.*lower end.*enable_normalization"):
        imported(model, good)
    assert not (tmp_path / "engine.onnx").exists()


def test_pictures_that_are_all_the_same_are_named_as_the_reason(tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.png"), disc(0))
    with pytest.raises(DataError, match="all of these pictures are the same"):
        imported(write(tmp_path / "model.onnx"), folder)


def test_an_engine_that_differs_from_its_export_is_refused_and_no_file_left(
    tmp_path, good, monkeypatch
):
    honest = anomalib_import.wrap

    def wrong(*arguments, **named):
        graph = honest(*arguments, **named)
        for tensor in graph.graph.initializer:
            if list(tensor.dims) == [1, 1, 5, 5]:
                values = onnx.numpy_helper.to_array(tensor) * np.float32(1.001)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        return graph

    monkeypatch.setattr(anomalib_import, "wrap", wrong)
    with pytest.raises(ParityError):
        imported(write(tmp_path / "model.onnx"), good)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_a_raw_value_other_than_the_normalised_one_is_refused(tmp_path, good, monkeypatch):
    honest = Original.run

    def off(self, pixels):
        raw, shown = honest(self, pixels)
        return raw, {name: values + 0.01 for name, values in shown.items()}

    monkeypatch.setattr(Original, "run", off)
    with pytest.raises(ParityError, match="is not its raw value normalised"):
        imported(write(tmp_path / "model.onnx"), good)


@pytest.mark.train
@pytest.mark.timeout(900)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_real_export_of_anomalib_becomes_an_engine(tmp_path, good, frozen):
    pytest.importorskip(
        "anomalib.models", reason="needs anomalib: see tests/support/anomalib_recipe.py"
    )
    from anomalib_recipe import export

    model = export("Padim", good, tmp_path / "run", size=(96, 128), frozen=frozen)
    spec, engine = imported(model, good)
    assert spec.parameters["model"] == "padim"
    assert spec.parameters["anomaly_map"]["normalisation"] == "taken out of the graph"
    assert spec.max_batch == (1 if frozen else None)
    assert spec.resize.input_hw == (96, 128)
    assert engine.infer(some_pixels(spec))[1].shape == (3,)
