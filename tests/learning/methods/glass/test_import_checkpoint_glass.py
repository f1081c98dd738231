"""Checkpoints of GLASS become engines that compute what their networks compute."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from loguru import logger

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import (  # noqa: E402
    Networks,
    embedded,
    enlarged,
    folder_of_good,
    good,
    refused,
    resnet18,
    smoothed,
)
from glass_import_parts import DIMS, HIDDEN, SIDE, features, imported, saved  # noqa: E402

from engines.opening import open_engine  # noqa: E402
from engines.resize import crop_box, to_input  # noqa: E402
from engines.spec import ResizeRule  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from inspector.core.errors import ConfigError  # noqa: E402
from learning.methods.glass.importing import centre_crop, read_glass  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def normal(tmp_path_factory) -> Path:
    return folder_of_good(tmp_path_factory.mktemp("normal"))


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
    assert "made of are not known" in spec.threshold_rule.note
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
    checkpoint = read_glass(saved(tmp_path, Networks(12, 5).published()))
    assert (checkpoint.dims, checkpoint.hidden) == (12, 5)


@pytest.mark.parametrize(("factor", "warned"), [(1.0, False), (20.0, True), (0.05, True)])
def test_patch_vectors_of_another_size_than_in_training_give_a_warning(
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
    messages: list[str] = []
    handler = logger.add(messages.append, format="{message}")
    try:
        file = saved(tmp_path, networks.published())
        assert imported(file, normal, tmp_path / "e.onnx") == 0
    finally:
        logger.remove(handler)
    spread = read_spec(tmp_path / "e.onnx").parameters["spread"]
    assert spread == pytest.approx(factor, rel=0.05)
    assert any("another backbone" in line for line in messages) is warned


def test_the_backbone_is_made_beside_the_engine_from_its_weights_and_used_again(
    normal, tmp_path, capsys
):
    file, weights = saved(tmp_path, Networks(DIMS, HIDDEN).published()), tmp_path / "r18.pth"
    torch.save(resnet18(), weights)
    out = tmp_path / "engines" / "e.onnx"
    more = ["--weights", str(weights)]
    assert imported(file, normal, out, *more, backbone="resnet18") == 0
    written = ["e.fit", "e.onnx", "resnet18.onnx"]
    assert sorted(path.name for path in out.parent.iterdir()) == written
    assert read_spec(out).layers == ("layer2", "layer3")
    made = (out.parent / "resnet18.onnx").stat().st_mtime_ns
    again = out.with_name("again.onnx")
    assert imported(file, normal, again, *more, backbone="resnet18") == 0
    assert (out.parent / "resnet18.onnx").stat().st_mtime_ns == made
    assert read_spec(again).graph_hash == read_spec(out).graph_hash
    torch.save(resnet18() | {"more": torch.zeros(1)}, weights)
    again.unlink()
    refused(
        imported(file, normal, again, *more, backbone="resnet18"), capsys, "exists and was not made"
    )
    assert not again.exists()


def test_a_picture_of_another_size_is_cropped_by_the_same_fractions(tmp_path):
    folder = folder_of_good(tmp_path / "good", 4)
    cv2.imwrite(str(folder / "9.png"), np.full((48, 64, 3), 150, np.uint8))
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    assert imported(file, folder, tmp_path / "e.onnx") == 0
    spec = read_spec(tmp_path / "e.onnx")
    assert (spec.frame_hw, spec.resize.crop) == ((96, 128), (0.125, 0, 0.875, 1))
