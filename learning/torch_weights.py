"""Reads files of torch weights; the only place that turns torch's errors into ours."""

import hashlib
import importlib
import re
from pathlib import Path
from typing import Any

from inspector.core.errors import ConfigError, EngineError
from learning.backbones.feature_graph import Weights
from learning.torch_errors import DAMAGED


def library(name: str) -> Any:
    """The module of that name. Raises EngineError, saying what to install, where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise EngineError(
            f"reading torch weights needs {exc.name}: pip install '.[backbones]'"
        ) from exc


def load(path: Path) -> dict[str, Any]:
    """Tensors by name, on the CPU. Never runs code from the file. Raises ConfigError."""
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    loaded = read(path)
    torch = library("torch")
    if not isinstance(loaded, dict) or not all(torch.is_tensor(v) for v in loaded.values()):
        raise ConfigError(f"{path} must hold a state dict: tensors by name, and nothing else")
    return loaded


def read(path: Path, *, mapped: bool = False) -> Any:
    """What torch.save wrote: tensors on the CPU and plain containers. mapped: tensors stay in the
    file until they are used. Never runs code from the file. Raises ConfigError."""
    torch = library("torch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as exc:
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror}") from exc
    except DAMAGED as exc:
        raise ConfigError(f"{path} is not a file of torch weights: {_reason(exc)}") from exc


def _reason(exc: BaseException) -> str:
    """One line; torch's own first lines advise to run the file's code, or to save it anew."""
    text = str(exc).strip()
    if found := re.search(r"GLOBAL (\S+)", text):
        return f"it holds {found[1]}, and making that would run code; save its state dict instead"
    if "mmap can only be used" in text:
        return "it is not the zip archive that torch.save has written since 1.6"
    if not isinstance(exc, RuntimeError) or not text:
        return "it is damaged or was not written by torch.save"
    return text.partition("\n")[0].partition(". ")[0]


def _load_safetensors(path: Path) -> dict[str, Any]:
    safetensors = library("safetensors")
    try:
        tensors: dict[str, Any] = library("safetensors.torch").load_file(path)
    except OSError as exc:
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror or exc}") from exc
    except safetensors.SafetensorError as exc:
        raise ConfigError(f"{path} is not a whole safetensors file: {exc}") from exc
    return tensors


def download_timm(timm_id: str) -> Path:
    """The weights of that name on timm's hub, in the hub's own cache. Raises EngineError."""
    hub = library("huggingface_hub")
    repository = library("timm").get_pretrained_cfg(timm_id).hf_hub_id
    try:
        return Path(hub.hf_hub_download(repository, "model.safetensors"))
    except OSError as exc:
        raise EngineError(
            f"the weights {repository} cannot be downloaded ({type(exc).__name__}); fetch their "
            f"model.safetensors by other means and give it with --weights"
        ) from exc


def is_plain(tensor: Any) -> bool:
    """Real numbers, each of them stored: a tensor may also be sparse, quantised, without values,
    or one value that stands for as many as a file likes."""
    stored = tensor.layout == library("torch").strided and tensor.device.type == "cpu"
    if not stored or tensor.is_quantized or tensor.is_complex():
        return False
    return bool(tensor.untyped_storage().nbytes() >= tensor.nbytes)


def as_weights(tensors: dict[str, Any], where: str) -> Weights:
    """Torch tensors of any number format as float32 arrays. Raises ConfigError."""
    for name, tensor in tensors.items():
        if not is_plain(tensor):
            raise ConfigError(f"{where}: {name} is not a plain tensor of real numbers")
    arrays = {name: tensor.detach().float().numpy() for name, tensor in tensors.items()}
    return Weights(arrays, where)


def file_sha256(path: Path) -> str:
    """Raises ConfigError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror}") from exc
