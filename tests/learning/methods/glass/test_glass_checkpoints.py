"""Checkpoints of a training: their content, resuming from them, and engines made of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from glass_training_parts import best_model, trainer  # noqa: E402

from inspector.core.errors import ConfigError  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402
from learning.backbones.zoo import DEFAULT, resolve  # noqa: E402
from learning.graph.patch_embedding import PatchEmbedding  # noqa: E402
from learning.methods.glass.model import fold  # noqa: E402
from learning.methods.glass.training import checkpoint  # noqa: E402
from learning.methods.glass.training.networks import GlassNetworks  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def extractor():
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=1) as opened:
        yield opened


def tensors(networks):
    return {
        f"{name}/{key}": value
        for name, state in networks.weights().items()
        for key, value in state.items()
    }


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_resuming_after_two_epochs_ends_with_the_weights_of_four(extractor, tmp_path):
    straight = trainer(extractor, tmp_path / "a")
    whole = straight.run()
    trainer(extractor, tmp_path / "b", epochs=2).run()
    resumed = trainer(extractor, tmp_path / "b")
    finished = resumed.run(resume=True)
    assert same(tensors(straight.networks), tensors(resumed.networks))
    assert finished.chosen.best_epoch == whole.chosen.best_epoch
    best = [
        best_model(extractor, tmp_path / name, result)
        for name, result in (("a", whole), ("b", finished))
    ]
    assert np.array_equal(best[0].weights[0], best[1].weights[0])


KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from glass_training_parts import trainer
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.training import Watch
def watch(epoch, done, steps):
    if (epoch, done) == (3, 1):
        os.kill(os.getpid(), signal.SIGKILL)
with FeatureExtractor(resolve(DEFAULT), layers=None, threads=1) as opened:
    trainer(opened, Path({folder!r}), Watch(progress=watch)).run()
"""


def test_a_training_that_was_killed_resumes_to_the_same_result(extractor, tmp_path):
    code = KILLED.format(
        here=str(Path(__file__).parents[3] / "support"), folder=str(tmp_path / "killed")
    )
    root = str(Path(__file__).parents[4])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": root}, timeout=100
    )
    assert done.returncode == -signal.SIGKILL
    resumed = trainer(extractor, tmp_path / "killed")
    resumed.run(resume=True)
    straight = trainer(extractor, tmp_path / "straight")
    straight.run()
    assert same(tensors(straight.networks), tensors(resumed.networks))


def test_resuming_restores_the_best_networks_of_the_latest_checkpoint(extractor, tmp_path):
    best = trainer(extractor, tmp_path, epochs=1).run()
    (checkpoint,) = tmp_path.glob("ckpt_best_*.pth")
    content = torch.load(checkpoint, weights_only=True)
    checkpoint.rename(tmp_path / "ckpt_best_9.pth")
    resumed = trainer(extractor, tmp_path, epochs=1).run(resume=True)
    assert resumed.chosen.best_epoch == best.chosen.best_epoch
    assert [path.name for path in tmp_path.glob("ckpt_best_*.pth")] == [checkpoint.name]
    again = torch.load(checkpoint, weights_only=True)
    for network, tensors in content.items():
        assert all(torch.equal(value, again[network][key]) for key, value in tensors.items())


def test_a_training_in_the_folder_is_resumed_only_on_request(extractor, tmp_path):
    trainer(extractor, tmp_path, epochs=1).run()
    with pytest.raises(ConfigError, match=r"ckpt\.pth is of an earlier training"):
        trainer(extractor, tmp_path).run()
    with pytest.raises(ConfigError, match="holds a training with another steps: 20, not 5"):
        trainer(extractor, tmp_path, steps=5).run(resume=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        trainer(extractor, tmp_path / "none").run(resume=True)


def test_a_checkpoint_is_in_the_published_form_with_the_norm_statistics(extractor, tmp_path):
    trained = trainer(extractor, tmp_path, epochs=2).run()
    (best,) = tmp_path.glob("ckpt_best_*.pth")
    assert best.name == f"ckpt_best_{trained.chosen.best_epoch}.pth"
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
    assert int(tracked) == trained.chosen.best_epoch * 2 * 22


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
    scores = model.scores(extractor.extract(made.labelled.pixels))
    assert np.abs(scores - made.scores()).max() < 1e-5
    assert scores.std() > 0.001


def test_a_checkpoint_of_other_sizes_is_not_folded():
    networks = GlassNetworks(16, 8)
    state = {
        name: {key: value.numpy() for key, value in tensors.items()}
        for name, tensors in networks.weights().items()
    }
    with pytest.raises(ConfigError, match="patch vectors of 12 values"):
        fold(state, ("a",), PatchEmbedding.pooled((4,), 12, 12))
    del state["discriminator"]["tail.0.weight"]
    with pytest.raises(ConfigError, match=r"no tensor tail\.0\.weight"):
        fold(state, ("a",), PatchEmbedding.pooled((4,), 16, 16))


def test_a_damaged_checkpoint_is_named(extractor, tmp_path):
    trainer(extractor, tmp_path, epochs=1).run()
    path = tmp_path / checkpoint.LATEST
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ConfigError, match=r"ckpt\.pth is not a file of torch weights"):
        trainer(extractor, tmp_path).run(resume=True)
    path.write_bytes(b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.")
    with pytest.raises(ConfigError, match=r"ckpt\.pth is not a file of torch weights"):
        trainer(extractor, tmp_path).run(resume=True)
    path.write_bytes((next(tmp_path.glob("ckpt_best_*.pth"))).read_bytes())
    with pytest.raises(ConfigError, match="no training to resume"):
        trainer(extractor, tmp_path).run(resume=True)
