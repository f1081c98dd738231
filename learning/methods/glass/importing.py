"""Reads checkpoints of GLASS (ECCV 2024) in the form that its authors publish them in.

A file holds only the discriminator and the projection. It holds neither the backbone nor its
layers, nor how pictures are resized.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.importing import ImportedModel, Importer, ImportRequest
from learning.methods.base import layer_names
from learning.methods.feature_source import BackboneSource, SourceRequest
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.glass.model import NORM_EPSILON, Checkpoint
from learning.options import option

DISCRIMINATOR: Final = "discriminator"
PROJECTION: Final = "pre_projection"

BACKBONE: Final = ("backbone.", "forward_modules.")
"""Beginnings of the other names in a state dict of the whole module."""

SIGMA: Final = 4.0
"""Of the map's smoothing, as published, px."""

COMPARED: Final = 4
"""Normal pictures whose patch vectors show whether the backbone is that of the training."""

SIDE: Final = 288
"""Of the input, as published, px."""

CLOSER: Final = {"toothbrush": 329, "wood": 329}
"""Classes whose pictures are resized to another short side before 288x288 are cropped, px."""

DIFFERS: Final = (
    "pictures are halved and resized bilinearly instead of by an antialiased bilinear filter"
)
"""How the engine differs from the program that wrote the checkpoint. Measured with a trained
engine on 63 pictures of 384x512: image scores change by 0.012 on average and by 0.031 at most,
AUROC 0.967 against 0.966."""

LIKELY: Final = (0.25, 4.0)
"""Bounds of `spread` for the backbone of the training. Measured on Lite0: 0.98, and 20 with patch
vectors that are 21 times as large as in training."""

Tensors = dict[str, Any]
"""Torch tensors by name."""


@dataclass(frozen=True, slots=True)
class GlassCheckpoint:
    """dims: of a patch vector. hidden: of the discriminator."""

    path: Path
    state: Checkpoint
    dims: int
    hidden: int


@dataclass(frozen=True)
class GlassImporter(Importer):
    """layers: see Glass. class_name: of the pictures; CLOSER names those cropped closer."""

    name: ClassVar[str] = "glass"

    layers: tuple[str, ...] | None = field(
        default=None,
        metadata=option(
            "layers of the backbone, separated by commas (default: strides 8 and 16)", layer_names
        ),
    )
    class_name: str = field(
        default="",
        metadata=option(
            "class of the published data set: toothbrush and wood were cropped closer "
            "(default: none)",
            str,
            flag="class",
        ),
    )

    def read(self, request: ImportRequest) -> ImportedModel:
        checkpoint = read_glass(request.file)
        input_hw = request.input_hw or (SIDE, SIDE)
        short = request.resize
        if short is None:
            short = round(min(input_hw) * CLOSER.get(self.class_name, SIDE) / SIDE)
        backbone = request.find_backbone(lambda patch: input_hw)
        normals = request.read_normals(
            input_hw, lambda frame_hw: centre_crop(frame_hw, input_hw, short)
        )
        method = Glass(layers=self.layers)
        with method.open_source(SourceRequest(backbone, input_hw, request.threads)) as source:
            assert isinstance(source, BackboneSource)
            model = trained_glass(checkpoint.state, source, input_hw)
            features = source.extract(normals.pixels[:COMPARED])
        vectors = model.folded.embedding.numpy(list(features.values())).swapaxes(0, 1)
        variation = spread(checkpoint.state, vectors.reshape(checkpoint.dims, -1).T)
        warn_if_unlikely(variation, backbone.name)
        parameters = {"short_side": short, "spread": variation, "differs": DIFFERS}
        return ImportedModel(method, model, backbone, normals, SIGMA, parameters)


def spread(state: Checkpoint, vectors: npt.NDArray[np.float32]) -> float:
    """How much patch vectors (n, dims) vary at the batch norm, as a share of what it expects: about
    1 if pictures and backbone are like those of the training."""
    projection, discriminator = state[PROJECTION], state[DISCRIMINATOR]
    block = "body.block1"
    rows = vectors @ projection["layers.0fc.weight"].T @ discriminator[f"{block}.0.weight"].T
    expected = discriminator[f"{block}.1.running_var"] + NORM_EPSILON
    return float(np.sqrt(np.mean(rows.var(axis=0) / expected)))


def warn_if_unlikely(variation: float, backbone: str) -> None:
    """variation: `spread` of normal pictures."""
    low, high = LIKELY
    if not low < variation < high:
        logger.warning(
            "patch vectors of the good pictures vary {:.3g} times as much as the checkpoint "
            "expects: it was probably trained on another backbone, other weights or other "
            "pictures than {} gives",
            variation,
            backbone,
        )


