"""Checkpoints as the authors' programs of GLASS and RAD write them, and literal forms of what these
programs compute from them."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional

from learning.backbones.feature_graph import FeatureGraph
from learning.backbones.zoo import BackboneInfo, Feature

SIDE, PATCH = 64, 16
CELLS = SIDE // PATCH
BLOCKS = (3, 6)
CHANNELS = {"block3": 6, "block6": 8}
WIDTH = 5


def good(seed: int) -> np.ndarray:
    """(96, 128, 3) uint8 BGR."""
    random = np.random.default_rng(seed)
    picture = random.normal(160, 4, (96, 128, 3)).clip(0, 255).astype(np.uint8)
    cv2.circle(picture, (64 + seed % 3, 48), 30, (140, 110, 90), 4)
    return picture


def folder_of_good(place: Path, count: int = 9) -> Path:
    place.mkdir(exist_ok=True)
    for seed in range(count):
        cv2.imwrite(str(place / f"{seed}.png"), good(seed))
    return place


class Networks(nn.Module):
    """The module of the published program without its backbone."""

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.discriminator, self.pre_projection = nn.Module(), nn.Module()
        body, layers = nn.Sequential(), nn.Sequential()
        block = nn.Sequential(nn.Linear(dims, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.2))
        body.add_module("block1", block)
        layers.add_module("0fc", nn.Linear(dims, dims))
        tail = nn.Sequential(nn.Linear(hidden, 1, bias=False), nn.Sigmoid())
        self.discriminator.body, self.discriminator.tail = body, tail
        self.pre_projection.layers = layers
        norm = block[1]
        for tensor in (norm.weight.data, norm.running_var):
            tensor.uniform_(0.5, 2)
        for tensor in (norm.bias.data, norm.running_mean):
            tensor.normal_(0, 0.3)
        self.eval()

    def published(self) -> dict:
        networks = ("discriminator", "pre_projection")
        return {name: getattr(self, name).state_dict() for name in networks}

    def patch_scores(self, features: list[np.ndarray], dims: int) -> np.ndarray:
        """Layers (n, C, h, w) -> (n, h, w) at the first one's grid."""
        count, _, height, width = features[0].shape
        with torch.no_grad():
            rows = embedded([torch.from_numpy(layer) for layer in features], dims)
            rows = self.pre_projection.layers(rows)
            scores = self.discriminator.tail(self.discriminator.body(rows))
        return scores.reshape(count, height, width).numpy()


def embedded(layers: list[torch.Tensor], dims: int) -> torch.Tensor:
    """Unfolded 3x3 neighbours, resized, pooled per layer and over the layers."""
    grid = layers[0].shape[2:]
    pooled = []
    for layer in layers:
        count, channels, height, width = layer.shape
        taps = functional.unfold(layer, 3, padding=1).reshape(count, channels * 9, height, width)
        taps = functional.interpolate(taps, size=grid, mode="bilinear", align_corners=False)
        rows = taps.permute(0, 2, 3, 1).reshape(-1, 1, channels * 9)
        pooled.append(functional.adaptive_avg_pool1d(rows, dims)[:, 0])
    stacked = torch.stack(pooled, dim=1).reshape(len(pooled[0]), 1, -1)
    return functional.adaptive_avg_pool1d(stacked, dims)[:, 0]


def enlarged(grids: np.ndarray, side: int) -> np.ndarray:
    """(n, h, w) -> (n, side, side), bilinear."""
    values = torch.from_numpy(np.asarray(grids, np.float64))[:, None]
    return functional.interpolate(
        values, size=(side, side), mode="bilinear", align_corners=False
    ).numpy()[:, 0]


