"""Saves and loads the files of a training: its latest state, and the best network."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ConfigError
from learning import torch_weights
from learning.training_folder import refuse_difference
from learning.training_quality import Quality

LATEST: Final = "latest.pth"
BEST: Final = "best.pth"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """A training after an epoch.

    epoch: from 1. weights, optimiser: state dicts. rate_factor: of the learning rate, for the
    schedule plateau. lowest_loss: smallest validation loss. stale: validations since then.
    best_epoch, quality: of the best network; 0 and None before the first validation. waited:
    validations without a better network. settings: what a resumed training must have in common.
    """

    epoch: int
    weights: dict[str, Any]
    optimiser: dict[str, Any]
    rate_factor: float
    lowest_loss: float
    stale: int
    best_epoch: int
    best_weights: dict[str, Any] | None
    quality: tuple[float, float | None] | None
    waited: int
    settings: dict[str, Any]

    @property
    def best_quality(self) -> Quality | None:
        return None if self.quality is None else Quality(*self.quality)


def save_latest(folder: Path, state: TrainingState) -> None:
    """Raises SinkError."""
    fields = dataclasses.fields(TrainingState)
    torch_weights.save(folder / LATEST, {each.name: getattr(state, each.name) for each in fields})


def load_latest(folder: Path, settings: Mapping[str, Any]) -> TrainingState:
    """Raises ConfigError for a checkpoint that is missing or damaged, and for one of a training
    with other settings, with the first difference."""
    path = folder / LATEST
    content = torch_weights.read(path)
    try:
        state = TrainingState(**content)
    except TypeError as exc:
        raise ConfigError(f"{path} is not a checkpoint of an autoencoder: {exc}") from exc
    refuse_difference(path, state.settings, settings)
    return state


def save_best(folder: Path, weights: Mapping[str, Any]) -> None:
    """Raises SinkError."""
    torch_weights.save(folder / BEST, dict(weights))


def load_best(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of the best network by name. Raises ConfigError."""
    tensors = torch_weights.load(folder / BEST)
    return {
        name: values.float().numpy()
        for name, values in tensors.items()
        if not name.endswith("num_batches_tracked")
    }