def centre_crop(
    frame_hw: tuple[int, int], input_hw: tuple[int, int], short_side: int
) -> tuple[float, float, float, float]:
    """The part of a frame, (left, top, right, bottom) as fractions, that is left when its short
    side becomes short_side px and input_hw is cut from the middle. Raises ConfigError if that
    is larger than the frame."""
    scale = short_side / min(frame_hw)
    height, width = (side / (whole * scale) for side, whole in zip(input_hw, frame_hw, strict=True))
    if max(height, width) > 1 + 1e-9:
        raise ConfigError(
            f"frames of {frame_hw[1]}x{frame_hw[0]} resized to a short side of {short_side} are "
            f"smaller than the input of {input_hw[1]}x{input_hw[0]}: give another size or resize"
        )
    left, top = (max(0.0, (1 - share) / 2) for share in (width, height))
    return left, top, 1 - left, 1 - top


def read_glass(path: Path) -> GlassCheckpoint:
    """Never runs code from the file. Raises ConfigError for a file without the two networks, with
    other than one hidden layer, or with values that are not finite."""
    networks = _networks(path, torch_weights.read(path))
    hidden, dims = _sizes(path, networks[DISCRIMINATOR])
    block = "body.block1"
    per_hidden = ("0.bias", *(f"1.{key}" for key in ("weight", "bias", "running_mean")))
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        DISCRIMINATOR: {
            f"{block}.0.weight": (hidden, dims),
            **{f"{block}.{name}": (hidden,) for name in (*per_hidden, "1.running_var")},
            "tail.0.weight": (1, hidden),
        },
        PROJECTION: {"layers.0fc.weight": (dims, dims), "layers.0fc.bias": (dims,)},
    }
    counter = f"{block}.1.num_batches_tracked"
    state = {}
    for network, expected in shapes.items():
        _refuse_others(f"{network} of {path}", networks[network], (*expected, counter))
        weights = torch_weights.as_weights(networks[network], f"{network} of {path}")
        state[network] = {name: weights.take(name, shape) for name, shape in expected.items()}
        for name, values in state[network].items():
            if not np.isfinite(values).all():
                raise ConfigError(f"{network} of {path}: {name} holds values that are not finite")
    if state[DISCRIMINATOR][f"{block}.1.running_var"].min() < 0:
        raise ConfigError(f"{DISCRIMINATOR} of {path}: {block}.1.running_var holds a variance < 0")
    return GlassCheckpoint(path, state, dims, hidden)


def _networks(path: Path, content: Any) -> dict[str, Tensors]:
    """Both networks' tensors, from a file of the two or of the whole module."""
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} must hold {DISCRIMINATOR} and {PROJECTION} by name, not "
            f"{type(content).__name__}"
        )
    if DISCRIMINATOR not in content:
        return _of_whole_module(path, content)
    _refuse_others(str(path), content, (DISCRIMINATOR, PROJECTION))
    for network in (DISCRIMINATOR, PROJECTION):
        if network not in content:
            raise ConfigError(f"{path} lacks {network}, without which GLASS cannot be imported")
        tensors = content[network]
        if not isinstance(tensors, dict) or not all(map(_is_tensor, tensors.values())):
            raise ConfigError(f"{network} of {path} must be a state dict: tensors by name")
    return {network: dict(content[network]) for network in (DISCRIMINATOR, PROJECTION)}


def _of_whole_module(path: Path, content: Mapping[Any, Any]) -> dict[str, Tensors]:
    networks: dict[str, Tensors] = {DISCRIMINATOR: {}, PROJECTION: {}}
    others = 0
    for key, value in content.items():
        network, _, name = str(key).partition(".")
        if network in networks and _is_tensor(value):
            networks[network][name] = value
        elif str(key).startswith(BACKBONE):
            others += 1
        else:
            raise ConfigError(
                f"{path} holds {key!r}, which no checkpoint of GLASS has: it has "
                f"{DISCRIMINATOR} and {PROJECTION}"
            )
    for network, tensors in networks.items():
        if not tensors:
            raise ConfigError(f"{path} holds no {network}, so it is no checkpoint of GLASS")
    if others:
        logger.warning("{} also holds a backbone. It is not used, but that of --backbone", path)
    return networks


def _sizes(path: Path, discriminator: Tensors) -> tuple[int, int]:
    """(hidden, dims)."""
    name = "body.block1.0.weight"
    shape = tuple(discriminator[name].shape) if name in discriminator else ()
    if len(shape) != 2 or min(shape) < 1:
        raise ConfigError(f"{DISCRIMINATOR} of {path} must have a matrix {name}")
    return shape[0], shape[1]


def _refuse_others(where: str, tensors: Mapping[Any, Any], known: Iterable[str]) -> None:
    for key in tensors:
        if key not in known:
            raise ConfigError(
                f"{where} holds {key!r}, which no published checkpoint of GLASS has: other "
                "numbers of layers than one projection and one hidden layer are not imported"
            )


def _is_tensor(value: Any) -> bool:
    return bool(torch_weights.library("torch").is_tensor(value))
