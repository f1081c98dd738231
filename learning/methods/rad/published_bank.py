"""Reads banks of RAD (ICML 2026) in the form that its authors' program writes them.

A file holds raw features of every picture of every class, in the order of the classes. It holds
neither the encoder, nor the names of the pictures, nor how they are resized.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError, DataError
from learning import torch_weights
from learning.backbones.zoo import BackboneInfo
from learning.graph.assemble import MAX_FILE_BYTES
from learning.methods.base import MAX_MODEL_BYTES
from learning.methods.rad.method import DESCRIPTOR, Rad, RadModel

KEYS: Final = ("layers", "cls_banks", "patch_banks")

MAX_LAYER_BYTES: Final = 2_000_000_000
"""Limit for the features of one layer, which are in memory while its bank is made."""

BATCH: Final = 32

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RadBank:
    """blocks: of the encoder, from 0, rising. cls: (N, D) of the last of them. patches: per block
    a torch tensor (N, side * side, C), row by row, which stays in the file until it is used."""

    path: Path
    blocks: tuple[int, ...]
    cls: Array
    patches: tuple[Any, ...]
    side: int

    @property
    def pictures(self) -> int:
        return len(self.cls)

    def input_hw(self, stride: int) -> tuple[int, int]:
        """Of an encoder with that many input pixels per patch."""
        return self.side * stride, self.side * stride

    def layers(self, method: Rad, info: BackboneInfo) -> tuple[str, ...]:
        """The backbone's outputs, one per block: `layers` of the method, or block<number>. Raises
        ConfigError for a backbone that the bank was not made with."""
        names = method.layers or tuple(f"block{block}" for block in self.blocks)
        if len(set(names)) != len(self.blocks) or len(names) != len(self.blocks):
            raise ConfigError(
                f"{self.path} has blocks {self._list_blocks()}: name as many different layers, not "
                f"{', '.join(names)}"
            )
        for name, patches in zip(names, self.patches, strict=True):
            output = info.output(name)
            if output.stride is None or output.channels != patches.shape[2]:
                raise ConfigError(
                    f"{name} of backbone {info.name} has {output.channels} channels, the bank "
                    f"{self.path} {patches.shape[2]} per position: it is of another encoder"
                )
        if method.top_k is not None:
            self._check_whole(names, info)
        return names

    def stride(self, method: Rad, info: BackboneInfo) -> int:
        """Input pixels per position. Raises ConfigError if layers differ in it."""
        strides = {info.output(name).stride or 0 for name in self.layers(method, info)}
        if len(strides) > 1:
            raise ConfigError(f"layers of {self.path} must have one grid, not strides {strides}")
        return strides.pop()

    def model(self, method: Rad, info: BackboneInfo, *, which: range, room: int) -> RadModel:
        """The model of the pictures `which`. room: bytes that the engine file has for it. Raises
        DataError if it needs more, ConfigError for pictures that the bank does not have."""
        names = self.layers(method, info)
        if not len(which) or which[-1] >= self.pictures:
            raise ConfigError(
                f"{self.path} has the pictures 0 to {self.pictures - 1}, not "
                f"{which.start}:{which.stop}"
            )
        self._refuse_if_too_large(method, len(which), room)
        banks = []
        for name, patches in zip(names, self.patches, strict=True):
            banks.append(method.fit(self._embed(method, name, patches, which), seed=0))
        return RadModel(
            banks={name: part.banks[name] for name, part in zip(names, banks, strict=True)},
            grids=dict.fromkeys(names, (self.side, self.side)),
            pictures=len(which),
            covering={name: part.covering[name] for name, part in zip(names, banks, strict=True)},
            descriptors=banks[-1].descriptors,
        )

    def _embed(
        self, method: Rad, name: str, patches: Any, which: range
    ) -> dict[str, npt.NDArray[np.float32]]:
        """One layer as the method keeps it, batch by batch."""
        shape = len(which), patches.shape[2], self.side, self.side
        embeddings = {name: np.empty(shape, np.float32)}
        if method.top_k is not None:
            embeddings[DESCRIPTOR] = np.empty((len(which), self.cls.shape[1]), np.float32)
        for start in range(0, len(which), BATCH):
            part = which[start : start + BATCH]
            raw = patches[part.start : part.stop].float().numpy()
            if not np.isfinite(raw).all():
                raise ConfigError(
                    f"{self.path} holds values that are not finite, in pictures {part.start} to "
                    f"{part.stop - 1}"
                )
            grid = raw.transpose(0, 2, 1).reshape(len(part), *shape[1:])
            features = {name: grid, "cls": self.cls[part.start : part.stop]}
            for key, values in method.embed(features).items():
                if key in embeddings:
                    embeddings[key][start : start + len(part)] = values
        return embeddings

    def _refuse_if_too_large(self, method: Rad, count: int, room: int) -> None:
        shapes = [(count, patches.shape[2], self.side, self.side) for patches in self.patches]
        advice = (
            "take a part of its pictures (--pictures 0:100; the classes follow each other), "
            "precision float16, or a coreset"
        )
        limit = min(MAX_MODEL_BYTES, room)
        size = method.bank_bytes(shapes)
        if size > limit:
            raise DataError(
                f"{count} pictures of {self.path} would take {size / 1e9:.2f} GB of the engine, "
                f"above the limit of {max(0, limit) / 1e9:.2f}: {advice}"
            )
        memory = max(4 * math.prod(shape) for shape in shapes)
        if memory > MAX_LAYER_BYTES:
            raise DataError(
                f"a layer of {count} pictures of {self.path} takes {memory / 1e9:.1f} GB of "
                f"memory, above the limit of {MAX_LAYER_BYTES / 1e9:.1f}: take a part of its "
                "pictures (--pictures 0:100; the classes follow each other)"
            )

    def _check_whole(self, names: tuple[str, ...], info: BackboneInfo) -> None:
        """Refuses a backbone whose descriptor of the whole picture is not the one in the bank."""
        descriptors = [output for output in info.outputs if output.stride is None]
        grids = [output.name for output in info.outputs if output.stride is not None]
        width = self.cls.shape[1]
        if not descriptors or descriptors[0].channels != width or names[-1] != grids[-1]:
            raise ConfigError(
                f"top_k compares the class token of block {self.blocks[-1]} ({width} values) in "
                f"{self.path}, which backbone {info.name} does not give: take a coreset instead, "
                "or radius all"
            )

    def _list_blocks(self) -> str:
        return ", ".join(map(str, self.blocks))


def read_bank(path: Path) -> RadBank:
    """Never runs code from the file. Raises ConfigError for anything but a whole bank."""
    content = torch_weights.read(path, mapped=True)
    if not isinstance(content, dict) or sorted(map(str, content)) != sorted(KEYS):
        listed = (
            ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        )
        raise ConfigError(f"{path} must hold {', '.join(KEYS)}, as banks of RAD do, not {listed}")
    blocks = content["layers"]
    if not isinstance(blocks, list) or not blocks or not all(type(b) is int for b in blocks):
        raise ConfigError(f"{path}: layers must be numbers of blocks, not {blocks!r}")
    cls, patches = (_tensors(path, content, key, len(blocks)) for key in KEYS[1:])
    pictures, positions = _first_two(path, patches[0])
    for index, (whole, grid) in enumerate(zip(cls, patches, strict=True)):
        if whole.ndim != 2 or grid.ndim != 3 or tuple(grid.shape[:2]) != (pictures, positions):
            raise ConfigError(_shape_error(path, index, whole, grid))
        if len(whole) != pictures or min(*whole.shape, *grid.shape) < 1:
            raise ConfigError(_shape_error(path, index, whole, grid))
    side = math.isqrt(positions)
    if side * side != positions:
        raise ConfigError(f"{path}: {positions} positions of a picture are no square grid")
    last = cls[-1].float().numpy()
    if not np.isfinite(last).all():
        raise ConfigError(f"{path}: cls_banks hold values that are not finite")
    return RadBank(path, tuple(blocks), last, tuple(patches), side)


def room_beside(backbone: Path) -> int:
    """Bytes that an engine of that backbone leaves for a bank."""
    return MAX_FILE_BYTES - backbone.stat().st_size


def _first_two(path: Path, patches: Any) -> tuple[int, int]:
    if patches.ndim != 3:
        raise ConfigError(f"{path}: patch_banks must be (N, positions, channels)")
    return patches.shape[0], patches.shape[1]


def _shape_error(path: Path, index: int, whole: Any, grid: Any) -> str:
    return (
        f"{path}: entry {index} of cls_banks and patch_banks must be (N, channels) and (N, "
        f"positions, channels) with the same N as the first, not {tuple(whole.shape)} and "
        f"{tuple(grid.shape)}"
    )


def _tensors(path: Path, content: Mapping[str, Any], key: str, count: int) -> list[Any]:
    torch, tensors = torch_weights.library("torch"), content[key]
    fits = isinstance(tensors, list) and len(tensors) == count
    if not fits or not all(
        torch.is_tensor(tensor) and tensor.is_floating_point() for tensor in tensors
    ):
        raise ConfigError(f"{path}: {key} must be a list of {count} tensors of numbers")
    if not all(map(torch_weights.is_plain, tensors)):
        raise ConfigError(f"{path}: {key} holds a tensor that is not plain, such as a sparse one")
    return tensors
