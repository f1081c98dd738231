"""The trained network in folded form, and in numpy: what the engine computes, without torch.

A convolution and its batch norm are one affine map, so they are one convolution here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError

NORM_EPSILON: Final = 1e-5

DEPTH: Final = 3
"""Halvings of the picture between the input and the bottleneck."""

MULTIPLE: Final = 2**DEPTH
"""Sides of the input are multiples of it."""

Array = npt.NDArray[np.float32]
State = Mapping[str, npt.NDArray[np.floating]]
"""Tensors of the network by name, as training.networks names them."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """kernel: (outputs, inputs, k, k). bias: (outputs,)."""

    kernel: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class Decoding:
    """One step of the decoder. up: (inputs, outputs, 2, 2), a transposed convolution of stride 2.
    skip: whether the output of the encoder of the same size is added as channels."""

    up: Convolution
    block: tuple[Convolution, Convolution]
    skip: bool


@dataclass(frozen=True, slots=True)
class Network:
    """encoder: two convolutions per size, from the largest; the last is the bottleneck. decoder:
    from the smallest size. head: 1x1, to three channels before the hyperbolic tangent."""

    encoder: tuple[tuple[Convolution, Convolution], ...]
    decoder: tuple[Decoding, ...]
    head: Convolution

    @property
    def nbytes(self) -> int:
        blocks = [c for block in self.encoder for c in block]
        blocks += [c for step in self.decoder for c in (step.up, *step.block)]
        return sum(c.kernel.nbytes + c.bias.nbytes for c in (*blocks, self.head))

    def reconstruct(self, pictures: Array) -> Array:
        """(n, 3, H, W) in [-1, 1] -> the same shape."""
        sizes: list[Array] = []
        values = pictures
        for index, block in enumerate(self.encoder):
            if index:
                values = _halve(values)
            values = _block(values, block)
            sizes.append(values)
        sizes.pop()
        for step in self.decoder:
            values, skip = _double(values, step.up), sizes.pop()
            if step.skip:
                values = np.concatenate([skip, values], axis=1)
            values = _block(values, step.block)
        return np.tanh(_convolve(values, self.head))


def fold(state: State, skips: Sequence[bool]) -> Network:
    """Folded in float64. skips: per step of the decoder, from the smallest size. Raises ConfigError
    if a tensor is missing."""
    try:
        encoder = tuple(_fold_block(state, f"encoder.{index}") for index in range(DEPTH + 1))
        decoder = tuple(
            Decoding(
                _plain(state, f"ups.{index}"), _fold_block(state, f"decoder.{index}"), bool(skip)
            )
            for index, skip in enumerate(skips)
        )
        return Network(encoder, decoder, _plain(state, "head"))
    except KeyError as exc:
        raise ConfigError(f"the checkpoint has no tensor {exc.args[0]}") from exc


def _fold_block(state: State, name: str) -> tuple[Convolution, Convolution]:
    return _fold(state, name, 0), _fold(state, name, 3)


def _fold(state: State, block: str, place: int) -> Convolution:
    """The convolution at this place of the block and the batch norm behind it, if there is one."""
    convolution = _plain(state, f"{block}.{place}")
    norm = f"{block}.{place + 1}"
    if f"{norm}.weight" not in state:
        return convolution
    gamma, beta, mean, variance = (
        np.asarray(state[f"{norm}.{key}"], np.float64)
        for key in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gamma / np.sqrt(variance + NORM_EPSILON)
    kernel = state[f"{block}.{place}.weight"].astype(np.float64) * gain[:, None, None, None]
    bias = (state[f"{block}.{place}.bias"].astype(np.float64) - mean) * gain + beta
    return Convolution(kernel.astype(np.float32), bias.astype(np.float32))


def _plain(state: State, name: str) -> Convolution:
    return Convolution(
        np.ascontiguousarray(state[f"{name}.weight"], np.float32),
        np.ascontiguousarray(state[f"{name}.bias"], np.float32),
    )


def _block(values: Array, block: tuple[Convolution, Convolution]) -> Array:
    for convolution in block:
        values = np.maximum(_convolve(values, convolution), 0)
    return values


def _convolve(values: Array, convolution: Convolution) -> Array:
    """Zeros beyond the border; the size stays."""
    kernel = convolution.kernel
    outputs, inputs, side, _ = kernel.shape
    count, _, height, width = values.shape
    border = side // 2
    # In a flat picture with a border, a shift is a slice, which BLAS reads without a copy.
    sides = ((0, 0), (0, 0), (border, border + 1), (border, border))
    wide = width + 2 * border
    flat = np.pad(values, sides if border else 0).reshape(count, inputs, -1)
    total = np.empty((count, outputs, height * wide), np.float32)
    total[:] = convolution.bias[:, None]
    for y in range(side):
        for x in range(side):
            start = y * wide + x
            weights = np.ascontiguousarray(kernel[:, :, y, x])
            total += weights @ flat[:, :, start : start + height * wide]
    return total.reshape(count, outputs, height, wide)[..., :width]


def _halve(values: Array) -> Array:
    """Largest of each 2x2 pixels."""
    tall = np.maximum(values[:, :, ::2], values[:, :, 1::2])
    return np.maximum(tall[..., ::2], tall[..., 1::2])


def _double(values: Array, up: Convolution) -> Array:
    count, channels, height, width = values.shape
    outputs = up.kernel.shape[1]
    flat = values.reshape(count, channels, height * width)
    mixed = up.kernel.reshape(channels, -1).T @ flat
    mixed = mixed.reshape(count, outputs, 2, 2, height, width).transpose(0, 1, 4, 2, 5, 3)
    grown = mixed.reshape(count, outputs, 2 * height, 2 * width)
    return grown + up.bias[:, None, None]