def smoothed(maps: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack(
        [gaussian_filter(anomaly_map, sigma, mode="reflect", truncate=4) for anomaly_map in maps]
    )


def resnet18() -> dict:
    """A state dict with the names and shapes of torchvision."""
    torch.manual_seed(2)
    tensors = {}

    def conv(name: str, norm: str, *shape: int) -> None:
        tensors[f"{name}.weight"] = torch.randn(shape) / (shape[1] * shape[2] ** 2) ** 0.5
        for key in ("weight", "running_var"):
            tensors[f"{norm}.{key}"] = torch.ones(shape[0])
        for key in ("bias", "running_mean"):
            tensors[f"{norm}.{key}"] = torch.zeros(shape[0])

    conv("conv1", "bn1", 64, 3, 7, 7)
    before = 64
    for layer, channels in enumerate((64, 128, 256), start=1):
        for block in range(2):
            name = f"layer{layer}.{block}"
            conv(f"{name}.conv1", f"{name}.bn1", channels, before, 3, 3)
            conv(f"{name}.conv2", f"{name}.bn2", channels, channels, 3, 3)
            if before != channels:
                conv(f"{name}.downsample.0", f"{name}.downsample.1", channels, before, 1, 1)
            before = channels
    return tensors


def encoder(path: Path) -> Path:
    """A backbone file of patch convolutions, with a descriptor of the whole picture."""
    random = np.random.default_rng(7)
    graph = FeatureGraph()

    def patches(channels: int) -> str:
        kernel = random.normal(size=(channels, 3, PATCH, PATCH)) / PATCH
        bias = random.normal(size=channels)
        return graph.conv("image", kernel, bias, stride=PATCH, pads=(0, 0))

    tensors = {name: patches(channels) for name, channels in CHANNELS.items()}
    mean = graph.node("ReduceMean", patches(WIDTH), axes=[2, 3], keepdims=0)
    grids = (Feature(name, channels, PATCH) for name, channels in CHANNELS.items())
    info = BackboneInfo(
        name="patches",
        outputs=(*grids, Feature("cls", WIDTH, None)),
        size_multiple=PATCH,
        input_hw=None,
        licence="none",
        origin="random",
        weights_sha256="",
    )
    onnx.save(graph.model(info, {**tensors, "cls": mean}), path)
    return path


def bank_of(features: dict[str, np.ndarray]) -> dict:
    """What the published program saves of raw features: (N, C, h, w) per block and cls (N, D)."""
    flat = {
        name: grid.reshape(*grid.shape[:2], -1) for name, grid in features.items() if grid.ndim > 2
    }
    return {
        "layers": list(BLOCKS),
        "cls_banks": [torch.from_numpy(features["cls"] * (1 + i)) for i in range(len(BLOCKS))],
        "patch_banks": [
            torch.from_numpy(np.ascontiguousarray(grid.transpose(0, 2, 1)))
            for grid in flat.values()
        ],
    }


def rad_grids(
    bank: dict, features: dict[str, np.ndarray], *, top_k: int, radius: int
) -> np.ndarray:
    """(n, h, w): mean over the layers of 1 - the largest cosine in the window, position by
    position, among the top_k pictures whose class token is the most similar."""
    grids = [grid for grid in features.values() if grid.ndim == 4]
    count, _, height, width = grids[0].shape
    scores = np.zeros((len(grids), count, height, width))
    classes = _units(bank["cls_banks"][-1].double().numpy())
    for index in range(count):
        similar = classes @ _units(features["cls"][index].astype(float))
        chosen = np.argsort(-similar, kind="stable")[:top_k]
        for layer, grid in enumerate(grids):
            vectors = _units(bank["patch_banks"][layer].double().numpy())[chosen]
            for y in range(height):
                for x in range(width):
                    query = _units(grid[index, :, y, x].astype(float))
                    best = -1.0
                    for v in range(max(0, y - radius), min(height, y + radius + 1)):
                        for u in range(max(0, x - radius), min(width, x + radius + 1)):
                            best = max(best, float((vectors[:, v * width + u] @ query).max()))
                    scores[layer, index, y, x] = 1 - best
    return scores.mean(axis=0)


def rad_maps(grids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The published drawing: 256x256, a 5x5 Gaussian of sigma 1 with zeros beyond the border, and
    the mean of the 655 largest values."""
    at = torch.arange(-2.0, 3.0, dtype=torch.float64)
    line = torch.exp(-(at**2) / 2)
    kernel = torch.outer(line, line) / line.sum() ** 2
    maps = torch.from_numpy(enlarged(grids, 256))[:, None]
    maps = functional.conv2d(maps, kernel[None, None], padding=2)[:, 0]
    scores = maps.flatten(1).topk(655, dim=1).values.mean(dim=1)
    return maps.numpy(), scores.numpy()


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def refused(code: int, capsys, message: str) -> None:
    """Whether a command refused its input, in one sentence with the message."""
    assert code == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line
