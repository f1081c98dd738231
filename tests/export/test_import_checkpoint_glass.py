"""Checkpoints of GLASS become engines that compute what their networks compute."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from loguru import logger

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import Networks, embedded, enlarged, folder_of_good, good, resnet18, smoothed  # noqa: E402

from engines.backbones.features import FeatureExtractor  # noqa: E402
from engines.backbones.zoo import DEFAULT, resolve  # noqa: E402
from engines.base import open_engine  # noqa: E402
from engines.export.glass_checkpoint import centre_crop, read_glass  # noqa: E402
from engines.resize import crop_box, to_input  # noqa: E402
from engines.spec import ResizeRule  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from inspector.core.errors import ConfigError  # noqa: E402
from tools.import_checkpoint import main  # noqa: E402

pytestmark = pytest.mark.train

DIMS, HIDDEN, SIDE = 24, 10, 64


@pytest.fixture(scope="module")
def normal(tmp_path_factory) -> Path:
    return folder_of_good(tmp_path_factory.mktemp("normal"))


def saved(place: Path, content) -> Path:
    torch.save(content, place / "ckpt_best_7.pth")
    return place / "ckpt_best_7.pth"


def imported(file: Path, normal: Path, out: Path, *more: str, backbone: str = DEFAULT) -> int:
    common = ["--method", "glass", "--normal", str(normal), "--out", str(out), "--threads", "1"]
    return main([str(file), *common, "--backbone", backbone, "--size", f"{SIDE}x{SIDE}", *more])


def features(pixels: np.ndarray) -> list[np.ndarray]:
    with FeatureExtractor(resolve(DEFAULT), layers=("stride8", "stride16"), threads=1) as extractor:
        return list(extractor.extract(pixels).values())


@pytest.fixture(scope="module")
def engine_file(normal, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("engine")
    out = place / "e.onnx"
    assert imported(saved(place, Networks(DIMS, HIDDEN).published()), normal, out) == 0
    return out


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_an_imported_engine_scores_as_the_networks_of_the_checkpoint(engine_file, batch):
    pixels = np.random.default_rng(batch).integers(0, 256, (batch, SIDE, SIDE, 3)).astype(np.uint8)
    grids = Networks(DIMS, HIDDEN).patch_scores(features(pixels), DIMS)
    maps, scores = open_engine(engine_file).infer(pixels)
    assert grids.max() - grids.min() > 0.05
    assert np.abs(scores - grids.max(axis=(1, 2))).max() < 1e-4
    assert np.abs(maps - smoothed(enlarged(grids, SIDE), 4.0)).max() < 1e-4


def test_the_spec_says_where_it_came_from_and_what_is_not_known(engine_file):
    spec = read_spec(engine_file)
    assert (spec.method, spec.layers) == ("glass", ("stride8", "stride16"))
    assert spec.parameters["imported_from"]["file"] == "ckpt_best_7.pth"
    assert (spec.parameters["dims"], spec.parameters["hidden"]) == (DIMS, HIDDEN)
    assert "antialiased" in spec.parameters["differs"]
    assert spec.trained_on["count"] is None
    assert "nobody knows which pictures" in spec.threshold_rule.note
    assert spec.threshold_rule.normals == 9
    assert spec.parameters["sigma"] == 4


def test_a_state_dict_of_the_whole_module_gives_the_same_engine(engine_file, normal, tmp_path):
    whole = dict(Networks(DIMS, HIDDEN).state_dict())
    whole |= {"backbone.conv1.weight": torch.zeros(2), "forward_modules.a.b": torch.zeros(2)}
    assert imported(saved(tmp_path, whole), normal, tmp_path / "e.onnx") == 0
    assert read_spec(tmp_path / "e.onnx").graph_hash == read_spec(engine_file).graph_hash


def test_long_frames_lose_their_ends_and_two_classes_are_cropped_closer(engine_file, tmp_path):
    rule = read_spec(engine_file).resize
    assert (rule.input_hw, rule.crop) == ((SIDE, SIDE), (0.125, 0, 0.875, 1))
    folder = folder_of_good(tmp_path / "good", 3)
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    assert imported(file, folder, tmp_path / "wood.onnx", "--class", "wood") == 0
    left, top, right, bottom = read_spec(tmp_path / "wood.onnx").resize.crop
    assert (bottom - top, right - left) == pytest.approx((64 / 73, 64 / 73 * 0.75))
    assert (top + bottom, left + right) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("frame_hw", "resized"), [((480, 640), 288), ((900, 700), 288), ((1024, 1024), 329)]
)
def test_the_crop_is_that_of_the_resized_picture_to_a_pixel(frame_hw, resized):
    scale = resized / min(frame_hw)
    middle = [(round(side * scale) - 288) / 2 / scale for side in frame_hw]
    crop = centre_crop(frame_hw, (288, 288), resized)
    left, top, right, bottom = crop_box(ResizeRule((288, 288), crop), frame_hw)
    assert abs(top - middle[0]) <= 1.5
    assert abs(left - middle[1]) <= 1.5
    assert abs((bottom - top) - 288 / scale) <= 1
    assert abs((right - left) - 288 / scale) <= 1


def test_an_input_beyond_the_resized_picture_is_refused():
    with pytest.raises(ConfigError, match="640x480 resized to a short side of 200 are smaller"):
        centre_crop((480, 640), (288, 288), 200)


def test_the_sizes_are_read_from_the_tensors(tmp_path):
    held = read_glass(saved(tmp_path, Networks(12, 5).published()))
    assert (held.dims, held.hidden) == (12, 5)


def changed(network: str, name: str, value) -> dict:
    content = Networks(DIMS, HIDDEN).published()
    content[network] = dict(content[network])
    if value is None:
        del content[network][name]
    else:
        content[network][name] = value
    return content


@pytest.mark.parametrize(("factor", "warned"), [(1.0, False), (20.0, True), (0.05, True)])
def test_patch_vectors_of_another_size_than_in_training_are_told(
    engine_file, normal, tmp_path, factor, warned
):
    networks = Networks(DIMS, HIDDEN)
    rule = read_spec(engine_file).resize
    seen = np.stack([to_input(good(seed), rule)[0] for seed in range(4)])
    block = networks.discriminator.body.block1
    with torch.no_grad():
        rows = embedded([torch.from_numpy(layer) for layer in features(seen)], DIMS)
        rows = block[0](networks.pre_projection.layers(rows)) / factor
        block[1].running_mean, block[1].running_var = rows.mean(dim=0), rows.var(dim=0)
        networks.discriminator.tail[0].weight *= 0.01
    said: list[str] = []
    handler = logger.add(said.append, format="{message}")
    try:
        file = saved(tmp_path, networks.published())
        assert imported(file, normal, tmp_path / "e.onnx") == 0
    finally:
        logger.remove(handler)
    spread = read_spec(tmp_path / "e.onnx").parameters["spread"]
    assert spread == pytest.approx(factor, rel=0.05)
    assert any("another backbone" in line for line in said) is warned


class Odd:
    """Something that only code can make."""


WEIGHT, NORM = "body.block1.0.weight", "body.block1.1"
EYE = torch.eye(HIDDEN, DIMS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: Networks(DIMS, HIDDEN).published() | {"svd": 1}, "holds 'svd'"),
        (lambda: {"discriminator": {}}, "lacks pre_projection"),
        (lambda: {"discriminator": 3, "pre_projection": 4}, "must be a state dict"),
        (lambda: changed("discriminator", WEIGHT, None), f"must have a matrix {WEIGHT}"),
        (lambda: changed("discriminator", WEIGHT, torch.zeros(3)), f"must have a matrix {WEIGHT}"),
        (lambda: changed("discriminator", "tail.0.weight", None), "lack 'tail.0.weight'"),
        (lambda: changed("discriminator", "tail.0.weight", torch.zeros(1, 4)), "has shape (1, 4)"),
        (lambda: changed("discriminator", "body.block2.0.weight", torch.zeros(2)), "body.block2"),
        (lambda: changed("pre_projection", "layers.1fc.bias", torch.zeros(2)), "layers.1fc.bias"),
        (lambda: changed("pre_projection", "layers.0fc.weight", torch.zeros(9, 9)), "(9, 9)"),
        (
            lambda: changed("pre_projection", "layers.0fc.bias", torch.full((DIMS,), torch.nan)),
            "layers.0fc.bias holds values that are not finite",
        ),
        (
            lambda: changed("discriminator", f"{NORM}.running_var", -torch.ones(HIDDEN)),
            "holds a variance < 0",
        ),
        (lambda: changed("discriminator", WEIGHT, EYE.to_sparse()), f"{WEIGHT} is not a plain"),
        (lambda: changed("discriminator", WEIGHT, EYE.to("meta")), f"{WEIGHT} is not a plain"),
        (lambda: changed("discriminator", WEIGHT, EYE + 1j), f"{WEIGHT} is not a plain"),
        (
            lambda: changed("discriminator", WEIGHT, torch.zeros(1).expand(200_000, 200_000)),
            f"{WEIGHT} is not a plain",
        ),
        (lambda: {"encoder.weight": torch.zeros(2)}, "holds 'encoder.weight'"),
        (lambda: {"backbone.conv1.weight": torch.zeros(2)}, "holds no discriminator"),
        (lambda: [torch.zeros(2)], "must hold discriminator and pre_projection by name, not list"),
        (lambda: {"discriminator": Odd()}, "making that would run code"),
    ],
)
def test_what_is_no_published_checkpoint_is_refused_by_name(
    normal, tmp_path, capsys, content, message
):
    refused(
        imported(saved(tmp_path, content()), normal, tmp_path / "out" / "e.onnx"), capsys, message
    )
    assert not (tmp_path / "out").exists()


def refused(code: int, capsys, message: str) -> None:
    assert code == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "damaged"),
        (b"PK\3\4 junk", "not a ZIP archive"),
        (b"\x80\x02G\x00.", "damaged"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "damaged"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(X\x01\0\0\0aK\0))\x89}tR.", "damaged"),
    ],
)
def test_a_missing_or_damaged_file_is_refused(normal, tmp_path, capsys, content, message):
    file = tmp_path / "c.pth"
    if content is not None:
        file.write_bytes(content)
    refused(imported(file, normal, tmp_path / "out" / "e.onnx"), capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layers", "stride2"], "no layer 'stride2'"),
        (["--layers", "stride16,stride8"], "finer grid"),
        (["--size", "50x64"], "multiples of 32"),
        (["--resize", "32"], "are smaller than the input"),
        (["--normal", "nowhere"], "nowhere"),
        (["--max-pictures", "1"], "--max-pictures must be at least 2"),
        (["--false-alarm-rate", "0.001"], "cannot be supported by 9 normal pictures"),
        (["--top-fraction", "0.1"], "no top_fraction"),
        (["--weights", "w.pth", "--backbone", "b.onnx"], "leave them out for b.onnx"),
        (["--weights", "w.pth", "--backbone", "vgg"], "'vgg' is unknown"),
        (["--weights", "none.pth", "--backbone", "resnet18"], "none.pth cannot be read"),
        (["--backbone", "wide_resnet50_2"], "python -m tools.export_backbone wide_resnet50_2"),
        (["--out", "e.pth"], "must end in .onnx"),
        (["--out", "b.onnx", "--backbone", "b.onnx"], "b.onnx is the file of the backbone"),
        (
            ["--out", "resnet18.onnx", "--backbone", "resnet18", "--weights", "w.pth"],
            "resnet18.onnx is the file of the backbone",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(normal, tmp_path, capsys, monkeypatch, more, message):
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    monkeypatch.chdir(tmp_path)
    refused(imported(file, normal, Path("e.onnx"), *more), capsys, message)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_the_backbone_is_made_beside_the_engine_from_its_weights_and_used_again(
    normal, tmp_path, capsys
):
    file, weights = saved(tmp_path, Networks(DIMS, HIDDEN).published()), tmp_path / "r18.pth"
    torch.save(resnet18(), weights)
    out = tmp_path / "engines" / "e.onnx"
    more = ["--weights", str(weights)]
    assert imported(file, normal, out, *more, backbone="resnet18") == 0
    assert sorted(path.name for path in out.parent.iterdir()) == ["e.onnx", "resnet18.onnx"]
    assert read_spec(out).layers == ("layer2", "layer3")
    made = (out.parent / "resnet18.onnx").stat().st_mtime_ns
    again = out.with_name("again.onnx")
    assert imported(file, normal, again, *more, backbone="resnet18") == 0
    assert (out.parent / "resnet18.onnx").stat().st_mtime_ns == made
    assert read_spec(again).graph_hash == read_spec(out).graph_hash
    torch.save(resnet18() | {"more": torch.zeros(1)}, weights)
    again.unlink()
    refused(imported(file, normal, again, *more, backbone="resnet18"), capsys, "is there already")
    assert not again.exists()


def test_unreadable_normal_pictures_alone_are_refused(tmp_path, capsys):
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.png").write_bytes(b"no picture")
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    refused(
        imported(file, folder, tmp_path / "e.onnx"), capsys, "holds no picture that can be read"
    )


def test_a_picture_of_another_size_is_cropped_by_the_same_fractions(tmp_path):
    folder = folder_of_good(tmp_path / "good", 4)
    cv2.imwrite(str(folder / "9.png"), np.full((48, 64, 3), 150, np.uint8))
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    assert imported(file, folder, tmp_path / "e.onnx") == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert (spec.frame_hw, spec.resize.crop) == ((96, 128), (0.125, 0, 0.875, 1))
