"""Positions of patches for vision transformers: learned tables and rotary angles."""

import math

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.backbones.feature_graph import Weights

Array = npt.NDArray[np.float64]

ROTARY_BASE = 100.0

CUBIC = -0.75
"""Parameter of the cubic kernel, as in torch (Keys, "Cubic Convolution Interpolation", 1981)."""


def learned_positions(weights: Weights, channels: int, grid: tuple[int, int]) -> Array:
    """(1 + h * w, channels), CLS first; a table of another grid is resampled by timm, bicubic.

    A table with a square number of patches belongs to a square grid, like the pretrained tables.
    Any other table must have exactly this grid.
    """
    stored = weights.array("pos_embed")
    if stored.ndim != 3 or stored.shape[0] != 1 or stored.shape[2] != channels:
        raise ConfigError(
            f"{weights.where}: weight 'pos_embed' has shape {stored.shape}, "
            f"the network needs (1, any, {channels})"
        )
    patches = stored.shape[1] - 1
    side = math.isqrt(patches)
    square = side * side == patches
    if not square and patches != grid[0] * grid[1]:
        raise ConfigError(
            f"{weights.where}: 'pos_embed' holds {patches} patches, neither a square grid nor "
            f"{grid[1]}x{grid[0]} (width x height)"
        )
    if not square or (side, side) == grid:
        return stored[0].astype(np.float64)
    torch, layers = torch_weights.library("torch"), torch_weights.library("timm.layers")
    resampled = layers.resample_abs_pos_embed(
        torch.from_numpy(stored), new_size=list(grid), num_prefix_tokens=1
    )
    return np.asarray(resampled[0].numpy(), dtype=np.float64)


def rotary(weights: Weights, grid: tuple[int, int], prefix: int, head: int) -> tuple[Array, Array]:
    """cos and signed sin, each (prefix + h * w, head); prefix tokens are not changed.

    Patch centres go from -1 to 1 on each axis. The first half of a head has the angles of y, then
    of x, and the second half repeats them. A rotation pairs channel i with i + head / 2, so the
    first half of sin has a minus. Meta's files store the periods (rounded to bfloat16), timm's do
    not.
    """
    quarter = head // 4
    periods = ROTARY_BASE ** (np.arange(quarter) / quarter)
    if "rope_embed.periods" in weights:
        periods = weights.take("rope_embed.periods", (quarter,))
    rows, columns = (np.arange(0.5, side) / side * 2 - 1 for side in grid)
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    angles = (2 * np.pi * centres[:, :, None] / periods).reshape(len(centres), -1)
    cos = np.ones((prefix + len(centres), head))
    sin = np.zeros_like(cos)
    cos[prefix:] = np.concatenate((np.cos(angles), np.cos(angles)), axis=1)
    sin[prefix:] = np.concatenate((-np.sin(angles), np.sin(angles)), axis=1)
    return cos, sin


def cubic_matrix(out: int, cells: int) -> Array:
    """(out, cells): bicubic resampling along one axis. Pixel centres are at halves; beyond the
    border the last value is repeated; it is not smoothed before it shrinks."""
    at = (np.arange(out) + 0.5) * cells / out - 0.5
    low = np.floor(at).astype(int)
    matrix = np.zeros((out, cells))
    for offset in range(-1, 3):
        apart = np.abs(at - low - offset)
        near = ((CUBIC + 2) * apart - (CUBIC + 3)) * apart**2 + 1
        far = ((CUBIC * apart - 5 * CUBIC) * apart + 8 * CUBIC) * apart - 4 * CUBIC
        source = np.clip(low + offset, 0, cells - 1)
        np.add.at(matrix, (np.arange(out), source), np.where(apart <= 1, near, far))
    return matrix
