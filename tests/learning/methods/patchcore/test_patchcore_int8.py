"""The bank of PatchCore in an int8 engine: int8 features of the places that float32 chooses."""

import numpy as np
import pytest
from engine_parts import HW, parts

from learning.backbones.zoo import DEFAULT, resolve
from learning.methods.feature_source import SourceRequest
from learning.methods.patchcore import bank as patchcore_bank
from learning.methods.patchcore.int8 import FLOAT32, Int8PatchCore
from learning.methods.patchcore.method import PatchCore
from learning.quantising.backbone import quantise_backbone

METHODS = [
    PatchCore(coreset=0.05),
    PatchCore(coreset=0.05, reduction="pca", dims=16),
    PatchCore(coreset=0.05, variant="official"),
]


@pytest.fixture(scope="module")
def int8_backbone(tmp_path_factory):
    out = tmp_path_factory.mktemp("int8") / "backbone.onnx"
    layers = ("stride8", "stride16")
    quantise_backbone(resolve(DEFAULT), layers, parts(6), out, seed=0, threads=1)
    return out


def fit(method, backbone):
    """The numbers of the patches that became the bank."""
    with method.open_source(SourceRequest(backbone, HW, 1, "cpu")) as source:
        embeddings = method.embed(source.extract(parts(6).pixels))
    int8 = {name: values for name, values in embeddings.items() if FLOAT32 not in name}
    count = 6 * next(iter(int8.values()))[0, 0].size
    pool = patchcore_bank.patches(method._joining(int8), int8, np.arange(count))
    model = method.fit(embeddings, 0)
    if model.basis is not None:
        pool = pool @ model.basis
    apart = np.linalg.norm(model.whole_rows()[:, None] - pool, axis=2)
    assert apart.min(axis=1).max() < 1e-3
    return apart.argmin(axis=1).tolist()


@pytest.mark.parametrize("method", METHODS, ids=["paper", "pca", "official"])
def test_the_rows_are_those_that_float32_features_choose(method, int8_backbone):
    chosen = fit(method, resolve(DEFAULT))
    assert len(chosen) > 20
    assert fit(Int8PatchCore.of(method, resolve(DEFAULT)), int8_backbone) == chosen
    assert fit(method, int8_backbone) != chosen
