"""Runs a training of the autoencoder and makes a model of its best network."""

import dataclasses
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from learning.graph.pixels import blank_outside
from learning.methods.autoencoder.method import trained_autoencoder
from learning.methods.autoencoder.train import AutoencoderTraining
from learning.methods.autoencoder.training import checkpoint
from learning.methods.autoencoder.training.batches import PictureSet
from learning.methods.autoencoder.training.losses import CombinedLoss, LossWeights
from learning.methods.autoencoder.training.perceptual import FeatureDistance, feature_network
from learning.methods.autoencoder.training.trainer import AutoencoderTrainer, Trained
from learning.simulation.plans import plan_defects
from learning.simulation.simulate import simulate
from learning.training import PreparedTraining, TrainedModel, TrainingJob
from learning.training_data import Labelled
from learning.training_sheet import write_sheet_picture

SHEET: Final = "pictures.png"
"""Pictures as the network sees them, and below each as it must redraw it."""

SHEET_PICTURES: Final = 8

PER_NORMAL: Final = 3
"""Simulated defects per held-out picture."""

SIMULATED: Final = "good pictures held out and simulated defects on them"


class AutoencoderRun(PreparedTraining):
    """A training of the autoencoder that is ready to run."""

    def __init__(
        self, options: AutoencoderTraining, job: TrainingJob, trainer: AutoencoderTrainer
    ) -> None:
        self._options, self._job, self._trainer = options, job, trainer

    def begin(self, folder: Path) -> None:
        normals = self._trainer.normals
        steps = [np.arange(min(SHEET_PICTURES, len(normals.pixels)))]
        batch = next(iter(normals.batches(1, steps)))
        write_sheet_picture(folder / SHEET, [list(batch.shown), list(batch.target)])

    def run(self) -> TrainedModel:
        """Raises what AutoencoderTrainer.run raises."""
        folder = self._job.checkpoints
        trained = self._trainer.run(resume=(folder / checkpoint.LATEST).exists())
        # The network is read back from the file, so the engine is what the checkpoint says.
        model = trained_autoencoder(
            checkpoint.load_best(folder), self._options.skips, self._facts(trained)
        )
        network = f"{trained.parameters:,} parameters"
        return TrainedModel(model, {"checkpoint": trained.chosen.summary, "network": network})

    def _facts(self, trained: Trained) -> dict[str, Any]:
        """Facts for the spec."""
        options = self._options.plain()
        for key in ("seed", "threads", "device", "error", "share"):
            options.pop(key)
        path = self._options.perceptual_file
        return {
            "training": options | {"trained": trained.chosen.epochs},
            "perceptual_features": None if path is None else path.stem,
            "parameters": trained.parameters,
            "checkpoint": trained.chosen.facts,
            "torch": torch.__version__,
        }


def prepare(options: AutoencoderTraining, job: TrainingJob) -> AutoencoderRun:
    """Raises ConfigError for features that cannot be used, EngineError for a missing device, and
    DataError if the region of interest has no room for a simulated defect."""
    normals, held_out = job.data.normals, job.data.held_out
    pixels = blank_outside(normals.pixels, job.inside)
    labelled = job.data.tests
    if labelled is None:
        labelled = _simulated(pixels[held_out], job.inside, options.seed)
    else:
        labelled = dataclasses.replace(labelled, pixels=blank_outside(labelled.pixels, job.inside))
    path = options.perceptual_file
    distance = None if path is None else FeatureDistance(feature_network(path))
    weights = LossWeights(
        options.reconstruction,
        options.focal_power,
        options.reconstruction_weight,
        options.ssim_weight,
        options.perceptual_weight,
        options.edge_weight,
        options.corruption_weight,
    )
    trainer = AutoencoderTrainer(
        options,
        CombinedLoss(weights, distance),
        PictureSet(pixels[~held_out], job.inside, options),
        labelled,
        job.checkpoints,
        job.watch,
    )
    return AutoencoderRun(options, job, trainer)


def _simulated(normals: Image, inside: Mask | None, seed: int) -> Labelled:
    """The good pictures and PER_NORMAL defects on each. normals: (n, H, W, 3) uint8 RGB."""
    pixels, masks = list(normals), [np.zeros(normals.shape[1:3], bool)] * len(normals)
    for plan in plan_defects(PER_NORMAL * len(normals), len(normals), seed):
        try:
            drawn = simulate(normals[plan.picture], plan, list(normals), inside)
        except DataError:
            continue  # the region of interest has no room for this defect
        pixels.append(drawn.pixels)
        masks.append(drawn.mask)
    defective = np.arange(len(pixels)) >= len(normals)
    return Labelled(np.stack(pixels), defective, np.stack(masks), SIMULATED)
