"""Files of a training: what it goes on from, and the best networks, both in the published form."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import torch
from torch import Tensor

from inspector.core.errors import ConfigError, SinkError
from learning.methods.glass.training.validation import Quality
from learning.torch_errors import DAMAGED

LATEST: Final = "ckpt.pth"
BEST: Final = "ckpt_best_{epoch}.pth"

STATE: Final = "training"
"""Key of all that the published form lacks."""

Weights = dict[str, dict[str, Tensor]]
"""The published form: "discriminator" and "pre_projection", each tensors by name."""


@dataclass(frozen=True, slots=True)
class Best:
    """The networks chosen so far. epoch: from 1."""

    epoch: int
    quality: Quality
    weights: Weights


@dataclass(frozen=True, slots=True)
class State:
    """A training after an epoch, from 1. waited: validations without improvement. settings: what
    a training that goes on must share."""

    epoch: int
    waited: int
    best: Best | None
    weights: Weights
    optimisers: dict[str, Any]
    settings: dict[str, Any]


def save_latest(folder: Path, state: State) -> None:
    best = state.best
    training = {
        "epoch": state.epoch,
        "waited": state.waited,
        "optimisers": state.optimisers,
        "settings": state.settings,
        "best": best
        and {
            "epoch": best.epoch,
            "image_auroc": best.quality.image_auroc,
            "pixel_auroc": best.quality.pixel_auroc,
            "weights": best.weights,
        },
    }
    _save(folder / LATEST, {**state.weights, STATE: training})


def load_latest(folder: Path, settings: dict[str, Any]) -> State:
    """Raises ConfigError for a checkpoint that is missing or damaged, and for one of a training
    with other settings, naming the first."""
    path = folder / LATEST
    content = load(path)
    try:
        training = content[STATE]
        held, best = training["settings"], training["best"]
        state = State(
            epoch=training["epoch"],
            waited=training["waited"],
            best=best
            and Best(
                best["epoch"], Quality(best["image_auroc"], best["pixel_auroc"]), best["weights"]
            ),
            weights={name: content[name] for name in ("discriminator", "pre_projection")},
            optimisers=training["optimisers"],
            settings=held,
        )
    except (KeyError, TypeError) as exc:
        raise ConfigError(f"{path} holds networks but no training to go on with: {exc}") from exc
    for key, value in settings.items():
        if held.get(key) != value:
            raise ConfigError(
                f"{path} is of a training with another {key}: {held.get(key)!r}, not {value!r}"
            )
    return state


def save_best(folder: Path, best: Best, scale: float) -> None:
    """The only one of its kind in the folder.

    scale: what patch vectors were multiplied by. The published form knows none, so it goes into
    the projection, whose first act is a product.
    """
    path = folder / BEST.format(epoch=best.epoch)
    projection = dict(best.weights["pre_projection"])
    projection["layers.0fc.weight"] = projection["layers.0fc.weight"] * scale
    _save(path, {**best.weights, "pre_projection": projection})
    for other in folder.glob(BEST.format(epoch="*")):
        if other != path:
            other.unlink()


def load_best(folder: Path, epoch: int) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """The networks that save_best wrote, as numpy arrays. Raises ConfigError."""
    return {
        network: {key: value.numpy() for key, value in tensors.items()}
        for network, tensors in load(folder / BEST.format(epoch=epoch)).items()
    }


def _save(path: Path, content: dict[str, Any]) -> None:
    """All of it or nothing, also where the process is killed. Raises SinkError."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as exc:
        raise SinkError(f"checkpoint {path} cannot be written: {exc.strerror or exc}") from exc


def load(path: Path) -> dict[str, Any]:
    """A checkpoint in the published form, on the CPU; never runs code from the file. Raises
    ConfigError."""
    try:
        held = io.BytesIO(path.read_bytes())
        content = torch.load(held, map_location="cpu", weights_only=True)
    except OSError as exc:
        raise ConfigError(f"checkpoint {path} cannot be read: {exc.strerror}") from exc
    except DAMAGED as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ConfigError(f"{path} is not a whole checkpoint: {reason}") from exc
    if not isinstance(content, dict) or not {"discriminator", "pre_projection"} <= set(content):
        raise ConfigError(f"checkpoint {path} lacks discriminator or pre_projection")
    return content
