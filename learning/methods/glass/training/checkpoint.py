"""Files of a training, in the published form: the latest state to resume from, and the best
networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
from torch import Tensor

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.training_folder import refuse_difference
from learning.training_quality import Quality

LATEST: Final = "ckpt.pth"
BEST: Final = "ckpt_best_{epoch}.pth"

STATE: Final = "training"
"""Key of everything that the published form does not have."""

NetworkWeights = dict[str, dict[str, Tensor]]
"""The published form: "discriminator" and "pre_projection", each tensors by name."""


@dataclass(frozen=True, slots=True)
class Best:
    """The networks chosen so far. epoch: from 1."""

    epoch: int
    quality: Quality
    weights: NetworkWeights


@dataclass(frozen=True, slots=True)
class TrainingState:
    """A training after an epoch, from 1. waited: validations without improvement. settings: what
    a resumed training must share."""

    epoch: int
    waited: int
    best: Best | None
    weights: NetworkWeights
    optimisers: dict[str, Any]
    settings: dict[str, Any]


def save_latest(folder: Path, state: TrainingState) -> None:
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
    torch_weights.save(folder / LATEST, {**state.weights, STATE: training})


def load_latest(folder: Path, settings: dict[str, Any]) -> TrainingState:
    """Raises ConfigError for a checkpoint that is missing or damaged, and for one of a training
    with other settings, with the first difference."""
    path = folder / LATEST
    content = load(path)
    try:
        training = content[STATE]
        best = training["best"]
        state = TrainingState(
            epoch=training["epoch"],
            waited=training["waited"],
            best=best
            and Best(
                best["epoch"], Quality(best["image_auroc"], best["pixel_auroc"]), best["weights"]
            ),
            weights={name: content[name] for name in ("discriminator", "pre_projection")},
            optimisers=training["optimisers"],
            settings=training["settings"],
        )
    except (KeyError, TypeError) as exc:
        raise ConfigError(f"{path} holds networks but no training to resume: {exc}") from exc
    refuse_difference(path, state.settings, settings)
    return state


def save_best(folder: Path, best: Best, scale: float) -> None:
    """Writes the best networks, and deletes earlier ones in the folder.

    scale: factor of the patch vectors. The published form has no place for it, so the weights of
    the projection are multiplied by it, which has the same effect.
    """
    path = folder / BEST.format(epoch=best.epoch)
    projection = dict(best.weights["pre_projection"])
    projection["layers.0fc.weight"] = projection["layers.0fc.weight"] * scale
    torch_weights.save(path, {**best.weights, "pre_projection": projection})
    for other in folder.glob(BEST.format(epoch="*")):
        if other != path:
            other.unlink()


def load_best(folder: Path, epoch: int) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """The networks that save_best wrote, as numpy arrays. Raises ConfigError."""
    return {
        network: {key: value.numpy() for key, value in tensors.items()}
        for network, tensors in load(folder / BEST.format(epoch=epoch)).items()
    }


def load(path: Path) -> dict[str, Any]:
    """A checkpoint in the published form, on the CPU; never runs code from the file. Raises
    ConfigError."""
    content = torch_weights.read(path)
    if not isinstance(content, dict) or not {"discriminator", "pre_projection"} <= set(content):
        raise ConfigError(f"checkpoint {path} lacks discriminator or pre_projection")
    networks: dict[str, Any] = content
    return networks
