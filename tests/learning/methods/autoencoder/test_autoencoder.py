"""The autoencoder without torch: network, error maps, graph, reference and options."""

import numpy as np
import pytest
from autoencoder_parts import ALL, HW, random_model, random_pictures, random_state
from skimage.metrics import structural_similarity

from engines.backends.onnx import OnnxEngine
from engines.parity import Ruler
from engines.spec import ResizeRule, Roi
from inspector.core.errors import ConfigError, EngineError
from learning.converting import convert_to_half
from learning.finishing import make_engine
from learning.graph.maps import MapCanvas
from learning.job import MakeOptions
from learning.methods.autoencoder import reference
from learning.methods.autoencoder.error_maps import ERRORS, error_map_numpy
from learning.methods.autoencoder.method import Autoencoder, PictureSource, to_planes
from learning.methods.autoencoder.model import fold
from learning.methods.autoencoder.options import PRESETS, AutoencoderOptions
from learning.methods.feature_source import SourceRequest
from learning.normals import Normals

NO_FIRST = (True, True, False)
INNER = Roi(HW, (((5.0, 3.0), (43.0, 3.0), (43.0, 26.0), (5.0, 26.0)),), ())


def normals(count: int = 12) -> Normals:
    pixels = random_pictures(5, count) // 8 + 100
    names = tuple(f"{index}.png" for index in range(count))
    return Normals("noise", pixels.astype(np.uint8), names, HW, ResizeRule(HW), ordered=False)


def wide(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.astype(np.float64) for name, values in state.items()}


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("skips", [ALL, NO_FIRST, (False, False, False)])
def test_the_folded_network_redraws_what_the_literal_form_redraws(skips, batch_norm):
    state = random_state(3, skips=skips, batch_norm=batch_norm)
    pictures = to_planes(random_pictures(1))
    redrawn = fold(state, skips).reconstruct(pictures)
    literal = [reference.redraw(p.astype(np.float64), wide(state), skips) for p in pictures]
    assert np.abs(redrawn - np.stack(literal)).max() < 1e-5
    assert redrawn.std() > 0.05


@pytest.mark.parametrize("error", ERRORS)
def test_error_maps_are_within_0_and_1_and_equal_the_literal_form(error):
    first, second = (to_planes(random_pictures(seed)) for seed in (1, 2))
    maps = error_map_numpy(first, second, error, 0.3)
    literal = [
        reference.difference(x.astype(np.float64), y.astype(np.float64), error, 0.3)
        for x, y in zip(first, second, strict=True)
    ]
    assert np.abs(maps - np.stack(literal)).max() < 1e-5
    assert 0 <= maps.min() <= maps.max() <= 1
    assert np.abs(error_map_numpy(first, first, error, 0.3)).max() < 1e-6
    assert error_map_numpy(first, -np.sign(first), "l1", 0).max() > 0.9


def test_ssim_is_that_of_scikit_image_away_from_the_border():
    x, y = (to_planes(random_pictures(seed, 1))[0].astype(np.float64) for seed in (1, 2))
    y = 0.7 * x + 0.3 * y
    ours = 1 - 2 * reference.difference(x, y, "ssim", 0)
    _, theirs = structural_similarity(
        x,
        y,
        data_range=2.0,
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    inner = (slice(6, -6), slice(6, -6))
    assert np.abs(ours[inner] - theirs.mean(axis=0)[inner]).max() < 1e-9


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("roi", [None, INNER])
def test_an_engine_computes_the_reference(error, roi, tmp_path):
    method = Autoencoder(error, 0.4)
    options = MakeOptions("noise", method, None, sigma=1.0, roi=roi, threads=1, simulated=8)
    made = make_engine(
        random_model(skips=NO_FIRST), normals(), options, tmp_path / "e.onnx", lambda *_: None
    )
    spec = made.spec
    assert spec.parity["map_max_abs"] <= spec.parity["tolerance"]
    assert (spec.method, spec.backbone, spec.layers) == ("autoencoder", "", ())
    assert spec.parameters["skips"] == list(NO_FIRST)
    engine = OnnxEngine(made.path, threads=1)
    maps, scores = engine.infer(random_pictures(9, 3))
    assert maps.shape == (3, *HW)
    assert (maps >= 0).all()
    assert (scores <= 1).all()
    if roi is not None:
        assert (maps[:, 0] == 0).all()


def test_a_half_precision_copy_is_possible(tmp_path):
    options = MakeOptions("noise", Autoencoder("l1"), None, sigma=1.0, threads=1, simulated=8)
    made = make_engine(random_model(), normals(), options, tmp_path / "e.onnx", lambda *_: None)
    convert_to_half(made.path, tmp_path / "half.onnx", Ruler(lambda _: [], "px", 1.0), threads=1)
    assert (tmp_path / "half.onnx").stat().st_size < made.path.stat().st_size


def test_measuring_gives_the_maps_of_the_reference():
    method, model = Autoencoder("blend"), random_model()
    features = PictureSource().extract(random_pictures(4, 3))
    canvas = MapCanvas(HW, 2.0)
    maps, scores = method.measure(model, method.embed(features), canvas)
    right_maps, right_scores = method.reference(model, features, canvas)
    assert np.abs(maps - right_maps).max() < 1e-5
    assert np.abs(scores - right_scores).max() < 1e-5


@pytest.mark.parametrize("hw", [(100, 128), (128, 4), (0, 8), (128, 129)])
def test_a_size_that_cannot_be_halved_three_times_is_refused(hw):
    with pytest.raises(ConfigError, match="multiples of 8"):
        Autoencoder().open_source(SourceRequest(None, hw))


@pytest.mark.parametrize(
    "pixels", [np.zeros((32, 48, 3), np.uint8), np.zeros((1, 32, 48, 3), np.float32)]
)
def test_pictures_of_another_form_are_refused(pixels):
    with pytest.raises(EngineError, match=r"takes \(n, H, W, 3\) uint8"):
        PictureSource().extract(pixels)


def test_a_missing_tensor_is_named():
    state = random_state(0)
    del state["decoder.1.3.bias"]
    with pytest.raises(ConfigError, match=r"no tensor decoder\.1\.3\.bias"):
        fold(state, ALL)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"widths": (32, 64)}, "widths must be 4 numbers"),
        ({"widths": (32, 64, 128, 0)}, "widths must be 4 numbers"),
        ({"error": "l3"}, "error must be one of"),
        ({"preset": "bolt"}, "preset must be one of"),
        ({"corruption": 1.5}, "corruption must be"),
        ({"skip_dropout": 1.0}, "skip_dropout must be"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"noise": float("nan")}, "noise must be"),
        ({"epochs": 0}, "epochs must be"),
        (
            {"reconstruction_weight": 0.0, "ssim_weight": 0.0, "perceptual_weight": 0.0},
            "all weights of the loss are 0",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        AutoencoderOptions(**options)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_its_options_and_typed_ones_win(preset):
    options = AutoencoderOptions(preset=preset, rotation_deg=3.0)
    for key, value in PRESETS[preset].items():
        assert getattr(options, key) == (3.0 if key == "rotation_deg" else value)
