"""Where the files of a CLIP are, and what they say about the network."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.files import read_small
from learning import torch_weights
from learning.backbones.clip_names import with_common_names
from learning.backbones.clip_towers import ClipShape
from learning.backbones.feature_graph import Weights
from learning.backbones.transformer import GELU, QUICK_GELU

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)

HUGGING_FACE: Final = ("config.json", ("model.safetensors", "pytorch_model.bin"))
OPEN_CLIP: Final = (
    "open_clip_config.json",
    ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
)
"""Names of the configuration and of the weights in a folder."""

NORMALISATION: Final = "preprocessor_config.json"
"""File of a Hugging Face folder with mean and deviation of the pictures."""

VOCABULARY_REPOSITORY: Final = "openai/clip-vit-base-patch16"
VOCABULARY_FILES: Final = ("vocab.json", "merges.txt")

HEAD: Final = 64
"""Channels per head of attention, unless the configuration says something else."""

NORM_EPS: Final = 1e-5

VISION_KEYS: Final = {"image_size", "layers", "width", "patch_size", "head_width", "mlp_ratio"}
TEXT_KEYS: Final = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
"""Keys of an open_clip configuration that the towers here can follow."""


@dataclass(frozen=True, slots=True)
class ClipEntry:
    """Where to get a named CLIP. repository: on the Hugging Face hub. files: the configuration and
    the weights in it."""

    repository: str
    files: tuple[str, ...]
    licence: str = "MIT"


_OPEN_CLIP_FILES: Final = ("open_clip_config.json", "open_clip_pytorch_model.bin")

CLIPS: Final[dict[str, ClipEntry]] = {
    "openai-vit-b-16": ClipEntry(
        "openai/clip-vit-base-patch16", ("config.json", NORMALISATION, "pytorch_model.bin")
    ),
    "vit-b-16": ClipEntry("laion/CLIP-ViT-B-16-laion2B-s34B-b88K", _OPEN_CLIP_FILES),
    "vit-b-16-plus-240": ClipEntry(
        "timm/vit_base_patch16_plus_clip_240.laion400m_e31", _OPEN_CLIP_FILES
    ),
    "vit-l-14": ClipEntry("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", _OPEN_CLIP_FILES),
}
"""Name -> where to get it."""


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of a CLIP. config: None if the weights have none. vocabulary: folder of it."""

    name: str
    weights: Path
    config: Path | None
    vocabulary: Path
    origin: str
    licence: str = "as the source of the weights states"


def find_clip(source: str) -> ClipFiles:
    """source: a name in CLIPS, which is downloaded, or a folder, or a file of weights. Raises
    ConfigError if there is no CLIP, EngineError if a download fails."""
    if source in CLIPS:
        return _download(source)
    path = Path(source)
    if path.is_file():
        config = next((p for p in _configs(path.parent) if p.is_file()), None)
        return ClipFiles(path.stem, path, config, path.parent, path.name)
    if not path.is_dir():
        raise ConfigError(f"{source} is no folder, no file and no name: {', '.join(CLIPS)}")
    for config_name, weights_names in (HUGGING_FACE, OPEN_CLIP):
        for weights in (path / name for name in weights_names):
            if (path / config_name).is_file() and weights.is_file():
                name = path.resolve().name
                return ClipFiles(name, weights, path / config_name, path, f"{name}, {weights.name}")
    raise ConfigError(
        f"{path} holds no CLIP: it needs config.json with {' or '.join(HUGGING_FACE[1])}, or "
        f"open_clip_config.json with {' or '.join(OPEN_CLIP[1])}"
    )


def _configs(folder: Path) -> list[Path]:
    return [folder / OPEN_CLIP[0], folder / HUGGING_FACE[0]]


def _download(name: str) -> ClipFiles:
    entry = CLIPS[name]
    paths = [torch_weights.download_from_hub(entry.repository, file) for file in entry.files]
    words = [
        torch_weights.download_from_hub(VOCABULARY_REPOSITORY, file) for file in VOCABULARY_FILES
    ]
    return ClipFiles(
        name,
        weights=paths[-1],
        config=paths[0],
        vocabulary=words[0].parent,
        origin=f"Hugging Face {entry.repository}, {paths[-1].name}",
        licence=entry.licence,
    )


