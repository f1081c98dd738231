"""Reads files of torch weights; the only place that turns torch's errors into ours."""

import hashlib
import importlib
import pickle
from pathlib import Path
from typing import Any

from engines.export.feature_graph import Weights
from inspector.core.errors import ConfigError, EngineError


def library(name: str) -> Any:
    """The module of that name. Raises EngineError, saying what to install, where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise EngineError(
            f"exporting this backbone needs {exc.name}: pip install '.[backbones]'"
        ) from exc


def load(path: Path) -> dict[str, Any]:
    """Tensors by name, on the CPU. Never runs code from the file. Raises ConfigError."""
    torch = library("torch")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as exc:
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror}") from exc
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ConfigError(f"{path} is not a file of torch weights: {reason}") from exc
    if not isinstance(loaded, dict) or not all(torch.is_tensor(v) for v in loaded.values()):
        raise ConfigError(f"{path} must hold a state dict: tensors by name, and nothing else")
    return loaded


def as_weights(tensors: dict[str, Any], where: str) -> Weights:
    """Torch tensors as arrays."""
    return Weights({name: tensor.detach().numpy() for name, tensor in tensors.items()}, where)


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
