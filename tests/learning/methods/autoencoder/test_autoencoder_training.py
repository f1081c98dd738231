"""The training of the autoencoder: network, loss, pictures, resuming."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from autoencoder_parts import random_pictures  # noqa: E402
from skimage.metrics import structural_similarity  # noqa: E402
from train_parts import ROOT, class_folder, environment, picture  # noqa: E402

from engines.opening import open_engine  # noqa: E402
from engines.spec_file import read_spec  # noqa: E402
from inspector.core.errors import ConfigError, DataError  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402
from learning.backbones.zoo import DEFAULT, resolve  # noqa: E402
from learning.methods.autoencoder.method import to_planes  # noqa: E402
from learning.methods.autoencoder.model import fold  # noqa: E402
from learning.methods.autoencoder.options import AutoencoderOptions  # noqa: E402
from learning.methods.autoencoder.training import checkpoint, perceptual  # noqa: E402
from learning.methods.autoencoder.training.augment import augment  # noqa: E402
from learning.methods.autoencoder.training.batches import PictureSet  # noqa: E402
from learning.methods.autoencoder.training.losses import (  # noqa: E402
    CombinedLoss,
    LossWeights,
    corruption_loss,
    edges,
    reconstruction_loss,
    similarity,
)
from learning.methods.autoencoder.training.networks import AutoencoderUNetLite  # noqa: E402
from tools.train import main as train  # noqa: E402

pytestmark = pytest.mark.train

SMALL = (4, 6, 8, 10)
WORDS = (
    *("--method", "autoencoder", "--size", "96x64", "--epochs", "4", "--eval-every", "2"),
    *("--batch", "4", "--threads", "1", "--widths", "4,6,8,10", "--skip-dropout", "0.2"),
)


@pytest.mark.parametrize(("batch_norm", "count"), [(True, 1_928_483), (False, 1_925_667)])
def test_the_default_network_has_its_number_of_parameters(batch_norm, count):
    network = AutoencoderUNetLite(batch_norm=batch_norm)
    assert sum(values.numel() for values in network.parameters()) == count


@pytest.mark.parametrize("skips", [(True, True, True), (True, True, False)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_folded_network_is_the_trained_one(skips, batch_norm):
    torch.manual_seed(0)
    network = AutoencoderUNetLite(SMALL, skips=skips, batch_norm=batch_norm)
    planes = torch.from_numpy(to_planes(random_pictures(0, 4)))
    network(planes)
    network.eval()
    with torch.no_grad():
        expected = network(planes).numpy()
    redrawn = fold(network.arrays(), skips).reconstruct(planes.numpy())
    assert np.abs(redrawn - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("planes", "sentence"),
    [
        (torch.zeros(1, 1, 32, 32), r"takes \(n, 3, H, W\)"),
        (torch.zeros(3, 32, 32), r"takes \(n, 3, H, W\)"),
        (torch.zeros(1, 3, 32, 36), "multiples of 8"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "takes floats"),
        (torch.full((1, 3, 32, 32), 255.0), r"takes values in \[-1, 1\], these reach 255"),
        (torch.full((1, 3, 32, 32), torch.nan), "these reach nan"),
        (torch.zeros(0, 3, 32, 32), r"takes \(n, 3, H, W\)"),
    ],
)
def test_other_inputs_are_refused_with_a_sentence(planes, sentence):
    with pytest.raises(DataError, match=sentence):
        AutoencoderUNetLite(SMALL)(planes)


def test_the_parts_of_the_loss_are_the_published_ones():
    first, second = (torch.from_numpy(to_planes(random_pictures(s, 1))) for s in (1, 2))
    mixed = 0.8 * first + 0.2 * second
    difference = (mixed - first).numpy().astype(np.float64)
    for kind, expected in (
        ("mse", (difference**2).mean()),
        ("l1", np.abs(difference).mean()),
        ("focal", (np.abs(difference) ** 3.5).mean()),
    ):
        assert float(reconstruction_loss(mixed, first, kind, 1.5)) == pytest.approx(
            expected, rel=1e-4
        )
    theirs = structural_similarity(
        mixed[0].numpy().astype(np.float64),
        first[0].numpy().astype(np.float64),
        data_range=2.0,
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    # scikit-image leaves the border out.
    assert float(similarity(mixed, first)) == pytest.approx(theirs, abs=0.02)
    assert float(similarity(first, first)) == pytest.approx(1.0, abs=1e-6)
    ramp = torch.arange(16.0).repeat(1, 3, 16, 1)
    assert torch.allclose(edges(ramp)[0, ::2, 4:-4, 4:-4].abs(), torch.tensor(8.0))
    assert edges(ramp)[0, 1::2, 4:-4, 4:-4].abs().max() == 0


def test_the_total_is_the_weighted_sum_and_parts_of_weight_0_are_left_out():
    first, second = (torch.from_numpy(to_planes(random_pictures(s, 1))) for s in (1, 2))
    weights = LossWeights(reconstruction=2.0, ssim=0.5, perceptual=0.0, edge=0.25)
    total, parts = CombinedLoss(weights, None)(first, second)
    assert set(parts) == {"reconstruction", "ssim", "edge"}
    summed = 2 * parts["reconstruction"] + 0.5 * parts["ssim"] + 0.25 * parts["edge"]
    assert float(total) == pytest.approx(float(summed), rel=1e-6)


def test_only_pixels_of_simulated_defects_count_in_the_loss_of_corruption():
    target = torch.zeros(2, 3, 8, 8)
    shown, drawn = target.clone(), target.clone()
    shown[0, 1, 2:4, 2:4] = 0.5
    drawn[0, :, 2:4, 2:4] = 0.2
    drawn[1] = 0.9
    assert float(corruption_loss(drawn, target, shown)) == pytest.approx(0.04)
    assert float(corruption_loss(drawn, target, target)) == 0
    weights = LossWeights(reconstruction=1.0, ssim=0.0, perceptual=0.0, corruption=2.0)
    total, parts = CombinedLoss(weights, None)(drawn, target, shown)
    assert set(parts) == {"reconstruction", "corruption"}
    assert float(total) == pytest.approx(float(parts["reconstruction"]) + 0.08)


def test_backbone_features_in_torch_are_those_of_onnxruntime():
    path, pixels = resolve(DEFAULT), random_pictures(3, 2, (64, 96))
    with FeatureExtractor(path, layers=None, threads=1) as extractor:
        expected = extractor.extract(pixels)
    with torch.no_grad():
        ours = perceptual.feature_network(path)((torch.from_numpy(to_planes(pixels)) + 1) / 2)
    for layer, values in zip(expected.values(), ours, strict=True):
        assert np.abs(layer - values.numpy()).max() < 1e-4 * np.abs(layer).max()


def test_vgg16_weights_are_read_and_others_are_refused(tmp_path):
    torch.manual_seed(0)
    plain = perceptual.VGG16
    state, inputs, place = {}, 3, 0
    for width in plain:
        if width:
            state[f"features.{place}.weight"] = torch.randn(width, inputs, 3, 3) * 0.05
            state[f"features.{place}.bias"] = torch.randn(width) * 0.1
            inputs = width
        place += 2 if width else 1
    torch.save(state | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg.pth")
    distance = perceptual.FeatureDistance(perceptual.feature_network(tmp_path / "vgg.pth"))
    first, second = (torch.from_numpy(to_planes(random_pictures(s, 1))) for s in (1, 2))
    first.requires_grad_(True)
    value = distance(first, second)
    value.backward()
    assert float(value.detach()) > 0
    assert first.grad is not None
    assert first.grad.abs().max() > 0
    assert float(distance(second, second)) == 0
    torch.save({"features.0.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="weights of VGG16"):
        perceptual.feature_network(tmp_path / "other.pth")


@pytest.mark.parametrize(
    "changes",
    [
        {"rotation_deg": 30.0},
        {"flips": "both"},
        {"elastic": 0.5},
        {"distortion": 0.2},
        {"brightness": 0.2},
        {"contrast": 0.3},
        {"noise": 0.1},
    ],
)
def test_each_change_alone_alters_pictures_the_same_for_the_same_seed(changes):
    still = {"brightness": 0.0, "contrast": 0.0, "noise": 0.0}
    options = AutoencoderOptions(**(still | changes))
    image = np.ascontiguousarray(picture(0)[..., ::-1])
    altered = [augment(image, options, np.random.default_rng(seed)) for seed in range(6)]
    again = augment(image, options, np.random.default_rng(3))
    assert any((each != image).any() for each in altered)
    np.testing.assert_array_equal(altered[3], again)
    assert all(each.shape == image.shape and each.dtype == np.uint8 for each in altered)
    np.testing.assert_array_equal(
        augment(image, AutoencoderOptions(**still), np.random.default_rng(0)), image
    )


def test_defects_are_shown_and_the_target_is_without_them():
    pixels = np.stack([picture(seed) for seed in range(8)])
    inside = np.zeros(pixels.shape[1:3], bool)
    inside[8:56, 8:88] = True
    made = PictureSet(pixels, inside, AutoencoderOptions(corruption=1.0, batch=4))
    steps = made.steps(1)
    assert sorted(np.concatenate(steps).tolist()) == list(range(8))
    for batch, same in zip(made.batches(1, steps), made.batches(1, steps), strict=True):
        np.testing.assert_array_equal(batch.shown, same.shown)
        differs = (batch.shown != batch.target).any(axis=3)
        assert differs.any(axis=(1, 2)).all()
        assert not differs[:, ~inside].any()
        assert (batch.target[:, ~inside] == 127).all()
    clean = PictureSet(pixels, None, AutoencoderOptions(corruption=0.0))
    batch = next(iter(clean.batches(1, clean.steps(1))))
    np.testing.assert_array_equal(batch.shown, batch.target)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return class_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "bars"
    assert train([*WORDS, "--data", str(data), "--out", str(out)]) == 0
    return out


def test_it_ends_with_an_engine_that_says_how_it_was_trained(trained):
    spec = read_spec(trained / "engine.onnx")
    assert (spec.method, spec.backbone, spec.resize.input_hw) == ("autoencoder", "", (64, 96))
    parameters = spec.parameters
    assert parameters["training"]["widths"] == [4, 6, 8, 10]
    assert parameters["perceptual_features"] == DEFAULT
    assert parameters["checkpoint"]["epoch"] in (2, 4)
    assert parameters["checkpoint"]["chosen_on"].endswith("simulated defects on them")
    assert spec.threshold_rule.scheme == "held-out"
    assert (trained / "pictures.png").is_file()
    maps, scores = open_engine(trained / "engine.onnx").infer(picture(50)[None, :, :, ::-1])
    assert np.isfinite(maps).all()
    assert np.isfinite(scores).all()


def test_the_board_has_curves_and_pictures(trained):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    board = accumulator.EventAccumulator(str(trained / "tensorboard"))
    board.Reload()
    tags = board.Tags()
    assert {"loss/total", "loss/ssim", "validation/image_auroc"} <= set(tags["scalars"])
    (shown,) = board.Images("pictures")
    assert (shown.height, shown.width) == (64, 4 * 3 * 96)


def test_after_a_kill_the_same_command_ends_with_the_same_bits(trained, data, tmp_path):
    out = tmp_path / "bars"
    words = [*WORDS, "--data", str(data), "--out", str(out)]
    code = f"""