def read_weights(path: Path) -> Weights:
    """Weights with common names. Never runs code from the file. Raises ConfigError."""
    if path.suffix == ".safetensors":
        tensors = torch_weights.load(path)
    else:
        tensors = torch_weights.read(path)
        if isinstance(tensors, dict) and isinstance(tensors.get("state_dict"), dict):
            tensors = tensors["state_dict"]
        torch = torch_weights.library("torch")
        if not isinstance(tensors, dict) or not all(map(torch.is_tensor, tensors.values())):
            raise ConfigError(f"{path} must hold a state dict: tensors by name, and nothing else")
    arrays = torch_weights.as_arrays(tensors, str(path))
    return with_common_names(arrays, str(path))


def read_shape(files: ClipFiles, weights: Weights, activation: str | None) -> ClipShape:
    """activation: for weights without a configuration. Raises ConfigError if it is missing there,
    or if the configuration asks for something that the towers cannot do."""
    widths = [weights.shape(name, 2)[1] for name in ("visual.positions", "text.positions")]
    heads = (widths[0] // HEAD, widths[1] // HEAD)
    mean, std, eps = CLIP_MEAN, CLIP_STD, NORM_EPS
    if files.config is None:
        if activation is None:
            raise ConfigError(
                f"{files.weights} has no configuration beside it, and weights do not show their "
                f"activation: give --activation {QUICK_GELU} for weights of OpenAI, {GELU} for "
                "most others"
            )
    else:
        config = _read_json(files.config)
        try:
            if "model_cfg" in config:
                stated, heads = _open_clip(config["model_cfg"], widths)
                normal = config.get("preprocess_cfg", {})
                mean, std = normal.get("mean", mean), normal.get("std", std)
            else:
                stated, heads, eps = _hugging_face(config)
                path = files.config.with_name(NORMALISATION)
                normal = _read_json(path) if path.is_file() else {}
                mean, std = normal.get("image_mean", mean), normal.get("image_std", std)
            mean, std = _three(mean), _three(std)
        except (ValueError, TypeError, LookupError, AttributeError, ZeroDivisionError) as exc:
            reason = f"it lacks {exc}" if isinstance(exc, KeyError) else exc
            raise ConfigError(f"{files.config} does not describe a CLIP: {reason}") from exc
        if activation not in (None, stated):
            raise ConfigError(
                f"{files.config} states the activation {stated}: leave out --activation"
            )
        activation = stated
    for width, count in zip(widths, heads, strict=True):
        if count < 1 or width % count:
            raise ConfigError(f"{files.weights}: {width} channels have no {count} equal heads")
    return ClipShape(*heads, activation, eps, mean, std)


def _open_clip(config: dict[str, Any], widths: list[int]) -> tuple[str, tuple[int, int]]:
    vision, text = config["vision_cfg"], config["text_cfg"]
    for part, keys in ((vision, VISION_KEYS), (text, TEXT_KEYS)):
        if unknown := sorted(set(part) - keys):
            raise ValueError(f"a network with {unknown[0]} cannot be exported")
    head = vision.get("head_width", HEAD)
    if widths[0] % head:
        raise ValueError(f"{widths[0]} channels are no multiple of head_width {head}")
    heads = widths[0] // head, text.get("heads", 8)
    return QUICK_GELU if config.get("quick_gelu") else GELU, heads


def _hugging_face(config: dict[str, Any]) -> tuple[str, tuple[int, int], float]:
    """A missing key has the default of CLIPConfig."""
    parts = [config.get(f"{tower}_config", {}) for tower in ("vision", "text")]
    activations, epsilons = (
        {part.get(key, default) for part in parts}
        for key, default in (("hidden_act", QUICK_GELU), ("layer_norm_eps", NORM_EPS))
    )
    if config.get("model_type") != "clip" or len(activations) > 1 or len(epsilons) > 1:
        raise ValueError("it is no model of type clip with one activation and one epsilon")
    activation, eps = activations.pop(), float(epsilons.pop())
    if activation not in (GELU, QUICK_GELU):
        raise ValueError(f"the activation {activation} cannot be exported")
    heads = [p.get("num_attention_heads", n) for p, n in zip(parts, (12, 8), strict=True)]
    return activation, (heads[0], heads[1]), eps


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(read_small(path))
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{path} is no JSON file: {exc}") from exc
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no JSON object")
    return content
