"""Exports a CLIP: the visual tower as a backbone file, and the text tower beside it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from learning import torch_weights
from learning.backbones.clip_files import ClipFiles, find_clip, read_shape, read_weights
from learning.backbones.clip_text import TextInfo, describe_text
from learning.backbones.clip_tokenizer import Vocabulary
from learning.backbones.clip_towers import (
    ClipShape,
    build_text,
    build_visual,
    count_blocks,
    visual_outputs,
)
from learning.backbones.clip_vocabulary import read_vocabulary
from learning.backbones.feature_graph import Weights
from learning.backbones.transformer import Array
from learning.backbones.vit_positions import cubic_matrix
from learning.backbones.zoo import BackboneInfo, describe


def text_file_of(backbone: Path) -> Path:
    """The file of the text tower beside a backbone: clip.text.onnx for clip.onnx."""
    return backbone.with_name(f"{backbone.stem}.text.onnx")


def export_clip(
    source: str,
    out: Path,
    *,
    input_hw: tuple[int, int] | None = None,
    blocks: Sequence[int] | None = None,
    activation: str | None = None,
) -> tuple[BackboneInfo, TextInfo]:
    """Writes `out` and text_file_of(out), and returns their metadata.

    source: a name in CLIPS, a folder or a file of weights. input_hw: (height, width) in px; None is
    the size that the network was trained for. blocks: whose patches are outputs, counted from 0;
    None is the last three. activation: gelu or quick_gelu, for weights without a configuration.
    Raises ConfigError for weights, sizes and blocks that do not fit, EngineError for a library
    that is missing or a download that fails.
    """
    files = find_clip(source)
    weights = read_weights(files.weights)
    shape = read_shape(files, weights, activation)
    vocabulary = read_vocabulary(files.vocabulary)
    sha256 = torch_weights.file_sha256(files.weights)
    return write_clip(out, weights, shape, vocabulary, files, sha256, input_hw, blocks)


def write_clip(
    out: Path,
    weights: Weights,
    shape: ClipShape,
    vocabulary: Vocabulary,
    files: ClipFiles,
    weights_sha256: str,
    input_hw: tuple[int, int] | None,
    blocks: Sequence[int] | None,
) -> tuple[BackboneInfo, TextInfo]:
    """See export_clip. weights: with the names of learning.backbones.clip_names."""
    positions, channels = weights.shape("visual.positions", 2)
    patch, side = weights.shape("visual.patch", 4)[3], math.isqrt(positions - 1)
    if input_hw is None:
        input_hw = (side * patch, side * patch)
    if any(length < patch or length % patch for length in input_hw):
        raise ConfigError(f"{files.name} takes multiples of {patch}: give such a --size WxH")
    grid = (input_hw[0] // patch, input_hw[1] // patch)
    chosen = _check_blocks(blocks, count_blocks(weights, "visual"), files.name)
    origin = {
        "name": files.name,
        "licence": files.licence,
        "origin": files.origin,
        "weights_sha256": weights_sha256,
    }
    embedded = weights.shape("visual.proj", 2)[1]
    info = BackboneInfo(
        outputs=visual_outputs(chosen, channels, embedded, patch, grid),
        size_multiple=patch,
        input_hw=input_hw,
        **origin,
    )
    # Both are built before one is written, so that weights that do not fit leave no file.
    text = build_text(weights, shape, files.name, vocabulary.end)
    context = weights.shape("text.positions", 2)[0]
    TextInfo(context=context, channels=embedded, **origin).write_to(text, vocabulary)
    visual = build_visual(weights, info, shape, chosen, _positions(weights, grid), grid)
    write_whole(text_file_of(out), text.SerializeToString(), "text tower ", ConfigError)
    write_whole(out, visual.SerializeToString(), "backbone ", ConfigError)
    return describe(out), describe_text(text_file_of(out))[0]


def _check_blocks(blocks: Sequence[int] | None, count: int, name: str) -> tuple[int, ...]:
    """The blocks in rising order, with the last one, whose class token is an output."""
    if count < 1:
        raise ConfigError(f"{name} has no blocks")
    if blocks is None:
        return tuple(range(max(0, count - 3), count))
    if wrong := [block for block in blocks if not 0 <= block < count]:
        raise ConfigError(f"{name} has the blocks 0 to {count - 1}, not {wrong[0]}")
    return tuple(sorted({*blocks, count - 1}))


def _positions(weights: Weights, grid: tuple[int, int]) -> Array:
    """(1 + h * w, channels), CLS first. For another grid than the trained one they are resampled
    bicubically, as transformers does it."""
    count, channels = weights.shape("visual.positions", 2)
    stored, side = weights.take("visual.positions", (count, channels)), math.isqrt(count - 1)
    if not side or side * side + 1 != count:
        raise ConfigError(f"{weights.where}: {count - 1} positions are no square grid")
    if grid == (side, side):
        return stored
    table = stored[1:].reshape(side, side, channels)
    rows, columns = (cubic_matrix(cells, side) for cells in grid)
    resampled = np.einsum("hi,wj,ijc->hwc", rows, columns, table)
    return np.concatenate((stored[:1], resampled.reshape(-1, channels)))
