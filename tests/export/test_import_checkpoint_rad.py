"""Banks of RAD become engines that search them as the published program does."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import (  # noqa: E402
    BLOCKS,
    CELLS,
    CHANNELS,
    SIDE,
    WIDTH,
    bank_of,
    encoder,
    enlarged,
    folder_of_good,
    good,
    rad_grids,
    rad_maps,
    smoothed,
)

from engines.backbones.features import FeatureExtractor  # noqa: E402
from engines.backbones.zoo import DEFAULT, describe  # noqa: E402
from engines.base import open_engine  # noqa: E402
from engines.export import rad_bank  # noqa: E402
from engines.graph.maps import Canvas  # noqa: E402
from engines.resize import to_input  # noqa: E402
from engines.spec import ResizeRule  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from inspector.core.errors import ConfigError  # noqa: E402
from tools.import_checkpoint import main  # noqa: E402

pytestmark = pytest.mark.train

PICTURES = 6
LEFT_PER_SIDE = 0.0625


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A backbone, a folder of normal pictures and a bank of others."""
    found = tmp_path_factory.mktemp("rad")
    folder_of_good(found / "normal")
    encoder(found / "encoder.onnx")
    torch.save(bank(found), found / "bank.pth")
    return found


def features(place: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    with FeatureExtractor(place / "encoder.onnx", layers=None, threads=1) as extractor:
        return extractor.extract(pixels)


def bank(place: Path) -> dict:
    rule = ResizeRule((SIDE, SIDE), (LEFT_PER_SIDE, LEFT_PER_SIDE, 0.9375, 0.9375))
    pixels = np.stack([to_input(good(100 + seed), rule)[0] for seed in range(PICTURES)])
    return bank_of(features(place, pixels))


def imported(place: Path, out: Path, *more: str, file: Path | None = None) -> int:
    common = ["--method", "rad", "--normal", str(place / "normal"), "--threads", "1"]
    backbone = ["--backbone", str(place / "encoder.onnx"), "--out", str(out)]
    return main([str(file or place / "bank.pth"), *common, *backbone, *more])


@pytest.mark.parametrize(("top_k", "radius"), [(3, 1), (PICTURES, 0), (2, 2)])
def test_an_imported_bank_is_searched_as_the_triple_loop_does(place, tmp_path, top_k, radius):
    more = ["--top-k", str(top_k), "--radius", str(radius)]
    assert imported(place, tmp_path / "e.onnx", *more) == 0
    engine = open_engine(tmp_path / "e.onnx")
    held = torch.load(place / "bank.pth")
    for batch in (1, 2, 7):
        random = np.random.default_rng(batch)
        pixels = random.integers(0, 256, (batch, SIDE, SIDE, 3)).astype(np.uint8)
        grids = rad_grids(held, features(place, pixels), top_k=top_k, radius=radius)
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
    assert "nobody knows which pictures" in spec.threshold_rule.note


def test_some_pictures_make_the_engine_of_a_bank_of_them_alone(place, tmp_path):
    held = torch.load(place / "bank.pth")
    part = held | {key: [one[2:5].clone() for one in held[key]] for key in rad_bank.KEYS[1:]}
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
    method = rad_bank.settings({"top_k": 5})
    model = method.fit(method.embed(rest), 0)
    canvas = Canvas((448, 448), rad_bank.SIGMA)
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


def with_bank(**parts) -> dict:
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> "torch.Tensor":
        return torch.randn(shape, generator=random)

    content = {
        "layers": list(BLOCKS),
        "cls_banks": [drawn(4, WIDTH) for _ in BLOCKS],
        "patch_banks": [drawn(4, CELLS**2, channels) for channels in CHANNELS.values()],
    }
    return content | parts


def patches(*shapes: tuple[int, ...]) -> dict:
    return with_bank(patch_banks=[torch.ones(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "must hold layers, cls_banks, patch_banks, as banks of RAD do, not list"),
        ({"layers": [3]}, "not layers"),
        (with_bank(pictures=["a"]), "patch_banks, pictures"),
        (with_bank(layers=[]), "layers must be numbers of blocks"),
        (with_bank(layers=["a", "b"]), "layers must be numbers of blocks"),
        (with_bank(layers=[3, 6, 9]), "cls_banks must be a list of 3 tensors"),
        (with_bank(cls_banks=[1, 2]), "cls_banks must be a list of 2 tensors"),
        (patches((4, 16), (4, 16)), "patch_banks must be (N, positions, channels)"),
        (patches((4, 16, 6), (3, 16, 8)), "entry 1 of cls_banks and patch_banks"),
        (patches((4, 15, 6), (4, 15, 8)), "15 positions of a picture are no square grid"),
        (patches((3, 16, 6), (3, 16, 8)), "entry 0 of cls_banks and patch_banks"),
        (patches((4, 16, 7), (4, 16, 8)), "it is of another encoder"),
        (
            with_bank(patch_banks=[torch.ones(4, 16, 6).to_sparse()] * 2),
            "patch_banks holds a tensor",
        ),
        (with_bank(cls_banks=[torch.ones(1, 1).expand(4, 5)] * 2), "cls_banks holds a tensor"),
        (with_bank(layers=[3, 7]), "no layer 'block7'"),
        (with_bank(cls_banks=[torch.ones(4, 3)] * 2), "class token of block 6 (3 values)"),
        (with_bank(cls_banks=[torch.full((4, 5), torch.inf)] * 2), "cls_banks hold values"),
        (
            with_bank(patch_banks=[torch.ones(4, 16, 6), torch.full((4, 16, 8), torch.nan)]),
            "holds values that are not finite, in pictures 0 to 3",
        ),
    ],
)
def test_what_is_no_published_bank_is_refused_by_name(place, tmp_path, capsys, content, message):
    torch.save(content, tmp_path / "b.pth")
    code = imported(place, tmp_path / "out" / "e.onnx", file=tmp_path / "b.pth")
    refused(code, capsys, message)
    assert not (tmp_path / "out").exists()


def refused(code: int, capsys, message: str) -> None:
    assert code == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--pictures", "4:9"], "has the pictures 0 to 5, not 4:9"),
        (["--size", "96x96"], "grid of 4x4 positions needs an input of 64x64"),
        (["--layers", "block3"], "name as many different layers"),
        (["--layers", "block3,block3"], "name as many different layers"),
        (["--layers", "block6,block3"], "it is of another encoder"),
        (["--top-k", "2", "--coreset", "3"], "top_k chooses pictures"),
        (["--top-k", "0"], "top_k must be at least 1"),
        (["--resize", "60"], "smaller than the input of 64"),
        (["--backbone", DEFAULT], "no layer 'block3'"),
        (["--backbone", "dinov3_vitb16"], "python -m tools.export_backbone dinov3_vitb16"),
        (["--top-fraction", "2"], "top_fraction must lie"),
        (["--sigma", "-1"], "sigma must be at least 0"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(place, tmp_path, capsys, more, message):
    refused(imported(place, tmp_path / "out" / "e.onnx", *more), capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "argument", [["--pictures", "4"], ["--pictures", "4:2"], ["--resize", "x"]]
)
def test_malformed_arguments_are_a_usage_error(place, tmp_path, argument):
    with pytest.raises(SystemExit) as caught:
        imported(place, tmp_path / "e.onnx", *argument)
    assert caught.value.code == 2


def test_a_bank_beyond_the_engine_is_refused_with_what_helps(place, tmp_path, capsys, monkeypatch):
    size = PICTURES * CELLS**2 * sum(CHANNELS.values()) * 4
    monkeypatch.setattr(rad_bank, "MAX_MODEL_BYTES", size - 1)
    refused(imported(place, tmp_path / "e.onnx"), capsys, "--pictures 0:100; the classes follow")
    for more in (["--precision", "float16"], ["--coreset", "3"], ["--pictures", "0:5"]):
        assert imported(place, tmp_path / "e.onnx", *more) == 0


def test_a_bank_leaves_room_for_the_backbone(place, tmp_path):
    bank = rad_bank.read_bank(place / "bank.pth")
    method = rad_bank.settings({})
    info = describe(place / "encoder.onnx")
    room = rad_bank.room_beside(place / "encoder.onnx")
    assert room == rad_bank.MAX_FILE_BYTES - (place / "encoder.onnx").stat().st_size
    with pytest.raises(ValueError, match=r"above the limit of 0\.00"):
        bank.model(method, info, which=range(PICTURES), room=100)


def test_a_layer_beyond_memory_is_refused(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rad_bank, "MAX_LAYER_BYTES", 1000)
    refused(imported(place, tmp_path / "e.onnx", "--coreset", "1"), capsys, "of memory, above")


def test_a_bank_without_class_tokens_in_the_backbone_needs_no_top_k(place, tmp_path, capsys):
    held = torch.load(place / "bank.pth")
    torch.save(held | {"cls_banks": [torch.ones(PICTURES, 3)] * 2}, tmp_path / "b.pth")
    out = tmp_path / "e.onnx"
    assert imported(place, out, "--coreset", "3", file=tmp_path / "b.pth") == 0


def test_a_crop_of_more_than_the_picture_is_refused():
    assert rad_bank.crop(448, 512) == (0.0625, 0.0625, 0.9375, 0.9375)
    with pytest.raises(ConfigError, match="smaller than the input of 448"):
        rad_bank.crop(448, 400)
