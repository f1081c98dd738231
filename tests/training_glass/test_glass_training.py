"""The training loop on small generated pictures."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import literal_glass  # noqa: E402

from engines.backbones.features import FeatureExtractor  # noqa: E402
from engines.backbones.zoo import DEFAULT, Feature, resolve  # noqa: E402
from engines.graph.patch_embedding import PatchEmbedding  # noqa: E402
from engines.methods.glass import trained_glass  # noqa: E402
from engines.methods.glass_model import fold  # noqa: E402
from engines.training.glass import checkpoint  # noqa: E402
from engines.training.glass.batches import TrainingSet, order  # noqa: E402
from engines.training.glass.features import CachedRows, Embedder  # noqa: E402
from engines.training.glass.las import Synthesis  # noqa: E402
from engines.training.glass.networks import GlassNetworks  # noqa: E402
from engines.training.glass.options import GlassOptions  # noqa: E402
from engines.training.glass.textures import BuiltInTextures  # noqa: E402
from engines.training.glass.trainer import GlassTrainer, Watch  # noqa: E402
from engines.training.glass.validation import hold_out, quality, synthetic  # noqa: E402
from inspector.core.errors import ConfigError, DataError, EngineError  # noqa: E402

pytestmark = pytest.mark.train

HW = (64, 96)
SYNTHESIS = Synthesis(BuiltInTextures())
OPTIONS = {"epochs": 4, "batch": 4, "every": 1, "threads": 1, "distribution": "manifold"}


@pytest.fixture(scope="module")
def extractor():
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=1) as opened:
        yield opened


def normals(count=8):
    """Grey grain with a dark bar."""
    rng = np.random.default_rng(0)
    made = rng.normal(120, 6, (count, *HW, 3))
    made[:, 24:40] -= 50
    return np.clip(made, 0, 255).astype(np.uint8)


def trainer(extractor, folder, watch=None, **changes):
    pixels = normals()
    options = GlassOptions(**(OPTIONS | changes))
    labelled = synthetic(pixels[-2:], None, SYNTHESIS, seed=1)
    normal = TrainingSet(pixels[:-2], None, SYNTHESIS)
    return GlassTrainer(options, extractor, normal, labelled, folder, watch)


def best_model(extractor, folder, trained):
    return trained_glass(checkpoint.load_best(folder, trained.best_epoch), extractor, HW).folded


def tensors(networks):
    return {
        f"{name}/{key}": value
        for name, state in networks.weights().items()
        for key, value in state.items()
    }


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize(("channels", "dims"), [((40, 112), 152), ((8, 16), 48), ((8, 16), 7)])
def test_the_embedding_equals_unfolding_and_pooling(channels, dims):
    generator = torch.Generator().manual_seed(0)
    features = [
        torch.randn(2, count, 8 // 2**level, 12 // 2**level, generator=generator)
        for level, count in enumerate(channels)
    ]
    embedder = Embedder(None, PatchEmbedding.pooled(channels, dims, dims))
    found = embedder.embed(features).flatten(0, 1)
    expected = literal_glass.embed(features, dims, dims)
    assert (found - expected).abs().max() < 1e-5


def test_rows_beyond_the_cache_are_the_same(extractor):
    pixels = normals(5)
    embedder = Embedder(extractor, PatchEmbedding.pooled((40, 112), 32, 32))
    whole = CachedRows(embedder, pixels, 10**9)
    each = whole.take(np.array([0])).nelement() * 4
    part = CachedRows(embedder, pixels, 2 * each)
    assert (whole.kept, part.kept) == (5, 2)
    chosen = np.array([4, 0, 2, 1])
    torch.testing.assert_close(part.take(chosen), whole.take(chosen), rtol=1e-5, atol=1e-5)
    for rows in (whole, part):
        assert rows.norm() == pytest.approx(
            float(whole.take(np.arange(5)).norm(dim=2).square().mean().sqrt()), rel=1e-4
        )


def test_an_epoch_ends_once_more_than_the_limit_were_seen():
    steps = order(1000, size=8, limit=392, seed=0, epoch=1)
    assert len(steps) == 50
    assert len(set(np.concatenate(steps))) == 400
    again = order(1000, size=8, limit=392, seed=0, epoch=2)
    assert not np.array_equal(steps[0], again[0])


def test_going_on_after_two_epochs_ends_with_the_weights_of_four(extractor, tmp_path):
    straight = trainer(extractor, tmp_path / "a")
    whole = straight.run()
    trainer(extractor, tmp_path / "b", epochs=2).run()
    resumed = trainer(extractor, tmp_path / "b")
    finished = resumed.run(resume=True)
    assert same(tensors(straight.networks), tensors(resumed.networks))
    assert finished.best_epoch == whole.best_epoch
    best = [
        best_model(extractor, tmp_path / name, one) for name, one in (("a", whole), ("b", finished))
    ]
    assert np.array_equal(best[0].weights[0], best[1].weights[0])


KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_glass_training import *
def watch(epoch, done, steps):
    if (epoch, done) == (3, 1):
        os.kill(os.getpid(), signal.SIGKILL)
with FeatureExtractor(resolve(DEFAULT), layers=None, threads=1) as opened:
    trainer(opened, Path({folder!r}), Watch(progress=watch)).run()
"""


