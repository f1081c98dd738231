"""From normal pictures to a trained GLASS engine: hold out, train, take the best networks, finish.

Needs torch.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from engines.spec import Roi
from inspector.core.arrays import Image, Mask
from learning.backbones.features import FeatureExtractor
from learning.finishing import Fitted, Progress, Wanted, engine_of_model, inspected, opened
from learning.graph.pixels import blanked
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.glass.training import checkpoint, distribution
from learning.methods.glass.training.batches import TrainingSet
from learning.methods.glass.training.las import Synthesis
from learning.methods.glass.training.options import GlassOptions
from learning.methods.glass.training.textures import Textures
from learning.methods.glass.training.trainer import GlassTrainer, Trained, Watch
from learning.methods.glass.training.validation import Labelled, synthetic
from learning.normals import Normals
from learning.thresholds import choosing as thresholds
from learning.thresholds.rules import Rule

CHECKPOINTS: Final = "checkpoints"
ENGINE: Final = "engine.onnx"


@dataclass(frozen=True, slots=True)
class Course:
    """What to train. textures: what defects are made of. tests: labelled pictures to choose the
    best networks on, None for held-out normals with synthetic defects. See Wanted for the rest."""

    name: str
    backbone: Path
    textures: Textures
    layers: tuple[str, ...] | None = None
    options: GlassOptions = field(default_factory=GlassOptions)
    tests: Labelled | None = None
    sigma: float = 4.0
    rule: Rule = field(default_factory=Rule)
    roi: Roi | None = None
    drop_suspects: bool = False

    @property
    def synthesis(self) -> Synthesis:
        return Synthesis(self.textures, self.options.beta_mean, self.options.beta_std)

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            name=self.name,
            method=Glass(layers=self.layers),
            backbone=self.backbone,
            sigma=self.sigma,
            rule=self.rule,
            roi=self.roi,
            seed=self.options.seed,
            threads=self.options.threads,
            drop_suspects=self.drop_suspects,
            device="cuda" if self.options.device.startswith("cuda") else "cpu",
        )


def train_glass(
    normals: Normals,
    held: Mask,
    foregrounds: Mask | None,
    course: Course,
    folder: Path,
    *,
    begin: Callable[[], None],
    watch: Watch,
    progress: Progress,
) -> tuple[Fitted, Trained]:
    """Trains in folder/CHECKPOINTS, going on with a training that is there, and writes
    folder/ENGINE.

    held: (n,) bool, the normals that are not trained on: the best networks and the thresholds are
    chosen on them. foregrounds: (n, H, W), where defects may be drawn; None is everywhere. begin:
    called when all is found usable, before the first file is written. Raises what GlassTrainer.run
    and engine_of_model raise.
    """
    kept = _part(normals, held)
    thresholds.check_supported(course.rule, len(kept.names))
    with opened(course.wanted, normals.rule.input_hw) as extractor:
        trainer = _trainer(extractor, normals, held, foregrounds, course, folder, watch)
        begin()
        latest = folder / CHECKPOINTS / checkpoint.LATEST
        trained = trainer.run(resume=latest.exists())
        # Read back from the file, so that the engine is what the checkpoint says.
        model = trained_glass(
            checkpoint.load_best(folder / CHECKPOINTS, trained.best_epoch),
            extractor,
            normals.rule.input_hw,
            facts=_facts(trainer, trained, course),
        )
    fitted = engine_of_model(
        model,
        kept,
        course.wanted,
        folder / ENGINE,
        progress,
        fitted=_part(normals, ~held),
        note=_note(course, normals),
    )
    return fitted, trained


def _trainer(
    extractor: FeatureExtractor,
    normals: Normals,
    held: Mask,
    foregrounds: Mask | None,
    course: Course,
    folder: Path,
    watch: Watch,
) -> GlassTrainer:
    pixels, foregrounds = seen(normals, foregrounds, course.roi)
    of_trained, of_held = (
        None if foregrounds is None else foregrounds[which] for which in (~held, held)
    )
    labelled = course.tests
    if labelled is None:
        seed = course.options.seed
        labelled = synthetic(pixels[held], of_held, course.synthesis, seed)
    else:
        inside = inspected(course.roi, normals.rule)
        labelled = dataclasses.replace(labelled, pixels=blanked(labelled.pixels, inside))
    training = TrainingSet(pixels[~held], of_trained, course.synthesis)
    return GlassTrainer(course.options, extractor, training, labelled, folder / CHECKPOINTS, watch)


def seen(normals: Normals, foregrounds: Mask | None, roi: Roi | None) -> tuple[Image, Mask | None]:
    """Pixels and foregrounds as the training takes them: blank outside the region of interest,
    and no defect there."""
    inside = inspected(roi, normals.rule)
    if inside is None:
        return normals.pixels, foregrounds
    allowed = inside if foregrounds is None else foregrounds & inside
    return blanked(normals.pixels, inside), np.broadcast_to(allowed, normals.pixels.shape[:3])


def _facts(trainer: GlassTrainer, trained: Trained, course: Course) -> dict[str, Any]:
    """For the spec, with every figure's origin beside it."""
    extractor = trainer.extractor
    options = dataclasses.asdict(trainer.options)
    options |= trainer.options.resumable(extractor.info, extractor.layers)
    for key in ("dims", "hidden", "cache_bytes", "seed"):
        options.pop(key)
    judged = distribution.judge(trainer.normals.pixels)
    quality = trained.quality
    return {
        "training": options | {"trained": trained.epochs, "patch_scale": trained.scale},
        "textures": course.textures.name,
        "foreground_masks": trainer.normals.foregrounds is not None,
        "distribution": {
            "chosen_by": course.options.distribution,
            "hypersphere": trained.hypersphere,
            "judged": dataclasses.asdict(judged),
        },
        "checkpoint": {
            "epoch": trained.best_epoch,
            "chosen_on": trained.origin,
            "image_auroc_there": quality.image_auroc,
            "pixel_auroc_there": quality.pixel_auroc,
        },
        "torch": torch.__version__,
    }


def _note(course: Course, normals: Normals) -> str:
    how = "the end of one stream" if normals.ordered else "drawn at random or named as such"
    said = f"held out: {how}"
    if course.tests is not None:
        return f"{said}; the checkpoint was chosen on the test set"
    return f"{said}; the checkpoint was chosen on these pictures and synthetic defects on them"


def _part(normals: Normals, which: Mask) -> Normals:
    names = tuple(name for name, one in zip(normals.names, which, strict=True) if one)
    return dataclasses.replace(normals, pixels=normals.pixels[which], names=names)
