"""The patch embedding equals unfolding, pooling and resizing written out literally."""

import numpy as np
import onnxruntime
import pytest
import spox

from inspector.core.errors import ConfigError
from learning.graph.patch_embedding import PatchEmbedding, pooling_matrix


def unfolded(grid: np.ndarray) -> np.ndarray:
    """(C, h, w) -> (h, w, C * 9) in the order channel, row, column; zeros beyond the border."""
    channels, height, width = grid.shape
    padded = np.zeros((channels, height + 2, width + 2))
    padded[:, 1:-1, 1:-1] = grid
    patches = np.empty((height, width, channels, 3, 3))
    for y in range(height):
        for x in range(width):
            patches[y, x] = padded[:, y : y + 3, x : x + 3]
    return patches.reshape(height, width, -1)


def adaptive_average(values: np.ndarray, out: int) -> np.ndarray:
    length = values.shape[-1]
    bins = [
        values[..., int(np.floor(i * length / out)) : int(np.ceil((i + 1) * length / out))]
        for i in range(out)
    ]
    return np.stack([part.mean(axis=-1) for part in bins], axis=-1)


def stretched(values: np.ndarray, axis: int, out: int) -> np.ndarray:
    length = values.shape[axis]
    at = (np.arange(out) + 0.5) * length / out - 0.5
    return np.apply_along_axis(lambda line: np.interp(at, np.arange(length), line), axis, values)


def literal(features: list[np.ndarray], layer_dims: int, dims: int) -> np.ndarray:
    """(C, h, w) per layer -> (dims, h, w), in the published order: unfold, resize, pool, pool."""
    height, width = features[0].shape[1:]
    pooled = []
    for grid in features:
        patches = unfolded(grid.astype(np.float64))
        patches = stretched(stretched(patches, 0, height), 1, width)
        pooled.append(adaptive_average(patches, layer_dims))
    return adaptive_average(np.concatenate(pooled, axis=-1), dims).transpose(2, 0, 1)


def layers(channels: tuple[int, ...], count: int, base: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    sides = [max(1, base >> index) for index in range(len(channels))]
    return [
        random.normal(0, 1, (count, c, side, side + (side > 1))).astype(np.float32)
        for c, side in zip(channels, sides, strict=True)
    ]


def run_graph(embedding: PatchEmbedding, features: list[np.ndarray]) -> np.ndarray:
    names = [f"layer{index}" for index in range(len(features))]
    arguments = {
        name: spox.argument(spox.Tensor(np.float32, ("N", *values.shape[1:])))
        for name, values in zip(names, features, strict=True)
    }
    grids = [values.shape[2:] for values in features]
    out = embedding.graph(list(arguments.values()), grids)
    model = spox.build(arguments, {"out": out})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, dict(zip(names, features, strict=True)))[0]


@pytest.mark.parametrize(
    ("channels", "layer_dims", "dims"),
    [
        ((512, 1024), 1024, 1024),
        ((512, 1024), 1536, 1536),
        ((40, 112), 1024, 1024),
        ((128, 256), 1536, 1536),
        ((5, 7, 11), 64, 50),
        ((16,), 48, 20),
    ],
)
def test_it_equals_unfolding_and_pooling(channels, layer_dims, dims):
    features = layers(channels, 2)
    embedding = PatchEmbedding.pooled(channels, layer_dims, dims)
    expected = np.stack(
        [literal([values[i] for values in features], layer_dims, dims) for i in range(2)]
    )
    assert embedding.numpy(features).shape == expected.shape
    assert np.abs(embedding.numpy(features) - expected).max() < 1e-5
    assert np.abs(run_graph(embedding, features) - expected).max() < 1e-5


@pytest.mark.parametrize("count", [1, 2, 7])
def test_it_takes_any_batch(count):
    features = layers((6, 10), count)
    embedding = PatchEmbedding.pooled((6, 10), 32, 32)
    assert np.allclose(run_graph(embedding, features), embedding.numpy(features), atol=1e-6)


def test_the_convolutions_are_grouped_where_the_pooling_allows():
    shallow, deep = PatchEmbedding.pooled((512, 1024), 1024, 1024).convolutions
    assert (shallow.groups, shallow.kernel.shape) == (512, (512, 1, 3, 3))
    assert (deep.groups, deep.kernel.shape) == (512, (512, 2, 3, 3))
    expected = np.full((3, 3), 0.1)
    expected[1, 1] = 0.2
    assert np.allclose(shallow.kernel, expected)
    assert np.allclose(deep.kernel, 1 / 18)
    shallow, deep = PatchEmbedding.pooled((512, 1024), 1536, 1536).convolutions
    assert (shallow.groups, shallow.kernel.shape) == (256, (768, 2, 3, 3))
    assert (deep.groups, deep.kernel.shape) == (256, (768, 4, 3, 3))
    assert (shallow.start, deep.start, deep.stop) == (0, 768, 1536)


def test_layers_that_share_a_value_are_added_up():
    assert PatchEmbedding.pooled((512, 1024), 1024, 1024).is_concatenated
    assert not PatchEmbedding.pooled((5, 7, 11), 64, 50).is_concatenated


def test_averaging_counts_the_zeros_beyond_the_border():
    features = layers((3, 4), 2)
    embedding = PatchEmbedding.averaged((3, 4))
    embedded = embedding.numpy(features)
    assert embedded.shape == (2, 7, 4, 5)
    assert embedded[1, 2, 0, 0] == pytest.approx(features[0][1, 2, :2, :2].sum() / 9, abs=1e-6)
    means = unfolded(features[1][0].astype(np.float64)).reshape(2, 3, 4, 9).mean(axis=-1)
    expected = stretched(stretched(means, 0, 4), 1, 5).transpose(2, 0, 1)
    assert np.abs(embedded[0, 3:] - expected).max() < 1e-6
    assert np.abs(run_graph(embedding, features) - embedded).max() < 1e-6


def test_pooling_bins_overlap_where_the_length_is_no_multiple():
    assert np.allclose(pooling_matrix(9, 2)[:, 4], 1 / 5)
    assert np.allclose(pooling_matrix(9, 2).sum(axis=1), 1)
    assert np.array_equal(pooling_matrix(2, 4).argmax(axis=1), [0, 0, 1, 1])


@pytest.mark.parametrize(("layer_dims", "dims"), [(0, 1), (4, 0), (4, 9)])
def test_lengths_that_cannot_be_pooled_to_are_refused(layer_dims, dims):
    with pytest.raises(ConfigError, match="cannot be pooled"):
        PatchEmbedding.pooled((3, 4), layer_dims, dims)
