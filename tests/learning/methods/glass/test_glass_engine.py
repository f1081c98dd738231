"""An engine file of GLASS against the torch modules behind a literal embedding."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import literal_glass  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402
from torch.nn import functional  # noqa: E402

from engines.backends.onnx import OnnxEngine  # noqa: E402
from engines.spec import ResizeRule  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402
from learning.backbones.zoo import DEFAULT, resolve  # noqa: E402
from learning.finishing import make_engine  # noqa: E402
from learning.job import MakeOptions  # noqa: E402
from learning.methods.glass.method import Glass, trained_glass  # noqa: E402
from learning.methods.glass.training.networks import GlassNetworks  # noqa: E402
from learning.normals import Normals  # noqa: E402

pytestmark = pytest.mark.train

HW, DIMS, HIDDEN = (64, 96), 152, 101


@pytest.fixture(scope="module")
def networks():
    """With weights and statistics far from those of new ones, so that scores spread."""
    made = GlassNetworks(DIMS, HIDDEN, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        norm = made.discriminator.norm
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 4, generator=generator)
        norm.weight.uniform_(0.5, 2, generator=generator)
        norm.bias.normal_(generator=generator)
        made.projection.layers[0].weight.mul_(0.1)
    return made


@pytest.fixture(scope="module")
def engine(networks, tmp_path_factory):
    state = {
        name: {key: value.numpy() for key, value in tensors.items()}
        for name, tensors in networks.weights().items()
    }
    method, backbone = Glass(), resolve(DEFAULT)
    with FeatureExtractor(backbone, layers=("stride8", "stride16"), threads=1) as extractor:
        model = trained_glass(state, extractor, HW)
    names = tuple(f"{index}.png" for index in range(8))
    normals = Normals("noise", pictures(8), names, HW, ResizeRule(HW), ordered=False)
    out = tmp_path_factory.mktemp("engine") / "e.onnx"
    options = MakeOptions("noise", method, backbone, threads=1)
    make_engine(model, normals, options, out, lambda *_: None)
    return OnnxEngine(out, threads=1)


def pictures(count, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 12, 3))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_it_equals_the_torch_modules_and_scipys_filter(networks, engine, count):
    pixels = pictures(count, seed=5)
    with FeatureExtractor(resolve(DEFAULT), layers=("stride8", "stride16")) as extractor:
        features = [torch.from_numpy(values) for values in extractor.extract(pixels).values()]
    rows = literal_glass.embed(features, DIMS, DIMS)
    grids = networks.scores(rows).reshape(count, 1, *features[0].shape[2:])
    large = functional.interpolate(grids, HW, mode="bilinear", align_corners=False)[:, 0]
    expected = np.stack([gaussian_filter(grid, 4.0) for grid in large.numpy()])
    maps, scores = engine.infer(pixels)
    assert np.abs(scores - grids.amax(dim=(1, 2, 3)).numpy()).max() < 1e-5
    assert np.abs(maps - expected).max() < 1e-5
    assert expected.std() > 0.01
