"""Small CLIPs with random weights: arrays, vocabulary and exported files, made without torch."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from learning.backbones.clip import write_clip
from learning.backbones.clip_files import CLIP_MEAN, CLIP_STD, ClipFiles
from learning.backbones.clip_names import with_common_names
from learning.backbones.clip_tokenizer import (
    BYTE_SIGNS,
    END,
    START,
    WORD_END,
    Vocabulary,
    split_words,
)
from learning.backbones.clip_towers import ClipShape
from learning.backbones.transformer import GELU

CONTEXT = 24
CLIP_NAME = "small-clip"


@dataclass(frozen=True)
class SmallClip:
    """Sides of a CLIP, in channels, blocks, pixels and patches."""

    width: int = 48
    heads: int = 3
    layers: int = 3
    patch: int = 16
    side: int = 4
    embedded: int = 32
    text_width: int = 32
    text_heads: int = 2
    text_layers: int = 2

    def shape(self, activation: str = GELU) -> ClipShape:
        return ClipShape(self.heads, self.text_heads, activation, 1e-5, CLIP_MEAN, CLIP_STD)


SENTENCES = (
    "a photo of a small flawless bottle for visual inspection",
    "a photo of the large damaged bottle for anomaly detection",
    "a blurry photo of the perfect tile without defect, it's dark",
    "a bright close-up photo of a cropped jpeg corrupted cable with flaw",
)


def vocabulary(merges: int = 120) -> Vocabulary:
    """Single bytes, and merges of the most frequent neighbours in SENTENCES."""
    words = [
        [*(BYTE_SIGNS[b] for b in word.encode()[:-1]), BYTE_SIGNS[word.encode()[-1]] + WORD_END]
        for sentence in SENTENCES
        for word in split_words(sentence)
    ]
    pairs: list[tuple[str, str]] = []
    while len(pairs) < merges:
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        pairs.append(best)
        for word in words:
            for index in range(len(word) - 2, -1, -1):
                if tuple(word[index : index + 2]) == best:
                    word[index : index + 2] = ["".join(best)]
    signs = list(BYTE_SIGNS.values())
    tokens = [*signs, *(s + WORD_END for s in signs), *map("".join, pairs), START, END]
    return Vocabulary({token: number for number, token in enumerate(tokens)}, pairs)


def open_clip_arrays(clip: SmallClip, words: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights with the names of open_clip. They are so large that each changes the
    result."""
    random = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int, scale: float = 1.0, mean: float = 0.0) -> None:
        arrays[name] = np.asarray(mean + scale * random.normal(size=shape), np.float32)

    def norm(name: str, width: int) -> None:
        add(f"{name}.weight", width, scale=0.3, mean=1.0)
        add(f"{name}.bias", width, scale=0.3)

    def linear(weight: str, bias: str, out: int, inner: int) -> None:
        add(weight, out, inner, scale=inner**-0.5)
        add(bias, out, scale=0.3)

    def tower(prefix: str, width: int, layers: int) -> None:
        for index in range(layers):
            block = f"{prefix}transformer.resblocks.{index}"
            norm(f"{block}.ln_1", width)
            norm(f"{block}.ln_2", width)
            names = f"{block}.attn.in_proj_weight", f"{block}.attn.in_proj_bias"
            linear(*names, 3 * width, width)
            for name, out, inner in (
                ("attn.out_proj", width, width),
                ("mlp.c_fc", 4 * width, width),
                ("mlp.c_proj", width, 4 * width),
            ):
                linear(f"{block}.{name}.weight", f"{block}.{name}.bias", out, inner)

    width = clip.width
    add("visual.class_embedding", width)
    add("visual.positional_embedding", 1 + clip.side**2, width)
    add("visual.conv1.weight", width, 3, clip.patch, clip.patch, scale=(3 * clip.patch**2) ** -0.5)
    norm("visual.ln_pre", width)
    tower("visual.", width, clip.layers)
    norm("visual.ln_post", width)
    add("visual.proj", width, clip.embedded, scale=width**-0.5)
    add("token_embedding.weight", words, clip.text_width)
    add("positional_embedding", CONTEXT, clip.text_width, scale=0.3)
    tower("", clip.text_width, clip.text_layers)
    norm("ln_final", clip.text_width)
    add("text_projection", clip.text_width, clip.embedded, scale=clip.text_width**-0.5)
    add("logit_scale")
    return arrays


def write_small_clip(
    out: Path, input_hw: tuple[int, int] | None = None, clip: SmallClip | None = None
) -> Path:
    """The backbone's file, with the text tower beside it. input_hw: None is the trained size; for
    another one the weights get positions of that size."""
    clip = clip or SmallClip()
    words = vocabulary()
    arrays = open_clip_arrays(clip, len(words.words))
    files = ClipFiles(CLIP_NAME, out, None, out.parent, "random", "CC0-1.0")
    weights = with_common_names(arrays, "small clip")
    write_clip(out, weights, clip.shape(), words, files, "0" * 64, input_hw, None)
    return out


def tokenizer_json(words: Vocabulary) -> str:
    """The part of a tokenizer.json that is read."""
    merges = [list(merge) for merge in words.merges]
    return json.dumps({"model": {"type": "BPE", "vocab": words.words, "merges": merges}})


def open_clip_config(clip: SmallClip, **changes: Any) -> str:
    """An open_clip_config.json. changes: keys of its model_cfg."""
    vision = {
        "image_size": clip.side * clip.patch,
        "layers": clip.layers,
        "width": clip.width,
        "patch_size": clip.patch,
        "head_width": clip.width // clip.heads,
    }
    text = {"width": clip.text_width, "heads": clip.text_heads, "layers": clip.text_layers}
    model = {"embed_dim": clip.embedded, "vision_cfg": vision, "text_cfg": text}
    normal = {"mean": CLIP_MEAN, "std": CLIP_STD}
    return json.dumps({"model_cfg": model | changes, "preprocess_cfg": normal})


def hugging_face_config(clip: SmallClip) -> str:
    """A config.json with the keys that differ from the defaults of CLIPConfig."""
    vision = {"num_attention_heads": clip.heads, "hidden_act": GELU}
    text = {"num_attention_heads": clip.text_heads, "hidden_act": GELU}
    return json.dumps({"model_type": "clip", "vision_config": vision, "text_config": text})