def test_a_training_that_was_killed_goes_on_to_the_same_result(extractor, tmp_path):
    code = KILLED.format(here=str(Path(__file__).parent), folder=str(tmp_path / "killed"))
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": root}, timeout=100
    )
    assert done.returncode == -signal.SIGKILL
    resumed = trainer(extractor, tmp_path / "killed")
    resumed.run(resume=True)
    straight = trainer(extractor, tmp_path / "straight")
    straight.run()
    assert same(tensors(straight.networks), tensors(resumed.networks))


def test_going_on_restores_the_best_networks_of_the_latest_checkpoint(extractor, tmp_path):
    best = trainer(extractor, tmp_path, epochs=1).run()
    (kept,) = tmp_path.glob("ckpt_best_*.pth")
    content = torch.load(kept, weights_only=True)
    kept.rename(tmp_path / "ckpt_best_9.pth")
    assert trainer(extractor, tmp_path, epochs=1).run(resume=True).best_epoch == best.best_epoch
    assert [path.name for path in tmp_path.glob("ckpt_best_*.pth")] == [kept.name]
    again = torch.load(kept, weights_only=True)
    for network, tensors in content.items():
        assert all(torch.equal(value, again[network][key]) for key, value in tensors.items())


def test_a_checkpoint_is_in_the_published_form_with_the_norm_statistics(extractor, tmp_path):
    trained = trainer(extractor, tmp_path, epochs=2).run()
    (best,) = tmp_path.glob("ckpt_best_*.pth")
    assert best.name == f"ckpt_best_{trained.best_epoch}.pth"
    content = torch.load(best, weights_only=True)
    assert sorted(content) == ["discriminator", "pre_projection"]
    assert sorted(content["pre_projection"]) == ["layers.0fc.bias", "layers.0fc.weight"]
    norm = ("bias", "num_batches_tracked", "running_mean", "running_var", "weight")
    assert sorted(content["discriminator"]) == [
        "body.block1.0.bias",
        "body.block1.0.weight",
        *(f"body.block1.1.{key}" for key in norm),
        "tail.0.weight",
    ]
    tracked = content["discriminator"]["body.block1.1.num_batches_tracked"]
    assert int(tracked) == trained.best_epoch * 2 * 22


def test_networks_that_are_loaded_again_score_the_same(extractor, tmp_path):
    first = trainer(extractor, tmp_path, epochs=1)
    first.run()
    second = trainer(extractor, tmp_path / "other", seed=5)
    assert not np.array_equal(first.scores(), second.scores())
    second.networks.load(checkpoint.load(tmp_path / checkpoint.LATEST))
    second.embedder.scale = first.embedder.scale
    assert np.array_equal(first.scores(), second.scores())


@pytest.mark.parametrize("dims", [152, 37])
def test_the_folded_model_scores_as_the_networks_do(extractor, tmp_path, dims):
    made = trainer(extractor, tmp_path, epochs=2, dims=dims, every=2)
    trained = made.run()
    assert trained.scale != 1, "the kept networks must hold the scale of the training"
    model = best_model(extractor, tmp_path, trained)
    found = model.scores(extractor.extract(made.labelled.pixels))
    assert np.abs(found - made.scores()).max() < 1e-5
    assert found.std() > 0.001


def test_a_checkpoint_of_other_sizes_is_not_folded():
    networks = GlassNetworks(16, 8)
    state = {
        name: {key: value.numpy() for key, value in one.items()}
        for name, one in networks.weights().items()
    }
    with pytest.raises(ConfigError, match="patch vectors of 12 values"):
        fold(state, ("a",), PatchEmbedding.pooled((4,), 12, 12))
    del state["discriminator"]["tail.0.weight"]
    with pytest.raises(ConfigError, match=r"no tensor tail\.0\.weight"):
        fold(state, ("a",), PatchEmbedding.pooled((4,), 16, 16))


@pytest.mark.parametrize("distribution", ["manifold", "hypersphere"])
def test_a_short_training_finds_a_painted_spot(extractor, tmp_path, distribution):
    made = trainer(
        extractor, tmp_path, epochs=20, every=20, distribution=distribution, learning_rate=2e-3
    )
    model = best_model(extractor, tmp_path, made.run())
    sound, painted = normals()[-2:], normals()[-2:]
    painted[:, 16:32, 40:56] = (200, 40, 40)
    before, after = (model.scores(extractor.extract(pixels)) for pixels in (sound, painted))
    assert after[:, 2:4, 5:7].mean() > before.mean() + 0.1
    assert after.max(axis=(1, 2)).min() > before.max()


