"""Exported ResNets and transformers against the libraries that their weights come from."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from inspector.core.errors import ConfigError  # noqa: E402
from learning.backbones import vit  # noqa: E402
from learning.backbones.export import export_backbone  # noqa: E402

pytestmark = pytest.mark.train

MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
STD = torch.tensor((0.229, 0.224, 0.225))[:, None, None]
SIZE = (112, 224)


def randomise(network):
    """Makes weights so large that each of them changes the result. New layer scales are nearly 0,
    and new batch norms change nothing."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.ndim > 1 and "token" not in name and "pos_embed" not in name:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_(0.3 * noise + (1.0 if name.endswith("weight") else 0.0))
    return network.eval()


def picture(batch=2, size=SIZE):
    return np.random.default_rng(3).random((batch, 3, *size), dtype=np.float32)


def run(path, image):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image}), strict=True))


def assert_close(name, ours, theirs, record_property):
    """Compares relative to the largest value: both are float32 and add in another order."""
    assert ours.shape == theirs.shape
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    record_property(f"{name} max difference relative to its peak", difference)
    print(f"{name}: max abs diff {np.abs(ours - theirs).max():.2e}, relative {difference:.2e}")
    assert difference < 2e-5


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "wide_resnet50_2"])
def test_an_exported_resnet_gives_the_features_of_torchvision(name, tmp_path, record_property):
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    network = randomise(models.get_model(name, weights=None))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    out = tmp_path / "backbone.onnx"
    info = export_backbone(name, out, weights_file=tmp_path / "weights.pth", input_hw=None)
    assert [(f.name, f.stride) for f in info.outputs] == [
        ("layer1", 4),
        ("layer2", 8),
        ("layer3", 16),
    ]
    image = picture(size=(96, 160))
    x = (torch.from_numpy(image) - MEAN) / STD
    features = run(out, image)
    with torch.inference_mode():
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        for layer in ("layer1", "layer2", "layer3"):
            x = getattr(network, layer)(x)
            assert_close(f"{name} {layer}", features[layer], x.numpy(), record_property)


def timm_network(name):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    architecture = vit.SHAPES[name].timm_id.partition(".")[0]
    return randomise(timm.create_model(architecture, pretrained=False, img_size=SIZE))


@pytest.mark.parametrize("name", ["dinov2_vits14", "dinov3_vits16", "dinov3_vitb16"])
def test_an_exported_transformer_gives_the_outputs_of_timm(name, tmp_path, record_property):
    network = timm_network(name)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    out = tmp_path / "backbone.onnx"
    info = export_backbone(name, out, weights_file=tmp_path / "weights.pth", input_hw=SIZE)
    assert info.input_hw == SIZE
    image = picture()
    with torch.inference_mode():
        theirs = network.forward_intermediates(
            (torch.from_numpy(image) - MEAN) / STD,
            indices=[3, 6, 9, 11],
            norm=True,
            return_prefix_tokens=True,
            intermediates_only=True,
        )
    features = run(out, image)
    for index, (grid, _) in zip((3, 6, 9, 11), theirs, strict=True):
        key = f"block{index}"
        assert_close(f"{name} {key}", features[key], grid.numpy(), record_property)
    cls = theirs[-1][1][:, 0].numpy()
    assert_close(f"{name} cls", features["cls"], cls, record_property)


def test_weights_named_as_meta_names_them_give_the_same_file(tmp_path):
    ours = timm_network("dinov3_vits16").state_dict()
    metas = {}
    for name, tensor in ours.items():
        if name.endswith("q_bias"):
            values = ours[name.replace("q_bias", "v_bias")]
            masked = torch.full_like(values, 7.0)
            name, tensor = (
                name.replace("q_bias", "qkv.bias"),
                torch.cat((tensor, masked, values)),
            )
        elif name.endswith("v_bias"):
            continue
        name = name.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        metas[name.replace("reg_token", "storage_tokens")] = tensor
    files = [tmp_path / "timm.safetensors", tmp_path / "meta.pth"]
    pytest.importorskip("safetensors.torch").save_file(ours, files[0])
    torch.save(metas, files[1])
    outs = [file.with_suffix(".onnx") for file in files]
    for file, out in zip(files, outs, strict=True):
        export_backbone("dinov3_vits16", out, weights_file=file, input_hw=SIZE)
    image = picture(1)
    first, second = run(outs[0], image), run(outs[1], image)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_position_table_of_another_size_is_resampled_as_timm_does_it(tmp_path):
    layers = pytest.importorskip("timm.layers", reason="timm is not installed")
    network = timm_network("dinov2_vits14")
    tensors = network.state_dict()
    table = torch.randn(1, 1 + 5 * 5, 384, generator=torch.Generator().manual_seed(1))
    torch.save({**tensors, "pos_embed": table}, tmp_path / "square.pth")
    grid = [SIZE[0] // 14, SIZE[1] // 14]
    resampled = layers.resample_abs_pos_embed(table, new_size=grid, num_prefix_tokens=1)
    network.load_state_dict({**tensors, "pos_embed": resampled})
    export_backbone(
        "dinov2_vits14",
        tmp_path / "square.onnx",
        weights_file=tmp_path / "square.pth",
        input_hw=SIZE,
    )
    image = picture(1)
    with torch.inference_mode():
        theirs = network.forward_features((torch.from_numpy(image) - MEAN) / STD)[:, 0].numpy()
    cls = run(tmp_path / "square.onnx", image)["cls"]
    assert np.abs(cls - theirs).max() < 2e-5 * np.abs(theirs).max()


def test_a_transformer_without_a_size_is_refused(tmp_path: Path):
    for size in (None, (100, 224)):
        with pytest.raises(ConfigError, match="--size WxH in multiples of 16"):
            export_backbone("dinov3_vits16", tmp_path / "x.onnx", weights_file=None, input_hw=size)


def test_a_resnet_is_not_given_a_size(tmp_path: Path):
    with pytest.raises(ConfigError, match="takes any size"):
        export_backbone("resnet18", tmp_path / "x.onnx", weights_file=None, input_hw=SIZE)


def test_a_truncated_safetensors_file_is_refused(tmp_path: Path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    (tmp_path / "half.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ConfigError, match="is not a whole safetensors file"):
        export_backbone(
            "dinov3_vits16",
            tmp_path / "x.onnx",
            weights_file=tmp_path / "half.safetensors",
            input_hw=SIZE,
        )


def test_weights_of_a_smaller_network_are_refused_by_name(tmp_path: Path):
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / "small.pth")
    with pytest.raises(ConfigError, match=r"small\.pth: the weights lack 'layer1\.0\.downsample"):
        export_backbone(
            "resnet50",
            tmp_path / "x.onnx",
            weights_file=tmp_path / "small.pth",
            input_hw=None,
        )