import os, signal, sys
from tools import _train_watch, train
def hook(self, epoch, done, steps):
    (epoch, done) == (4, 1) and os.kill(os.getpid(), signal.SIGKILL)
_train_watch.TrainingWatch.progress = hook
sys.exit(train.main({words!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), timeout=200)
    assert killed.returncode == -signal.SIGKILL
    assert not (out / "engine.onnx").exists()
    assert train(words) == 0
    first, second = (checkpoint.load_best(place / "checkpoints") for place in (trained, out))
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    specs = [read_spec(place / "engine.onnx") for place in (trained, out)]
    assert specs[0].graph_hash == specs[1].graph_hash
    assert specs[0].image_threshold == specs[1].image_threshold


def test_a_resumed_training_must_have_the_same_options(trained, data, capsys):
    words = [*WORDS, "--data", str(data), "--out", str(trained), "--ssim-weight", "0.3"]
    assert train(words) == 2
    assert "another ssim_weight" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        ("--optimiser", "sgd", "--schedule", "step", "--reconstruction", "focal", "--amp"),
        ("--optimiser", "adamw", "--schedule", "plateau", "--patience", "1", "--error", "ssim"),
        ("--first-skip", "--no-batch-norm", "--perceptual-weight", "0", "--preset", "multi"),
    ],
)
def test_every_choice_of_options_makes_an_engine(more, data, tmp_path):
    words = [*WORDS, "--data", str(data), "--out", str(tmp_path / "o"), *more]
    assert train(words) == 0
    assert read_spec(tmp_path / "o" / "engine.onnx").parity["pictures"] >= 32
    assert os.path.exists(tmp_path / "o" / "log.jsonl")
