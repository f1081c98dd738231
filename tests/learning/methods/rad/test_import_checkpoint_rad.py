"""Banks of RAD become engines that search them as the published program does."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import (  # noqa: E402
    CELLS,
    CHANNELS,
    SIDE,
    WIDTH,
    bank_of,
    enlarged,
    rad_grids,
    rad_maps,
    smoothed,
)
from rad_import_parts import (  # noqa: E402
    LEFT_PER_SIDE,
    PICTURES,
    backbone_normals_and_bank,
    features,
    imported,
)

from engines.opening import open_engine  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from learning.graph.maps import MapCanvas  # noqa: E402
from learning.methods.rad import importing, published_bank  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return backbone_normals_and_bank(tmp_path_factory.mktemp("rad"))


@pytest.mark.parametrize(("top_k", "radius"), [(3, 1), (PICTURES, 0), (2, 2)])
def test_an_imported_bank_is_searched_as_the_triple_loop_does(place, tmp_path, top_k, radius):
    more = ["--top-k", str(top_k), "--radius", str(radius)]
    assert imported(place, tmp_path / "e.onnx", *more) == 0
    engine = open_engine(tmp_path / "e.onnx")
    content = torch.load(place / "bank.pth")
    for batch in (1, 2, 7):
        random = np.random.default_rng(batch)
        pixels = random.integers(0, 256, (batch, SIDE, SIDE, 3)).astype(np.uint8)
        grids = rad_grids(content, features(place, pixels), top_k=top_k, radius=radius)
        expected = smoothed(enlarged(grids, SIDE), 1.75)
        largest = np.sort(expected.reshape(batch, -1), axis=1)[:, -int(0.01 * SIDE * SIDE) :]
        maps, scores = engine.infer(pixels)
        assert grids.max() - grids.min() > 0.02
        assert np.abs(maps - expected).max() < 1e-4
        assert np.abs(scores - largest.mean(axis=1)).max() < 1e-4


def test_the_spec_holds_the_crop_and_says_what_differs(place, tmp_path):
    assert imported(place, tmp_path / "e.onnx") == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert spec.resize.input_hw == (SIDE, SIDE)
    assert spec.resize.crop == pytest.approx(
        (LEFT_PER_SIDE,) * 2 + (1 - LEFT_PER_SIDE,) * 2, abs=1e-3
    )
    assert spec.layers == ("block3", "block6", "cls")
    made = spec.parameters
    assert (made["top_k"], made["radius"], made["average"], made["sigma"]) == (150, 1, 1, 1.75)
    assert made["pictures"] == f"0:{PICTURES} of {PICTURES}"
    assert made["bank_shapes"]["block6"] == [CELLS**2, CHANNELS["block6"], PICTURES]
    assert "mirrored border" in made["differs"]
    assert len(made["imported_from"]["sha256"]) == 64
    assert spec.trained_on["count"] is None
    assert "made of are not known" in spec.threshold_rule.note


def test_some_pictures_make_the_engine_of_a_bank_of_them_alone(place, tmp_path):
    content = torch.load(place / "bank.pth")
    part = content | {
        key: [layer[2:5].clone() for layer in content[key]] for key in published_bank.KEYS[1:]
    }
    torch.save(part, tmp_path / "part.pth")
    assert imported(place, tmp_path / "some.onnx", "--pictures", "2:5") == 0
    assert imported(place, tmp_path / "part.onnx", file=tmp_path / "part.pth") == 0
    some, alone = (read_spec(tmp_path / f"{name}.onnx") for name in ("some", "part"))
    assert some.graph_hash == alone.graph_hash
    assert some.parameters["pictures"] == f"2:5 of {PICTURES}"


@pytest.mark.parametrize(
    ("more", "shape", "precision"),
    [
        (["--coreset", "4"], [CELLS**2, 6, 4], "float32"),
        (["--radius", "all", "--coreset", "20"], [6, 20], "float32"),
        (["--precision", "float16"], [CELLS**2, 6, PICTURES], "float16"),
    ],
)
def test_a_bank_is_made_smaller_as_it_is_in_fitting(place, tmp_path, more, shape, precision):
    assert imported(place, tmp_path / "e.onnx", *more) == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert spec.parameters["bank_shapes"]["block3"] == shape
    assert spec.precision == precision
    assert spec.parameters["top_k"] == (None if "--coreset" in more else 150)


def test_the_published_drawing_differs_at_the_border_and_little_elsewhere(record_property):
    """Random banks of the published grid: 28x28 positions, an input of 448 px."""
    random = np.random.default_rng(0)
    raw = {
        **{
            name: random.normal(size=(12, n, 28, 28)).astype(np.float32)
            for name, n in CHANNELS.items()
        },
        "cls": random.normal(size=(12, WIDTH)).astype(np.float32),
    }
    seen = {
        name: values[:2] + 0.5 * random.normal(size=values[:2].shape)
        for name, values in raw.items()
    }
    seen = {name: values.astype(np.float32) for name, values in seen.items()}
    rest = {name: values[2:] for name, values in raw.items()}
    grids = rad_grids(bank_of(rest), seen, top_k=5, radius=1)
    theirs, their_scores = rad_maps(grids)
    method = importing.published_rad({"top_k": 5})
    model = method.fit(method.embed(rest), 0)
    canvas = MapCanvas((448, 448), importing.SIGMA)
    maps, scores = method.measure(model, method.embed(seen), canvas)
    apart = np.abs(sampled(maps, 256) - theirs) / theirs.max()
    inside, border = apart[:, 8:-8, 8:-8].max(), apart[:, 0].max()
    score = ((scores - their_scores) / their_scores).max()
    for name, value in (("inside", inside), ("border", border), ("score", score)):
        record_property(f"{name}, share of the largest", float(value))
        print(f"{name}: {value:.4f}")
    assert inside < 0.02
    assert border > 0.1
    assert np.all(scores > their_scores)
    assert score < 0.05


def sampled(maps: np.ndarray, side: int) -> np.ndarray:
    """(n, H, W) at the pixel centres of a smaller map."""
    at = (np.arange(side) + 0.5) * maps.shape[1] / side - 0.5
    low = np.floor(at).astype(int)
    share = at - low
    high = np.minimum(low + 1, maps.shape[1] - 1)
    rows = maps[:, low] * (1 - share)[:, None] + maps[:, high] * share[:, None]
    return rows[..., low] * (1 - share) + rows[..., high] * share


def test_a_bank_without_class_tokens_in_the_backbone_needs_no_top_k(place, tmp_path, capsys):
    content = torch.load(place / "bank.pth")
    torch.save(content | {"cls_banks": [torch.ones(PICTURES, 3)] * 2}, tmp_path / "b.pth")
    out = tmp_path / "e.onnx"
    assert imported(place, out, "--coreset", "3", file=tmp_path / "b.pth") == 0
