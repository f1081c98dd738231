"""Networks of GLASS with random weights, as numpy arrays, and models of them."""

import numpy as np

from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.methods.glass.method import TrainedGlass, trained_glass

LAYERS = ("stride8", "stride16")


def networks(dims: int, hidden: int, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """A checkpoint in the published form, with statistics that are not those of a new network."""
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return random.normal(0, (2 / sum(shape)) ** 0.5, shape).astype(np.float32)

    return {
        "pre_projection": {
            "layers.0fc.weight": drawn(dims, dims),
            "layers.0fc.bias": drawn(dims),
        },
        "discriminator": {
            "body.block1.0.weight": drawn(hidden, dims),
            "body.block1.0.bias": drawn(hidden),
            "body.block1.1.weight": 1 + drawn(hidden),
            "body.block1.1.bias": drawn(hidden),
            "body.block1.1.running_mean": drawn(hidden),
            "body.block1.1.running_var": random.uniform(0.5, 2, hidden).astype(np.float32),
            "body.block1.1.num_batches_tracked": np.array(5),
            "tail.0.weight": 3 * drawn(1, hidden),
        },
    }


def model(dims: int, hidden: int, hw: tuple[int, int], **more: object) -> TrainedGlass:
    """Of the embedded backbone."""
    with FeatureExtractor(resolve(DEFAULT), layers=LAYERS, threads=1) as extractor:
        return trained_glass(networks(dims, hidden), extractor, hw, **more)  # type: ignore[arg-type]
