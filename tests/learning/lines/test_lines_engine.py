"""Engines that find thin lines beside what their method finds."""

import contextlib
import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import onnx
import onnx.version_converter
import pytest
from engine_parts import HW, part, parts
from foreground_scenes import belt, moving, normals

from engines.opening import open_engine
from engines.spec import ResizeRule, Roi
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError, DataError
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.foreground.finding import find_foreground
from learning.job import FitOptions
from learning.lines.limits import LEAST, counted_cells, excess, usual_contrast
from learning.lines.setup import _units, add_lines
from learning.methods.registry import make_method
from learning.refitting import RefitOptions, refit_engine

TEXTURE_HW = (128, 160)
SCRATCH = ((60, 50), (95, 70))


def texture(seed, scratch=False):
    """(128, 160, 3) uint8 RGB: waves that lie elsewhere in every picture. scratch: darkens a line
    by a tenth."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1, TEXTURE_HW)
    picture = 120 + 60 * cv2.GaussianBlur(noise, (0, 0), 3) + random.normal(0, 2, TEXTURE_HW)
    if scratch:
        line = cv2.line(np.zeros(TEXTURE_HW, np.uint8), *SCRATCH, 255, 2, cv2.LINE_AA)
        picture *= 1 - 0.1 * (line / 255)
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def scratched(seed):
    picture = part(seed)
    cv2.line(picture, (70, 8), (88, 24), (157, 157, 157), 1, cv2.LINE_AA)
    return picture


def fit(pictures, out, method="rad", options=None, **changes):
    made = make_method(method, options or {})
    usual = {"threads": 1, "augment": "none", "simulated": 0, "checked": 3, "lines": True}
    usual |= {"backbone": made.find_backbone(None)}
    settings = FitOptions("e", made, **usual | changes)
    return fit_engine(pictures, settings, out, lambda *_: None)


def infer(path, pictures, **options):
    with contextlib.closing(open_engine(path, threads=1, **options)) as engine:
        maps, scores = engine.infer(np.stack(pictures))
        return maps / engine.spec.pixel_threshold, scores / engine.spec.image_threshold


def fit_web(out, **changes):
    web = normals([texture(seed) for seed in range(16)])
    return fit(web, out, options={"radius": None, "coreset": 300}, **changes)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    out = tmp_path_factory.mktemp("lines") / "part.onnx"
    return fit(parts(12), out, teachable=True).path


@pytest.fixture(scope="module")
def web_engine(tmp_path_factory):
    return fit_web(tmp_path_factory.mktemp("web") / "web.onnx").path


def test_a_scratch_stands_out_more_than_for_the_method_alone(web_engine, tmp_path):
    plain = fit_web(tmp_path / "plain.onnx", lines=False).path
    pictures = [texture(50), texture(51, scratch=True)]
    _, (_, alone) = infer(plain, pictures)
    (_, drawn), (good, bad) = infer(web_engine, pictures)
    assert good < 1
    assert bad > 1.5 * alone
    y, x = np.unravel_index(np.argmax(drawn), TEXTURE_HW)
    assert drawn[y, x] > 1
    assert abs(x - 77) < 25
    assert abs(y - 60) < 18


@pytest.mark.parametrize("method", ["patchcore", "padim"])
def test_every_method_computes_its_reference_with_lines(method, tmp_path):
    spec = fit(parts(12), tmp_path / "e.onnx", method, checked=32).spec
    assert spec.parity["map_max_abs"] <= spec.parity["tolerance"]
    assert spec.method == method
    assert spec.parameters["lines"]["directions"] == 16


def test_a_backbone_of_newer_operators_can_be_used(tmp_path):
    model = onnx.load(resolve(DEFAULT))
    newer = onnx.version_converter.convert_version(model, 19)
    newer.metadata_props.extend(model.metadata_props[len(newer.metadata_props) :])
    onnx.save(newer, tmp_path / "backbone.onnx")
    result = fit(parts(8), tmp_path / "e.onnx", backbone=tmp_path / "backbone.onnx")
    assert result.spec.parity["map_max_abs"] <= result.spec.parity["tolerance"]
    assert [entry.version for entry in onnx.load(result.path).opset_import] == [19]


def test_openvino_gives_the_same_results(engine):
    pictures = [scratched(100), part(101)]
    for right, other in zip(
        infer(engine, pictures), infer(engine, pictures, backend="openvino"), strict=True
    ):
        assert other == pytest.approx(right, abs=1e-3)


def test_lines_are_compared_at_the_same_place_only_if_the_product_stays_there(engine, web_engine):
    assert read_spec(web_engine).parameters["lines"]["compared"] == "anywhere"
    assert read_spec(engine).parameters["lines"]["compared"] == "at the same place"


def test_nothing_is_found_outside_the_region(tmp_path):
    left = Roi(HW, (((0.0, 0.0), (60.0, 0.0), (60.0, 64.0), (0.0, 64.0)),))
    fit(parts(12), tmp_path / "e.onnx", roi=left)
    (first, second), scores = infer(tmp_path / "e.onnx", [scratched(100), part(100)])
    assert np.array_equal(first, second)
    assert scores[0] == scores[1]
    assert not first[:, 60:].any()


def test_a_refit_keeps_the_lines(engine):
    path = engine.parent / "new.png"
    assert cv2.imwrite(str(path), part(200))
    candidate = refit_engine(engine, [path], lambda *_: None, options=RefitOptions(threads=1))
    assert candidate.result.spec.parameters["lines"]["compared"] == "at the same place"


def test_without_lines_the_engine_has_none(engine_file):
    assert "lines" not in read_spec(engine_file).parameters


def test_lines_need_enough_pictures(tmp_path):
    with pytest.raises(ConfigError, match="lines need at least 8 good pictures, not 5"):
        fit(parts(5), tmp_path / "e.onnx")


def test_lines_refuse_a_foreground_that_moves(tmp_path):
    learned, pictures = find_foreground(moving(12), "auto")
    assert learned.model is not None
    with pytest.raises(ConfigError, match="foreground that moves"):
        fit(pictures, tmp_path / "e.onnx", foreground=learned)


def test_lines_need_a_size_in_multiples_of_8(tmp_path):
    odd = normals([belt(seed).astype(np.uint8)[:, :156] for seed in range(9)])
    odd = dataclasses.replace(odd, rule=ResizeRule((128, 156)))
    options = FitOptions("e", make_method("rad", {}), None, lines=True)
    with pytest.raises(ConfigError, match="multiples of 8 px, not 156x128"):
        add_lines(SimpleNamespace(normals=odd, options=options))


def test_a_limit_is_the_largest_contrast_of_the_good_pictures_around_a_cell():
    contrasts = np.zeros((10, 16, 6, 6), np.float32)
    contrasts[3, 2, 2, 2] = 1
    counted = np.ones((6, 6), np.float32)
    limits = usual_contrast(contrasts, counted, anywhere=False)
    assert limits[2, 3, 3] == pytest.approx(1 + LEAST)
    assert limits[2, 4, 4] == pytest.approx(LEAST)
    assert limits[1, 2, 2] == pytest.approx(LEAST)
    assert excess(contrasts, limits, counted).max() == pytest.approx(1 / (1 + LEAST))


def test_cells_at_the_edge_of_the_region_do_not_count():
    inside = np.zeros((64, 64), bool)
    inside[8:48, 8:48] = True
    assert counted_cells(inside, (8, 8)).sum() == 9
    assert counted_cells(None, (8, 8)).all()


def test_lines_and_method_have_the_same_level_and_the_same_median():
    usual = np.linspace(2, 4, 40, dtype=np.float32)
    lines = np.linspace(0.9, 1, 40, dtype=np.float32)
    scaled = _units(usual, lines).of(lines)
    assert np.sort(scaled)[-2] == pytest.approx(np.sort(usual)[-2], rel=1e-4)
    assert np.median(scaled) == pytest.approx(np.median(usual), rel=1e-4)
    assert _units(usual, np.float32([1, 1, 1, 1])).of(np.float32([1.1, 0.5])) == pytest.approx(
        [8, 0], abs=0.2
    )


def test_good_pictures_without_a_score_are_refused():
    with pytest.raises(DataError, match="leave out lines"):
        _units(np.zeros(20, np.float32), np.ones(20, np.float32))
