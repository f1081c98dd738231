"""The training loop, and the patch vectors and pictures that it gets."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import literal_glass  # noqa: E402
from glass_training_parts import HW, best_model, normals, trainer  # noqa: E402

from inspector.core.errors import DataError, EngineError  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402
from learning.backbones.zoo import DEFAULT, resolve  # noqa: E402
from learning.graph.patch_embedding import PatchEmbedding  # noqa: E402
from learning.methods.glass.training.features import CachedRows, Embedder  # noqa: E402
from learning.training import Watch  # noqa: E402
from learning.training_data import hold_out_indices  # noqa: E402
from learning.training_order import order_pictures  # noqa: E402
from learning.training_quality import measure_quality  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def extractor():
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=1) as opened:
        yield opened


@pytest.mark.parametrize(("channels", "dims"), [((40, 112), 152), ((8, 16), 48), ((8, 16), 7)])
def test_the_embedding_equals_unfolding_and_pooling(channels, dims):
    generator = torch.Generator().manual_seed(0)
    features = [
        torch.randn(2, count, 8 // 2**level, 12 // 2**level, generator=generator)
        for level, count in enumerate(channels)
    ]
    embedder = Embedder(None, PatchEmbedding.pooled(channels, dims, dims))
    embedded = embedder.embed(features).flatten(0, 1)
    expected = literal_glass.embed(features, dims, dims)
    assert (embedded - expected).abs().max() < 1e-5


def test_rows_beyond_the_cache_are_the_same(extractor):
    pixels = normals(5)
    embedder = Embedder(extractor, PatchEmbedding.pooled((40, 112), 32, 32))
    whole = CachedRows(embedder, pixels, 10**9)
    each = whole.take(np.array([0])).nelement() * 4
    part = CachedRows(embedder, pixels, 2 * each)
    assert (whole.cached, part.cached) == (5, 2)
    chosen = np.array([4, 0, 2, 1])
    torch.testing.assert_close(part.take(chosen), whole.take(chosen), rtol=1e-5, atol=1e-5)
    for rows in (whole, part):
        assert rows.norm() == pytest.approx(
            float(whole.take(np.arange(5)).norm(dim=2).square().mean().sqrt()), rel=1e-4
        )


def test_an_epoch_ends_once_more_than_the_limit_were_seen():
    steps = order_pictures(1000, size=8, limit=392, seed=0, epoch=1)
    assert len(steps) == 50
    assert len(set(np.concatenate(steps))) == 400
    again = order_pictures(1000, size=8, limit=392, seed=0, epoch=2)
    assert not np.array_equal(steps[0], again[0])


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


def test_figures_pictures_and_progress_are_reported(extractor, tmp_path):
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
    assert trained.chosen.epochs < 30
    assert trained.chosen.epochs >= trained.chosen.best_epoch + 2


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
    totals = {}
    for device in ("cpu", "cuda"):
        made = trainer(extractor, tmp_path / device, device=device)
        made.run()
        scores = made.scores()
        largest = scores.max(axis=(1, 2))
        totals[device] = measure_quality(largest, scores, made.labelled).total
    assert totals["cuda"] == pytest.approx(totals["cpu"], abs=0.1)


def test_pictures_are_held_out_at_random_or_from_the_end_of_a_stream():
    train, held_out = hold_out_indices(20, 0.2, ordered=False, seed=0)
    assert sorted([*train, *held_out]) == list(range(20))
    assert len(held_out) == 4
    assert not np.array_equal(held_out, np.arange(16, 20))
    assert np.array_equal(hold_out_indices(20, 0.2, ordered=True, seed=0)[1], np.arange(16, 20))
    with pytest.raises(DataError, match="2 good pictures are too few"):
        hold_out_indices(2, 0.2, ordered=False, seed=0)
