"""Runs a training of GLASS (ECCV 2024) and makes a model of its best networks. Needs torch."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inspector.core.arrays import Image, Mask
from learning.graph.pixels import blank_outside
from learning.methods.feature_source import BackboneSource
from learning.methods.glass.method import trained_glass
from learning.methods.glass.train import GlassTraining
from learning.methods.glass.training import checkpoint, distribution
from learning.methods.glass.training.batches import TrainingSet
from learning.methods.glass.training.sheet import SHEET, write_sheet
from learning.methods.glass.training.trainer import GlassTrainer, Trained
from learning.methods.glass.training.validation import synthetic
from learning.training import PreparedTraining, TrainedModel, TrainingJob
from learning.training_data import Labelled


class GlassRun(PreparedTraining):
    """pixels, allowed: all normal pictures as the training takes them, and where defects may be
    drawn; None is everywhere."""

    def __init__(
        self,
        options: GlassTraining,
        job: TrainingJob,
        trainer: GlassTrainer,
        pixels: Image,
        allowed: Mask | None,
    ) -> None:
        self._options, self._job, self._trainer = options, job, trainer
        self._pixels, self._allowed = pixels, allowed
        self._folder = job.checkpoints

    def begin(self, folder: Path) -> None:
        options = self._options
        write_sheet(folder, self._pixels, self._allowed, options.synthesis, options.seed)

    def run(self) -> TrainedModel:
        """Raises what GlassTrainer.run raises."""
        job, trainer = self._job, self._trainer
        trained = trainer.run(resume=(self._folder / checkpoint.LATEST).exists())
        # The networks are read back from the file, so the engine is what the checkpoint says.
        model = trained_glass(
            checkpoint.load_best(self._folder, trained.chosen.best_epoch),
            trainer.extractor,
            job.data.normals.rule.input_hw,
            facts=self._facts(trained),
        )
        sheet = f"defects as in {self._folder.parent / SHEET}"
        return TrainedModel(model, {"checkpoint": trained.chosen.summary, "synthetic": sheet})

    def _facts(self, trained: Trained) -> dict[str, Any]:
        """Facts for the spec."""
        trainer, extractor = self._trainer, self._trainer.extractor
        options = dataclasses.asdict(trainer.options)
        options |= trainer.options.resumable(extractor.info, extractor.layers)
        for key in ("dims", "hidden", "cache_bytes", "seed"):
            options.pop(key)
        return {
            "training": options | {"trained": trained.chosen.epochs, "patch_scale": trained.scale},
            "textures": self._options.synthesis.textures.name,
            "foreground_masks": trainer.normals.foregrounds is not None,
            "distribution": {
                "chosen_by": trainer.options.distribution,
                "hypersphere": trained.hypersphere,
                "judged": dataclasses.asdict(distribution.judge(trainer.normals.pixels)),
            },
            "checkpoint": trained.chosen.facts,
            "torch": torch.__version__,
        }


def prepare(options: GlassTraining, job: TrainingJob) -> GlassRun:
    """Raises DataError for foregrounds that cannot be used, EngineError for a missing device."""
    assert isinstance(job.source, BackboneSource)
    normals, held_out = job.data.normals, job.data.held_out
    pixels, allowed = _restrict(normals.pixels, options.read_foregrounds(normals), job.inside)
    labelled = job.data.tests
    if labelled is None:
        allowed_on_held_out = None if allowed is None else allowed[held_out]
        labelled = synthetic(pixels[held_out], allowed_on_held_out, options.synthesis, options.seed)
    else:
        labelled = _blank(labelled, job.inside)
    training = TrainingSet(
        pixels[~held_out], None if allowed is None else allowed[~held_out], options.synthesis
    )
    trainer = GlassTrainer(
        options.network_options, job.source, training, labelled, job.checkpoints, job.watch
    )
    return GlassRun(options, job, trainer, pixels, allowed)


def _restrict(
    pixels: Image, foregrounds: Mask | None, inside: Mask | None
) -> tuple[Image, Mask | None]:
    """Blanks the pictures outside the region of interest, and allows no defect there."""
    if inside is None:
        return pixels, foregrounds
    allowed = inside if foregrounds is None else foregrounds & inside
    return blank_outside(pixels, inside), np.broadcast_to(allowed, pixels.shape[:3])


def _blank(labelled: Labelled, inside: Mask | None) -> Labelled:
    return dataclasses.replace(labelled, pixels=blank_outside(labelled.pixels, inside))
