"""PaDiM as a method: which channels, how large, what is refused."""

import numpy as np
import pytest

from engines.roi import Roi
from engines.spec import ResizeRule
from inspector.core.errors import ConfigError, DataError
from learning.backbones.zoo import DEFAULT, describe, resolve
from learning.fitting import fit_engine
from learning.graph.maps import MapCanvas
from learning.job import FitOptions
from learning.methods import base
from learning.methods.padim.method import Padim
from learning.normals import Normals
from learning.options import option_fields


def embeddings(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "a": random.normal(2, 1, (count, 6, 8, 6)).astype(np.float32),
        "b": random.normal(2, 3, (count, 10, 4, 3)).astype(np.float32),
    }


def channels(method: Padim, seed: int) -> list[tuple[str, int]]:
    model = method.fit(embeddings(4), seed)
    return [(name, int(i)) for name, chosen in model.joining.channels.items() for i in chosen]


def test_the_same_seed_draws_the_same_channels_and_another_one_others():
    first = channels(Padim(dims=7), 3)
    assert len(set(first)) == 7
    assert channels(Padim(dims=7), 3) == first
    assert channels(Padim(dims=7), 4) != first


def test_more_dims_than_there_are_channels_take_all_and_say_so():
    method = Padim(dims=100)
    model = method.fit(embeddings(4), 0)
    assert channels(method, 0) == [("a", i) for i in range(6)] + [("b", i) for i in range(10)]
    assert method.describe(model)["dims"] == 16


def test_one_channel_is_enough_whichever_layer_it_comes_from():
    for seed in range(6):
        method = Padim(dims=1)
        model = method.fit(embeddings(4), seed)
        maps, scores = method.measure(model, embeddings(2, 1), MapCanvas((64, 48)))
        literal, _ = method.reference(model, embeddings(2, 1), MapCanvas((64, 48)))
        assert maps.shape == (2, 64, 48)
        assert np.allclose(maps, literal, rtol=1e-4)
        assert scores.shape == (2,)


@pytest.mark.parametrize("pictures", [5, 40])
@pytest.mark.parametrize("region", [False, True])
def test_the_batched_form_scores_a_picture_like_the_literal_one(pictures, region):
    inside = np.zeros((64, 48), bool)
    inside[10:50, 5:30] = True
    canvas = MapCanvas((64, 48), top_fraction=0.0, inside=inside if region else None)
    method = Padim(dims=12)
    model = method.fit(embeddings(pictures), 0)
    maps, scores = method.measure(model, embeddings(3, 1), canvas)
    literal_maps, literal_scores = method.reference(model, embeddings(3, 1), canvas)
    assert np.allclose(maps, literal_maps, rtol=1e-4)
    assert np.allclose(scores, literal_scores, rtol=1e-4)
    if region:
        assert not maps[:, ~inside].any()


@pytest.mark.parametrize(
    ("options", "pictures", "form"),
    [
        ({}, 5, "low_rank"),
        ({}, 13, "cholesky"),
        ({}, 12, "low_rank"),
        ({"precision": "float16"}, 5, "cholesky"),
        ({"form": "cholesky"}, 5, "cholesky"),
        ({"form": "low_rank"}, 40, "low_rank"),
    ],
)
def test_auto_takes_the_smaller_form_that_its_precision_allows(options, pictures, form):
    method = Padim(dims=12, **options)
    model = method.fit(embeddings(pictures), 0)
    facts = method.describe(model)
    assert facts["form"] == form
    assert facts["model_bytes"] == model.cells.matrices.nbytes + 48 * 12 * 4
    assert model.cells.matrices.dtype == method.precision


def test_epsilon_follows_the_scale_of_the_features_unless_it_is_absolute():
    normals = embeddings(6)
    larger = {name: values * 8 for name, values in normals.items()}
    method = Padim(dims=16, epsilon=0.1)
    # 6 channels of variance 1 and 10 of variance 9.
    assert method.fit(normals, 0).epsilon == pytest.approx(0.1 * 6, rel=0.1)
    assert method.fit(larger, 0).epsilon == pytest.approx(64 * method.fit(normals, 0).epsilon)
    scores = [
        method.measure(method.fit(e, 0), q, MapCanvas((64, 48)))[1]
        for e, q in (
            (normals, embeddings(2, 1)),
            (larger, {k: v * 8 for k, v in embeddings(2, 1).items()}),
        )
    ]
    assert np.allclose(*scores, rtol=1e-4)
    assert Padim(epsilon=0.01, epsilon_unit="absolute").fit(larger, 0).epsilon == 0.01


