"""Computes the distance of backbone features in torch, with gradients to the pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from inspector.core.errors import ConfigError
from learning import torch_weights

VGG16: Final = (64, 64, 0, 128, 128, 0, 256, 256, 256)
"""Channels of the convolutions up to relu3_3; 0 is a pooling (Simonyan and Zisserman 2014)."""

MEAN: Final = (0.485, 0.456, 0.406)
DEVIATION: Final = (0.229, 0.224, 0.225)


class FeatureDistance(nn.Module):  # type: ignore[misc]
    """Mean squared difference of the features of two batches of pictures in [-1, 1].

    The features of each layer are divided by their root mean square on the target, so that layers
    and backbones of other scales count the same.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def forward(self, drawn: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            expected = self.network((target.float() + 1) / 2)
        distances = [
            functional.mse_loss(ours, theirs) / theirs.square().mean().clamp(min=1e-12)
            for ours, theirs in zip(self.network((drawn.float() + 1) / 2), expected, strict=True)
        ]
        return torch.stack(distances).mean()


def feature_network(path: Path) -> nn.Module:
    """A network from pictures in [0, 1] to a list of features.

    path: a backbone file (.onnx), or torchvision's VGG16 weights (.pth). Raises ConfigError for
    another file and for a backbone with operators that this module does not know.
    """
    if path.suffix == ".onnx":
        return OnnxFeatures(onnx.load(path), path)
    return VggFeatures(torch_weights.load(path), path)


class VggFeatures(nn.Module):  # type: ignore[misc]
    """Features of VGG16 at relu3_3. state: tensors by torchvision's names. path: for messages."""

    def __init__(self, state: Mapping[str, Any], path: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in VGG16:
            if width:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        chosen = {key: value for key, value in state.items() if key in self.state_dict()}
        try:
            self.load_state_dict(chosen)
        except RuntimeError as exc:
            raise ConfigError(f"{path} does not contain the weights of VGG16") from exc
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [self.features((pictures - self.mean) / self.deviation)]


class OnnxFeatures(nn.Module):  # type: ignore[misc]
    """Runs the graph of a convolutional backbone, node after node."""

    def __init__(self, model: onnx.ModelProto, path: Path) -> None:
        super().__init__()
        graph = model.graph
        for node in graph.node:
            if node.op_type not in OPERATORS:
                raise ConfigError(
                    f"the perceptual loss cannot use backbone {path}: it has the operator "
                    f"{node.op_type}; use a convolutional one or VGG16 weights"
                )
        self.input, self.outputs = graph.input[0].name, [value.name for value in graph.output]
        self.nodes = [(node.op_type, node, _attributes(node)) for node in graph.node]
        for value in graph.initializer:
            tensor = torch.from_numpy(numpy_helper.to_array(value).copy())
            self.register_buffer(_key(value.name), tensor, persistent=False)
        self.constants = [value.name for value in graph.initializer]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        values: dict[str, Tensor | None] = {"": None, self.input: pictures}
        values |= {name: getattr(self, _key(name)) for name in self.constants}
        for operator, node, attributes in self.nodes:
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = OPERATORS[operator](inputs, attributes)
        return [tensor for name in self.outputs if (tensor := values[name]) is not None]


def _key(name: str) -> str:
    return "constant_" + name.replace(".", "_")


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def _convolve(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    values, kernel, bias = (*inputs, None)[:3]
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    padded = functional.pad(values, (left, right, top, bottom))
    return functional.conv2d(
        padded,
        kernel,
        bias,
        stride=tuple(attributes.get("strides", (1, 1))),
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


def _pool(inputs: list[Any], attributes: dict[str, Any]) -> Tensor:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    padded = functional.pad(inputs[0], (left, right, top, bottom), value=float("-inf"))
    return functional.max_pool2d(
        padded, tuple(attributes["kernel_shape"]), tuple(attributes.get("strides", (1, 1)))
    )


OPERATORS: Final[Mapping[str, Callable[[list[Any], dict[str, Any]], Tensor]]] = {
    "Conv": _convolve,
    "MaxPool": _pool,
    "Relu": lambda inputs, _: functional.relu(inputs[0]),
    "Clip": lambda inputs, _: torch.clamp(inputs[0], *inputs[1:]),
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Identity": lambda inputs, _: inputs[0],
}
