"""The variant of WinCLIP without windows, on a small CLIP with random weights."""

import dataclasses

import numpy as np
import pytest
from engine_parts import HW, part, parts
from ready_methods import ready_method

from engines.backends.onnx import OnnxEngine
from engines.spec import Roi
from inspector.core.errors import ConfigError, DataError
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.graph.maps import MapCanvas
from learning.job import FitOptions
from learning.methods.feature_source import SourceRequest
from learning.methods.registry import make_method
from learning.methods.winclip_seed.method import WinclipSeed

CANVAS = MapCanvas(HW, sigma=4.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("seed")


@pytest.fixture(scope="module")
def fitted(folder):
    """Method, raw features and embeddings of 12 pictures, the last two with a spot, and a model of
    ten good ones."""
    method, backbone = ready_method("winclip-seed", {}, folder)
    with method.open_source(SourceRequest(backbone, HW, threads=1)) as source:
        good = method.embed(source.extract(parts(10).pixels))
        features = source.extract(np.stack([part(100 + i, spot=i >= 10) for i in range(12)]))
    return method, features, method.embed(features), method.fit(good, 0), good


@pytest.mark.parametrize("roi", [None, [(0, 0), (96, 0), (96, 40), (0, 40)]])
def test_the_engine_computes_the_reference_for_every_batch(roi, fitted, folder, tmp_path):
    method, features, embeddings, _, good = fitted
    region = None if roi is None else Roi(inspect=[roi], frame_hw=HW)
    options = FitOptions("parts", method, folder / "clip.onnx", roi=region, threads=1)
    out = tmp_path / "engine.onnx"
    fit_engine(parts(10), options, out, lambda *_: None)
    engine = OnnxEngine(out, threads=1)
    assert engine.spec.parity["map_max_abs"] <= engine.spec.parity["tolerance"]
    if roi is not None:
        assert not engine.infer(part(100)[None])[0][:, 42:].any()
        return
    model = method.fit(good, 0)
    maps, scores = method.reference(model, features, CANVAS)
    measured = method.measure(model, embeddings, CANVAS)
    scale = maps.max()
    assert np.abs(measured[0] - maps).max() < 1e-4 * scale
    pixels = np.stack([part(100 + i, spot=i >= 10) for i in range(12)])
    for at, batch in ((0, 1), (1, 2), (5, 7)):
        engine_maps, engine_scores = engine.infer(pixels[at : at + batch])
        assert np.abs(engine_maps - maps[at : at + batch]).max() < 1e-4 * scale
        assert np.abs(engine_scores - scores[at : at + batch]).max() < 1e-4 * scale


def test_the_scale_is_that_of_good_pictures_that_were_left_out(fitted):
    method, _, _, model, good = fitted
    patches = good["patches"]
    lined = patches.transpose(0, 2, 3, 1).reshape(len(patches), -1, patches.shape[1])
    text = lined @ (model.text[1] - model.text[0])
    keep_all = dataclasses.replace(method, coreset=1.0, most_rows=0)
    whole = keep_all.fit(good, 0)
    gaps = np.concatenate(
        [
            np.linalg.norm(lined[others][:, :, None] - lined[rest].reshape(-1, 64), axis=-1).min(2)
            for others, rest in (
                (slice(1, None, 2), slice(0, None, 2)),
                (slice(0, None, 2), slice(1, None, 2)),
            )
        ]
    )
    for values, centre, spread, least in (
        (text, whole.centres[0], whole.spreads[0], 0.002),
        (gaps, whole.centres[1], whole.spreads[1], 0.02),
    ):
        assert np.isclose(centre, np.median(values), atol=1e-5)
        deviation = 1.4826 * np.median(np.abs(values - np.median(values)))
        assert np.isclose(spread, max(deviation, least), atol=1e-5)


def test_a_picture_that_is_wrong_everywhere_keeps_its_level(fitted, folder):
    """A scale of the single picture would hide it."""
    method, _, _, model, _ = fitted
    with method.open_source(SourceRequest(folder / "clip.onnx", HW, threads=1)) as source:
        noise = np.random.default_rng(0).integers(0, 256, (1, *HW, 3), np.uint8)
        embeddings = method.embed(source.extract(np.concatenate([part(7)[None], noise])))
    maps, scores = method.measure(model, embeddings, CANVAS)
    assert np.median(maps[1]) > maps[0].max()
    assert scores[1] > 2 * scores[0]


def test_a_scale_of_each_picture_would_hide_damage_of_half_of_it(fitted, folder):
    method, _, _, model, _ = fitted
    pixels = np.stack([part(200 + index) for index in range(8)])
    pixels[4:, :, :48] = np.random.default_rng(0).integers(0, 256, (4, HW[0], 48, 3), np.uint8)
    with method.open_source(SourceRequest(folder / "clip.onnx", HW, threads=1)) as source:
        embeddings = method.embed(source.extract(pixels))
    stored = method.measure(model, embeddings, CANVAS)[1]
    assert stored[4:].min() > 5 * stored[:4].max()
    single = []
    for patches in embeddings["patches"]:
        vectors = patches.reshape(len(patches), -1).T
        text = vectors @ (model.text[1] - model.text[0])
        gaps = np.linalg.norm(vectors[:, None] - model.bank, axis=-1).min(axis=1)
        centres = float(np.median(text)), float(np.median(gaps))
        spreads = tuple(
            1.4826 * float(np.median(np.abs(values - centre)))
            for values, centre in zip((text, gaps), centres, strict=True)
        )
        rescaled = dataclasses.replace(model, centres=centres, spreads=spreads)
        single.append(method.measure(rescaled, {"patches": patches[None]}, CANVAS)[1][0])
    assert max(single[4:]) < 1.5 * max(single[:4])


def test_a_spot_scores_above_good_pictures(fitted):
    method, _, embeddings, model, _ = fitted
    _, scores = method.measure(model, embeddings, CANVAS)
    assert scores[10:].min() > scores[:10].max()


def test_the_weights_choose_between_texts_and_bank(fitted):
    method, _, embeddings, model, _ = fitted
    bank_only = dataclasses.replace(method, text_weight=0.0)
    text_only = dataclasses.replace(method, text_weight=1.0)
    same_texts = dataclasses.replace(model, text=model.text[::-1])
    same_bank = dataclasses.replace(model, bank=model.bank[:5])
    for each, same in ((bank_only, same_texts), (text_only, same_bank)):
        first, second = (each.measure(m, embeddings, CANVAS)[0] for m in (model, same))
        assert np.array_equal(first, second)
        other = same_bank if same is same_texts else same_texts
        assert not np.array_equal(first, each.measure(other, embeddings, CANVAS)[0])


def test_the_bank_is_a_tenth_of_the_patches_and_the_spec_says_so(fitted):
    method, _, _, model, _ = fitted
    assert len(model.bank) == 10 * 24 // 10
    facts = method.describe(model)
    assert (facts["bank_rows"], facts["bank_pictures"]) == (24, 10)
    assert facts["model_bytes"] == model.bank.nbytes + model.text.nbytes
    assert facts["spreads"] == list(model.spreads)
    assert "text" not in facts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text_weight": 1.5}, "text_weight must lie within 0 and 1"),
        ({"coreset": -0.1}, "coreset must lie within 0 and 1"),
        ({"most_rows": -1}, "most_rows must be at least 0"),
        ({"class_name": ""}, "class_name must have"),
        ({"templates": 5}, "templates must be 21 or 22"),
    ],
)
def test_options_that_it_cannot_use_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_method("winclip-seed", options)


def test_files_that_do_not_fit_are_refused(folder, fitted):
    method, backbone = ready_method("winclip-seed", {}, folder)
    with pytest.raises(ConfigError, match="has no default backbone"):
        WinclipSeed.find_backbone(None)
    with pytest.raises(ConfigError, match="needs blocks of a CLIP after its projection"):
        method.open_source(SourceRequest(resolve(DEFAULT), HW))
    other = dataclasses.replace(method, layers=("block1_projected", "windows2"))
    with pytest.raises(ConfigError, match="needs blocks of a CLIP after its projection"):
        other.open_source(SourceRequest(backbone, HW))
    with pytest.raises(ConfigError, match="needs both files of a CLIP"):
        WinclipSeed().open_source(SourceRequest(backbone, HW))
    with pytest.raises(DataError, match="give at least 3 pictures"):
        method.fit({"patches": fitted[4]["patches"][:1]}, 0)