def test_equal_pictures_score_near_zero_and_another_picture_high():
    same = {name: np.repeat(values, 5, axis=0) for name, values in embeddings(1).items()}
    method, canvas = Padim(), MapCanvas((64, 48), top_fraction=0.0)
    model = method.fit(same, 0)
    assert method.measure(model, same, canvas)[1].max() < 1e-2
    assert method.measure(model, embeddings(2, 1), canvas)[1].min() > 10


def test_a_single_picture_is_refused_in_one_sentence():
    with pytest.raises(DataError, match=r"at least 2 good pictures.*give at least 3"):
        Padim().fit(embeddings(1), 0)


def test_a_model_above_the_limit_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(base, "MAX_MODEL_BYTES", 20_000)
    with pytest.raises(DataError, match=r"smaller dims, coarser layers.*float16.*low_rank"):
        Padim(dims=12).fit(embeddings(40), 0)
    assert Padim(dims=12, precision="float16").fit(embeddings(40), 0).cells.nbytes == 16_128
    assert Padim(dims=12).fit(embeddings(4), 0).cells.nbytes < 20_000


def test_an_epsilon_whose_matrices_pass_float16_is_refused():
    same = {name: np.repeat(values, 5, axis=0) for name, values in embeddings(1).items()}
    method = Padim(epsilon=1e-12, epsilon_unit="absolute", precision="float16")
    with pytest.raises(DataError, match="too small for float16"):
        method.fit(same, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 0}, "dims must be at least 1, not 0"),
        ({"epsilon": 0.0}, "epsilon must be a finite number above 0"),
        ({"epsilon": float("nan")}, "epsilon must be a finite number above 0"),
        ({"epsilon_unit": "px"}, "epsilon_unit must be one of variance, absolute, not 'px'"),
        ({"form": "dense"}, "form must be one of auto, cholesky, low_rank, not 'dense'"),
        ({"precision": "int8"}, "precision must be one of float32, float16"),
        ({"form": "low_rank", "precision": "float16"}, "low_rank .* needs precision float32"),
        ({"radius": 1}, "method padim has no option radius"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Padim.from_options(options)


def test_the_text_of_every_option_is_read_or_refused_by_name():
    parse = {field.name: field.metadata["parse"] for field in option_fields(Padim)}
    assert parse["epsilon"]("0.05") == 0.05
    assert parse["dims"]("64") == 64
    for name, text in [("epsilon", "much"), ("epsilon", "-1"), ("epsilon", "inf"), ("form", "x")]:
        with pytest.raises(ConfigError, match=text):
            parse[name](text)


def test_layers_that_begin_with_the_coarser_grid_are_refused():
    info = describe(resolve(DEFAULT))
    names = Padim().outputs(info)
    assert Padim(layers=names).outputs(info) == names
    with pytest.raises(ConfigError, match=f"name {names[0]} first"):
        Padim(layers=tuple(reversed(names))).outputs(info)


@pytest.mark.parametrize(
    "options", [{}, {"form": "cholesky"}, {"precision": "float16", "dims": 40}]
)
def test_an_engine_with_a_region_is_fitted_exported_and_passes_its_own_check(options, tmp_path):
    random = np.random.default_rng(0)
    hw = (64, 96)
    pixels = random.normal(140, 12, (6, *hw, 3)).clip(0, 255).astype(np.uint8)
    names = tuple(f"{i}.png" for i in range(6))
    normals = Normals("noise", pixels, names, hw, ResizeRule(hw), ordered=False)
    roi = Roi(hw, inspect=(((8.0, 8.0), (80.0, 8.0), (80.0, 56.0), (8.0, 56.0)),))
    recipe = FitOptions("noise", Padim(**options), resolve(DEFAULT), roi=roi, threads=1)
    fitted = fit_engine(normals, recipe, tmp_path / "engine.onnx", lambda *_: None)
    assert fitted.spec.parity["map_max_abs"] <= fitted.spec.parity["tolerance"]
    assert fitted.spec.parameters["model_bytes"] > 0
    assert fitted.spec.precision == options.get("precision", "float32")
