"""Gives the weights of all CLIP files the same names.

OpenAI and open_clip name the weights alike; Hugging Face names them otherwise, stores the three
matrices of attention separately and the projections transposed. Afterwards the two towers have the
names of learning.backbones.transformer behind "visual." and "text.".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning.backbones.feature_graph import Weights

Arrays = Mapping[str, npt.NDArray[Any]]

OPENAI_MARK: Final = "visual.proj"
HUGGING_FACE_MARK: Final = "visual_projection.weight"
"""Names that show how a file names its weights."""

OPENAI: Final = (
    (r"^visual\.transformer\.resblocks\.", "visual.blocks."),
    (r"^transformer\.resblocks\.", "text.blocks."),
    (r"^visual\.class_embedding$", "visual.cls"),
    (r"^visual\.positional_embedding$", "visual.positions"),
    (r"^visual\.conv1\.weight$", "visual.patch"),
    (r"^token_embedding\.weight$", "text.tokens"),
    (r"^positional_embedding$", "text.positions"),
    (r"^text_projection$", "text.proj"),
    (r"^ln_final\.", "text.norm."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.attn\.in_proj_", ".attn.qkv."),
    (r"\.attn\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)

HUGGING_FACE: Final = (
    (r"^(visual|text)_projection\.weight$", r"\1.proj"),
    (r"^vision_model\.", "visual."),
    (r"^text_model\.", "text."),
    (r"\.encoder\.layers\.", ".blocks."),
    (r"\.embeddings\.class_embedding$", ".cls"),
    (r"\.embeddings\.patch_embedding\.weight$", ".patch"),
    (r"\.embeddings\.position_embedding\.weight$", ".positions"),
    (r"\.embeddings\.token_embedding\.weight$", ".tokens"),
    (r"\.pre_layrnorm\.", ".ln_pre."),
    (r"\.post_layernorm\.", ".ln_post."),
    (r"\.final_layer_norm\.", ".norm."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
)
"""Pattern in a name -> what replaces it, in this order."""


def with_common_names(arrays: Arrays, where: str) -> Weights:
    """Raises ConfigError for weights that are of no CLIP with two transformers."""
    arrays = {name.removeprefix("module."): array for name, array in arrays.items()}
    if HUGGING_FACE_MARK in arrays:
        renamed = _renamed(arrays, HUGGING_FACE)
        for name in ("visual.proj", "text.proj"):
            if name in renamed:
                renamed[name] = renamed[name].T
        return Weights(_join_attention(renamed), where)
    if OPENAI_MARK in arrays:
        return Weights(_renamed(arrays, OPENAI), where)
    raise ConfigError(
        f"{where}: these are no weights of a CLIP whose pictures are read by a transformer: they "
        f"lack {OPENAI_MARK!r} (open_clip, OpenAI) and {HUGGING_FACE_MARK!r} (Hugging Face)"
    )


def _renamed(arrays: Arrays, rules: tuple[tuple[str, str], ...]) -> dict[str, npt.NDArray[Any]]:
    renamed = {}
    for name, array in arrays.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        renamed[name] = array
    return renamed


def _join_attention(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """One array for the queries, keys and values of a block."""
    for name in [name for name in arrays if ".self_attn.q_proj." in name]:
        parts = [name.replace(".q_proj.", f".{part}_proj.") for part in "qkv"]
        if all(part in arrays for part in parts):
            joined = name.replace(".self_attn.q_proj.", ".attn.qkv.")
            arrays[joined] = np.concatenate([arrays.pop(part) for part in parts])
    return arrays
