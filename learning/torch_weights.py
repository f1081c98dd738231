"""Reads files of torch weights, and turns the errors of torch into errors of this program. It
imports torch only when it reads a file."""

import errno
import hashlib
import importlib
import os
import pickle
import re
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError, EngineError, SinkError
from learning.backbones.feature_graph import Weights

DAMAGED: Final = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)
"""What torch.load raises for a damaged file, because its unpickler checks few of the values in it.
Found with `weights_only` and 10,000 files with flipped bytes. An OSError is different: the file
cannot be read."""


def library(name: str) -> Any:
    """Imports a module. Raises EngineError, with what to install, if it is missing."""
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
    """Reads what torch.save wrote: tensors on the CPU and plain containers. mapped: tensors stay in
    the file until they are used. Never runs code from the file. Raises ConfigError."""
    torch = library("torch")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as exc:
        if exc.errno == errno.EINVAL:  # torch looked for a part that is beyond the end
            raise ConfigError(f"{path} is not a file of torch weights: it is cut short") from exc
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror}") from exc
    except DAMAGED as exc:
        raise ConfigError(f"{path} is not a file of torch weights: {_reason(exc)}") from exc


def save(path: Path, content: Any) -> None:
    """Writes the whole file or nothing, even if the process is killed. Raises SinkError."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            library("torch").save(content, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as exc:
        raise SinkError(f"checkpoint {path} cannot be written: {exc.strerror or exc}") from exc


def check_device(device: str) -> None:
    """Raises EngineError if torch cannot compute on the device, such as cpu or cuda."""
    try:
        library("torch").zeros(1, device=device)
    except (RuntimeError, AssertionError) as exc:
        reason = str(exc).partition("\n")[0]
        raise EngineError(f"torch cannot use device {device!r}: {reason}") from exc


def _reason(exc: BaseException) -> str:
    """One line. The first lines of torch advise to run the file's code, or to save it again."""
    text = str(exc).strip()
    if match := re.search(r"GLOBAL (\S+)", text):
        return f"it holds {match[1]}, which would run code; save its state dict instead"
    if "TorchScript" in text:
        return "it is a TorchScript archive, which holds code"
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
    repository = library("timm").get_pretrained_cfg(timm_id).hf_hub_id
    return download_from_hub(repository, "model.safetensors")


def download_from_hub(repository: str, file: str) -> Path:
    """A file of a repository on the Hugging Face hub (or on the server that the environment
    variable HF_ENDPOINT names), in the hub's own cache. Raises EngineError."""
    hub = library("huggingface_hub")
    try:
        return Path(hub.hf_hub_download(repository, file))
    except OSError as exc:
        raise EngineError(
            f"{file} of {repository} cannot be downloaded ({type(exc).__name__}); fetch that file "
            "by other means and give its path"
        ) from exc


def is_plain(tensor: Any) -> bool:
    """Whether a tensor holds real numbers and stores each of them. A tensor may also be sparse,
    quantised, without values, or one value that is repeated as often as the file says."""
    stored = tensor.layout == library("torch").strided and tensor.device.type == "cpu"
    if not stored or tensor.is_quantized or tensor.is_complex():
        return False
    return bool(tensor.untyped_storage().nbytes() >= tensor.nbytes)


def as_weights(tensors: dict[str, Any], where: str) -> Weights:
    """See as_arrays."""
    return Weights(as_arrays(tensors, where), where)


def as_arrays(tensors: dict[str, Any], where: str) -> dict[str, npt.NDArray[np.float32]]:
    """Torch tensors of any number format as float32 arrays. Raises ConfigError."""
    for name, tensor in tensors.items():
        if not is_plain(tensor):
            raise ConfigError(f"{where}: {name} is not a plain tensor of real numbers")
    return {name: tensor.detach().float().numpy() for name, tensor in tensors.items()}


def file_sha256(path: Path) -> str:
    """Raises ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ConfigError(f"weights {path} cannot be read: {exc.strerror}") from exc
