"""WinCLIP on a small CLIP with random weights."""

import dataclasses

import cv2
import numpy as np
import onnx
import pytest
from clip_parts import CLIP_NAME, SmallClip, write_small_clip
from engine_parts import HW, part, parts
from ready_methods import ready_method

from engines.backends.onnx import OnnxEngine
from engines.spec import Roi
from inspector.core.errors import ConfigError, DataError, SpecError
from learning.backbones.clip import text_file_of
from learning.backbones.clip_text import TextEncoder, describe_text
from learning.backbones.zoo import DEFAULT, describe, resolve
from learning.fitting import fit_engine
from learning.graph.maps import MapCanvas
from learning.job import FitOptions
from learning.methods.clip_prompts import (
    ANOMALOUS_STATES,
    NORMAL_STATES,
    TEMPLATES,
    make_prompts,
)
from learning.methods.feature_source import SourceRequest
from learning.methods.registry import make_method
from learning.methods.winclip.method import Winclip
from tools.fit import main as fit

CANVAS = MapCanvas(HW, sigma=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("winclip")


def opened(folder, **options):
    method, backbone = ready_method("winclip", options, folder)
    return method, method.open_source(SourceRequest(backbone, HW, threads=1))


def pictures(*spots: bool) -> np.ndarray:
    return np.stack([part(100 + index, spot=spot) for index, spot in enumerate(spots)])


@pytest.fixture(
    scope="module",
    params=[{}, {"shots": 0}, {"fusion": "sum", "shots": 1}, {"windows": "pooled", "shots": 2}],
    ids=str,
)
def engine(request, folder):
    method, backbone = ready_method("winclip", request.param, folder)
    out = folder / "engine.onnx"
    options = FitOptions("parts", method, backbone, sigma=0.0, threads=1)
    fit_engine(parts(8), options, out, lambda *_: None)
    return method, OnnxEngine(out, threads=1), out


def test_the_engine_computes_the_reference_for_every_batch(engine, folder):
    method, runtime, _ = engine
    pixels = pictures(*[False, True] * 5)
    with method.open_source(SourceRequest(folder / "clip.onnx", HW, threads=1)) as source:
        model = method.fit(method.embed(source.extract(parts(8).pixels)), 0)
        maps, scores = method.reference(model, source.extract(pixels), CANVAS)
        measured = method.measure(model, method.embed(source.extract(pixels)), CANVAS)
    assert np.abs(measured[0] - maps).max() < 1e-6
    assert np.abs(measured[1] - scores).max() < 1e-6
    at = 0
    for batch in (1, 2, 7):
        part_of_all = slice(at, at + batch)
        engine_maps, engine_scores = runtime.infer(pixels[part_of_all])
        assert np.abs(engine_maps - maps[part_of_all]).max() < 1e-6
        assert np.abs(engine_scores - scores[part_of_all]).max() < 1e-6
        at += batch
    assert maps.std() > 1e-4
    assert 0 < maps.min() < maps.max() < method.highest


def test_the_engine_holds_anchors_and_prompts_but_no_text_tower(engine, folder):
    method, runtime, out = engine
    spec, text = runtime.spec, text_file_of(folder / "clip.onnx")
    assert spec.parameters["class_name"] == "object"
    assert spec.parameters["normal_states"] == list(NORMAL_STATES)
    assert spec.parameters["sentences"] == list(TEMPLATES[21])
    assert spec.parameters["shots"] == method.shots
    assert spec.parameters["windows"] == method.windows
    assert spec.versions["text_tower_sha256"] == describe_text(text)[0].sha256
    assert (spec.backbone, spec.licence) == (CLIP_NAME, "CC0-1.0")
    assert ("block1" in spec.layers) == (method.shots > 0)
    assert set(spec.parameters["memory_vectors"].values()) == (
        {24 * method.shots, 15 * method.shots, 8 * method.shots} if method.shots else set()
    )
    tower = {t.raw_data for t in onnx.load(text).graph.initializer if len(t.raw_data) > 10_000}
    stored = {
        node.attribute[0].t.raw_data
        for node in onnx.load(out).graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    assert tower
    assert not tower & stored


@pytest.mark.parametrize("shots", [0, 2])
def test_what_is_outside_the_region_has_no_effect(shots, folder, tmp_path):
    method, backbone = ready_method("winclip", {"shots": shots}, folder)
    roi = Roi(inspect=[[(0, 0), (60, 0), (60, 64), (0, 64)]], frame_hw=HW)
    out = tmp_path / "engine.onnx"
    options = FitOptions("parts", method, backbone, roi=roi, threads=1)
    fit_engine(parts(8), options, out, lambda *_: None)
    clean = pictures(False)
    spotted = clean.copy()
    cv2.circle(spotted[0], (80, 30), 10, (20, 20, 20), -1)
    first, second = (OnnxEngine(out, threads=1).infer(each) for each in (clean, spotted))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not first[0][:, :, 62:].any()
    assert first[0][:, :, :58].all()


def test_more_memories_of_the_same_picture_change_nothing_and_itself_is_at_distance_0(folder):
    method, source = opened(folder, shots=2)
    with source:
        twice = method.embed(source.extract(np.repeat(parts(1).pixels, 2, axis=0)))
    model = method.fit(twice, 0)
    once = dataclasses.replace(method, shots=1).fit(twice, 0)
    grids = [method.measure(each, twice, CANVAS) for each in (model, once)]
    assert np.abs(grids[0][0] - grids[1][0]).max() < 1e-6
    alone = dataclasses.replace(method, shots=0)
    text_only = alone.measure(alone.fit(twice, 0), twice, CANVAS)
    assert np.abs(grids[0][0] - text_only[0] / 2).max() < 1e-5
    assert np.abs(grids[0][1] - text_only[1] / 2).max() < 1e-5


def test_the_sum_is_twice_the_mean_and_has_the_same_score(folder):
    method, source = opened(folder, shots=3)
    with source:
        embeddings = method.embed(source.extract(pictures(False, False, False, True)))
    model = method.fit(embeddings, 0)
    summed = dataclasses.replace(method, fusion="sum")
    mean = method.measure(model, embeddings, CANVAS)
    both = summed.measure(model, embeddings, CANVAS)
    assert np.allclose(both[0], 2 * mean[0], atol=1e-6)
    assert np.array_equal(both[1], mean[1])
    assert (method.highest, summed.highest) == (1.0, 2.0)
    assert dataclasses.replace(summed, shots=0).highest == 1.0


def test_pooled_windows_are_means_of_the_projected_patches_of_one_pass(folder):
    pixels = pictures(False, False, True)
    method, backbone = ready_method("winclip", {"windows": "pooled", "shots": 0}, folder)
    request = SourceRequest(backbone, HW, threads=1)
    assert method.outputs(describe(backbone)) == ("cls", "block1_projected")
    with method.open_source(request) as source:
        features = source.extract(pixels)
    patches = features["block1_projected"]
    embeddings = method.embed(features)
    corner = patches[:, :, 1:3, 4:6].mean(axis=(2, 3))
    corner /= np.linalg.norm(corner, axis=1, keepdims=True)
    assert embeddings["windows2"].shape == (3, 64, 3, 5)
    assert embeddings["windows3"].shape == (3, 64, 2, 4)
    assert np.allclose(embeddings["windows2"][:, :, 1, 4], corner, atol=1e-6)
    exact = dataclasses.replace(method, windows="exact")
    with exact.open_source(request) as source:
        others = exact.embed(source.extract(pixels))
    assert np.array_equal(others["cls"], embeddings["cls"])
    maps = [m.measure(m.fit(e, 0), e, CANVAS) for m, e in ((method, embeddings), (exact, others))]
    assert np.array_equal(maps[0][1], maps[1][1])
    assert np.abs(maps[0][0] - maps[1][0]).max() > 1e-4


def test_texts_alone_give_the_same_model_whatever_the_pictures_show(folder):
    method, source = opened(folder, shots=0, class_name="bottle")
    with source:
        first = method.embed(source.extract(pictures(False, False)))
        second = method.embed(source.extract(pictures(True, True, True)))
    models = [method.fit(each, seed) for each, seed in ((first, 0), (second, 9))]
    assert np.array_equal(models[0].text, models[1].text)
    assert not models[0].memories
    with TextEncoder(text_file_of(folder / "clip.onnx"), threads=1) as encoder:
        for row, states in zip(models[0].text, (NORMAL_STATES, ANOMALOUS_STATES), strict=True):
            mean = encoder.encode(make_prompts("bottle", states, 21)).mean(axis=0)
            assert np.allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_the_remembered_pictures_are_drawn_with_the_seed(folder):
    method, source = opened(folder, shots=2)
    with source:
        embeddings = method.embed(source.extract(parts(8).pixels))
    first, again, other = (method.fit(embeddings, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.memories["windows2"], again.memories["windows2"])
    assert not np.array_equal(first.memories["windows2"], other.memories["windows2"])


@pytest.mark.parametrize(("templates", "normal", "anomalous"), [(21, 147, 84), (22, 154, 88)])
def test_there_are_as_many_prompts_as_published(templates, normal, anomalous):
    counts = [make_prompts("bottle", each, templates) for each in (NORMAL_STATES, ANOMALOUS_STATES)]
    assert tuple(map(len, counts)) == (normal, anomalous)
    assert all(prompt.count("bottle") == 1 for prompts in counts for prompt in prompts)
    assert all(prompt.endswith(".") == (templates == 21) for prompt in counts[0])
    assert len(set(TEMPLATES[21])) == 20
    assert len(set(TEMPLATES[22])) == 22
    assert "a cropped photo of the flawless bottle" + "." * (templates == 21) in counts[0]
    assert any("without defect for visual inspection" in prompt for prompt in counts[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_name": " "}, "class_name must have 1 to 200 letters"),
        ({"class_name": "{bottle}"}, "no braces"),
        ({"fusion": "product"}, "fusion must be one of mean, sum"),
        ({"windows": "none"}, "windows must be one of exact, pooled"),
        ({"templates": 23}, "templates must be 21 or 22"),
        ({"shots": -1}, "shots must be at least 0"),
    ],
)
def test_options_that_it_cannot_use_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_method("winclip", options)


def test_it_says_which_files_it_needs(folder, tmp_path):
    method, backbone = ready_method("winclip", {}, folder)
    with pytest.raises(ConfigError, match="has no default backbone: make one by `line-inspector"):
        Winclip.find_backbone(None)
    with pytest.raises(ConfigError, match="needs both files of a CLIP: --backbone clip"):
        Winclip().open_source(SourceRequest(backbone, HW))
    with pytest.raises(ConfigError, match="efficientnet_lite0 is no CLIP with windows"):
        method.open_source(SourceRequest(resolve(DEFAULT), HW))
    with pytest.raises(SpecError, match=r"gone\.text\.onnx cannot be read"):
        Winclip(text=str(tmp_path / "gone.text.onnx")).open_source(SourceRequest(backbone, HW))
    with pytest.raises(SpecError, match="is no text tower"):
        Winclip(text=str(backbone)).open_source(SourceRequest(backbone, HW))
    with pytest.raises(ConfigError, match="takes 96x64 only, not 64x64"):
        method.open_source(SourceRequest(backbone, (64, 64)))


def test_the_text_tower_of_another_clip_is_refused(folder, tmp_path):
    _, backbone = ready_method("winclip", {}, folder)
    other = write_small_clip(tmp_path / "other.onnx", clip=SmallClip())
    path = text_file_of(other)
    model = onnx.load(path)
    (prop,) = model.metadata_props
    prop.value = prop.value.replace("0" * 64, "1" * 64)
    onnx.save(model, path)
    with pytest.raises(ConfigError, match="they were exported from different weights"):
        Winclip(text=str(path)).open_source(SourceRequest(backbone, HW))


def test_fewer_pictures_than_memories_are_refused(folder, tmp_path):
    method, backbone = ready_method("winclip", {"shots": 8}, folder)
    options = FitOptions("parts", method, backbone, threads=1)
    with pytest.raises(DataError, match="8 good pictures are to be remembered"):
        fit_engine(parts(8), options, tmp_path / "e.onnx", lambda *_: None)
    assert not list(tmp_path.iterdir())


def test_the_command_fits_and_never_invents_thresholds(folder, tmp_path, capsys):
    _, backbone = ready_method("winclip", {}, folder)
    good = tmp_path / "good"
    good.mkdir()
    out = tmp_path / "e.onnx"
    words = [
        *("--method", "winclip", "--backbone", backbone, "--text", text_file_of(backbone)),
        *("--class-name", "plate", "--shots", 0, "--size", "96x64", "--sigma", 0),
        *("--normal", good, "--out", out, "--no-sheet"),
    ]
    assert fit(list(map(str, words))) == 2
    assert "good" in capsys.readouterr().err
    assert not out.exists()
    for index, picture in enumerate(parts(9).pixels):
        cv2.imwrite(str(good / f"{index}.png"), picture[:, :, ::-1])
    assert fit(list(map(str, [*words, "--max-pictures", 8]))) == 0
    spec = OnnxEngine(out, threads=1).spec
    assert spec.parameters["class_name"] == "plate"
    assert spec.threshold_rule.normals == 8
    assert describe(backbone).sha256 == spec.versions["backbone_sha256"]