def test_figures_pictures_and_progress_are_told(extractor, tmp_path):
    scalars, pictures, steps = [], [], []
    watch = Watch(
        scalars=lambda epoch, values: scalars.append((epoch, values)),
        pictures=lambda epoch, pixels: pictures.append((epoch, pixels.shape)),
        progress=lambda *at: steps.append(at),
    )
    trainer(extractor, tmp_path, watch, epochs=2, every=2).run()
    assert [epoch for epoch, _ in scalars] == [1, 2]
    assert all(np.isfinite(list(values.values())).all() for _, values in scalars)
    assert "validation/image_auroc" in scalars[1][1]
    assert "validation/image_auroc" not in scalars[0][1]
    assert pictures == [(1, (4, *HW, 3)), (2, (4, *HW, 3))]
    assert steps == [(1, 1, 2), (1, 2, 2), (2, 1, 2), (2, 2, 2)]


def test_training_stops_early_without_improvement(extractor, tmp_path):
    trained = trainer(extractor, tmp_path, epochs=30, patience=2, learning_rate=1e-9).run()
    assert trained.epochs < 30
    assert trained.epochs >= trained.best_epoch + 2


def test_a_folder_with_a_training_is_gone_on_with_only_on_request(extractor, tmp_path):
    trainer(extractor, tmp_path, epochs=1).run()
    with pytest.raises(ConfigError, match=r"ckpt\.pth is of an earlier training"):
        trainer(extractor, tmp_path).run()
    with pytest.raises(ConfigError, match="another steps: 20, not 5"):
        trainer(extractor, tmp_path, steps=5).run(resume=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        trainer(extractor, tmp_path / "none").run(resume=True)


def test_a_damaged_checkpoint_is_named(extractor, tmp_path):
    trainer(extractor, tmp_path, epochs=1).run()
    path = tmp_path / checkpoint.LATEST
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ConfigError, match=r"ckpt\.pth is not a whole checkpoint"):
        trainer(extractor, tmp_path).run(resume=True)
    path.write_bytes(b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.")
    with pytest.raises(ConfigError, match=r"ckpt\.pth is not a whole checkpoint"):
        trainer(extractor, tmp_path).run(resume=True)
    path.write_bytes((next(tmp_path.glob("ckpt_best_*.pth"))).read_bytes())
    with pytest.raises(ConfigError, match="no training to go on with"):
        trainer(extractor, tmp_path).run(resume=True)


@pytest.mark.parametrize("setting", [{"step_size": 1e38}, {"learning_rate": 1e30}])
def test_a_training_that_diverges_says_what_to_lower(extractor, tmp_path, setting):
    with pytest.raises(DataError, match="not finite: lower learning_rate or step_size"):
        trainer(extractor, tmp_path, **setting).run()


def test_bf16_keeps_the_losses_near_those_of_float32(extractor, tmp_path):
    totals = {}
    for amp in (False, True):
        watch = Watch(scalars=lambda _, values, amp=amp: totals.update({amp: values}))
        trainer(extractor, tmp_path / str(amp), watch, epochs=1, amp=amp).run()
    assert totals[True]["loss/total"] == pytest.approx(totals[False]["loss/total"], rel=0.03)
    assert totals[True] != totals[False]


def test_a_device_that_is_not_there_is_named(extractor, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(EngineError, match="'cuda'"):
        trainer(extractor, tmp_path, device="cuda")


@pytest.mark.gpu
def test_cuda_trains_to_nearly_the_same_scores(extractor, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    found = {}
    for device in ("cpu", "cuda"):
        made = trainer(extractor, tmp_path / device, device=device)
        made.run()
        found[device] = quality(made.scores(), made.labelled).total
    assert found["cuda"] == pytest.approx(found["cpu"], abs=0.1)


def test_pictures_are_held_out_at_random_or_from_the_end_of_a_stream():
    train, held = hold_out(20, 0.2, ordered=False, seed=0)
    assert sorted([*train, *held]) == list(range(20))
    assert len(held) == 4
    assert not np.array_equal(held, np.arange(16, 20))
    assert np.array_equal(hold_out(20, 0.2, ordered=True, seed=0)[1], np.arange(16, 20))
    with pytest.raises(DataError, match="2 normal pictures are too few"):
        hold_out(2, 0.2, ordered=False, seed=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("epochs", 0), ("noise", 0.0), ("hard", 1.5), ("distribution", "sphere"), ("hidden", 0)],
        *[("dims", 100_000_000), ("hidden", 100_000_000), ("threads", 1_000_000)],
    ],
)
def test_a_setting_that_makes_no_sense_is_named(key, value):
    with pytest.raises(ConfigError, match=key):
        GlassOptions(**{key: value})


def test_sizes_and_rates_follow_the_backbone_unless_given(extractor):
    info, layers = extractor.info, extractor.layers
    published = dataclasses.replace(
        info,
        name="wide_resnet50_2",
        outputs=(Feature("layer2", 512, 8), Feature("layer3", 1024, 16)),
    )
    default = GlassOptions()
    assert default.sizes(info, layers) == (152, 101)
    assert default.sizes(published, ("layer2", "layer3")) == (1536, 1024)
    assert default.target_norm(published) is None
    assert default.rate(published) == 1e-4
    given = GlassOptions(dims=64, hidden=32, patch_norm=0, learning_rate=0.01)
    assert given.sizes(info, layers) == (64, 32)
    assert given.target_norm(info) is None
    assert given.rate(published) == 0.01
