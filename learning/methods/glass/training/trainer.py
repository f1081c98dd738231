"""Trains GLASS (ECCV 2024): the loop, the choice of the best networks, and resuming after a
stop."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from loguru import logger
from torch import Tensor

from inspector.core.errors import ConfigError, DataError
from learning.backbones.features import FeatureExtractor
from learning.graph.patch_embedding import PatchEmbedding
from learning.methods.glass.training import checkpoint, distribution
from learning.methods.glass.training.batches import (
    NOISE,
    Batch,
    TrainingSet,
    batches,
)
from learning.methods.glass.training.checkpoint import Best, TrainingState
from learning.methods.glass.training.features import CachedRows, Embedder
from learning.methods.glass.training.networks import GlassNetworks
from learning.methods.glass.training.options import GlassOptions
from learning.methods.glass.training.step import (
    DIVERGED,
    Losses,
    PatchRows,
    StepSettings,
    descend,
    losses,
)
from learning.torch_weights import check_device
from learning.training import Watch
from learning.training_data import Labelled
from learning.training_order import make_generator, order_pictures
from learning.training_quality import Chosen, measure_quality


@dataclass(frozen=True, slots=True)
class Trained:
    """scale: factor of the patch vectors, which save_best multiplies into the networks."""

    chosen: Chosen
    hypersphere: bool
    scale: float


class GlassTrainer:
    """extractor: of the layers to train on. labelled: what the best networks are chosen on.
    folder: for checkpoints. Raises EngineError if the device is missing."""

    def __init__(
        self,
        options: GlassOptions,
        extractor: FeatureExtractor,
        normals: TrainingSet,
        labelled: Labelled,
        folder: Path,
        watch: Watch | None = None,
    ) -> None:
        check_device(options.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        self.options, self.normals, self.labelled, self.folder = options, normals, labelled, folder
        self.extractor, self.watch = extractor, Watch() if watch is None else watch
        self._embed()
        self.hypersphere = distribution.is_hypersphere(options.distribution, normals.pixels)
        self.mean = self.rows.mean(options.batch) if self.hypersphere else None
        self.networks = GlassNetworks(
            self.dims,
            self.hidden,
            seed=options.seed,
            device=options.device,
            learning_rate=options.rate(extractor.info),
        )
        self.best: Best | None = None
        self.waited = 0

    def _embed(self) -> None:
        """Patch vectors of all pictures that never change, at the scale to train at."""
        options, info, layers = self.options, self.extractor.info, self.extractor.layers
        self.dims, self.hidden = options.sizes(info, layers)
        channels = [info.output(layer).channels for layer in layers]
        embedding = PatchEmbedding.pooled(channels, self.dims, self.dims)
        self.embedder = Embedder(self.extractor, embedding, options.device)
        self.grid = self.embedder.grid(self.normals.pixels[0])
        self.rows = CachedRows(self.embedder, self.normals.pixels, options.cache_bytes)
        target = options.target_norm(info)
        if target is not None:
            self.rows.scale(target / max(self.rows.norm(), 1e-12))
        self.validation_rows = CachedRows(self.embedder, self.labelled.pixels, options.cache_bytes)

    def run(self, *, resume: bool = False) -> Trained:
        """Trains to the last epoch. resume: begin after the latest checkpoint in the folder.

        Raises ConfigError if the folder holds a training and `resume` is False, or if it holds
        one with other settings; DataError if the loss is no longer finite.
        """
        done = self._restore() if resume else self._begin()
        while done < self.options.epochs and not 0 < self.options.patience <= self.waited:
            done += 1
            figures = self._epoch(done)
            if done % self.options.every == 0 or done == self.options.epochs:
                figures |= self._validate(done)
            self._save(done)
            self.watch.scalars(done, figures)
        if self.best is None:
            raise ConfigError(
                f"the training in {self.folder} ended without a validation: raise epochs above "
                f"{done} or lower every"
            )
        chosen = Chosen(self.best.epoch, done, self.best.quality, self.labelled.origin)
        return Trained(chosen, self.hypersphere, self.embedder.scale)

    def _epoch(self, epoch: int) -> dict[str, float]:
        """Mean figures of its steps."""
        options = self.options
        centre = None
        if self.mean is not None:
            with torch.no_grad():
                centre = self.networks.projection(self.mean)
        steps = order_pictures(
            len(self.rows), size=options.batch, limit=options.limit, seed=options.seed, epoch=epoch
        )
        prepared = batches(
            self.normals, self.extractor, self.grid, steps, seed=options.seed, epoch=epoch
        )
        sums: dict[str, Tensor] = {}
        for step, batch in enumerate(prepared):
            if step == 0:
                self.watch.pictures(epoch, batch.pixels)
            step_losses = self._step(batch, centre, epoch, step)
            for name, value in step_losses.figures().items():
                sums[name] = sums[name] + value if name in sums else value
            self.watch.progress(epoch, step + 1, len(steps))
        figures = {name: float(value) / len(steps) for name, value in sums.items()}
        if not np.isfinite(figures["loss/total"]):
            raise DataError(
                f"the loss of epoch {epoch} is not finite: lower learning_rate or step_size"
            )
        return figures

    def _step(self, batch: Batch, centre: Tensor | None, epoch: int, step: int) -> Losses:
        options, device = self.options, self.options.device
        true = self.rows.take(batch.pictures).flatten(0, 1)
        defective = self.embedder.embed([torch.from_numpy(values) for values in batch.features])
        chance = torch.Generator(device)
        chance.manual_seed(int(make_generator(options.seed, NOISE, epoch, step).integers(2**62)))
        noise = torch.randn(true.shape, generator=chance, device=device)
        rows = PatchRows(
            true=true,
            defective=defective.flatten(0, 1),
            noise=noise.mul_(options.noise),
            defects=torch.from_numpy(batch.cells).to(device).flatten().float(),
            centre=None if centre is None else centre.repeat(len(batch.pictures), 1),
        )
        settings = StepSettings(
            options.steps, options.step_size, options.radius, options.hard, options.mining
        )
        kind = torch.device(device).type
        with torch.autocast(kind, torch.bfloat16, enabled=options.amp):
            step_losses = losses(self.networks, rows, settings)
        descend(self.networks, step_losses.total)
        return step_losses

    def scores(self) -> npt.NDArray[np.float32]:
        """(n, h, w) of the labelled pictures by the networks in their present state."""
        parts = [
            self.networks.scores(self.validation_rows.take(part).flatten(0, 1))
            for part in self.validation_rows.batches(self.options.batch)
        ]
        joined = torch.cat(parts).reshape(-1, *self.grid)
        return np.asarray(joined.cpu().numpy(), np.float32)

    def _validate(self, epoch: int) -> dict[str, float]:
        scores = self.scores()
        if not np.isfinite(scores).all():
            raise DataError(DIVERGED)
        largest = scores.reshape(len(scores), -1).max(axis=1)
        measured = measure_quality(largest, scores, self.labelled)
        if self.best is None or measured.total > self.best.quality.total:
            self.best, self.waited = Best(epoch, measured, self.networks.weights()), 0
            checkpoint.save_best(self.folder, self.best, self.embedder.scale)
        else:
            self.waited += 1
        logger.info("epoch {}: {} on {}", epoch, measured, self.labelled.origin)
        figures = {"validation/image_auroc": measured.image_auroc}
        if measured.pixel_auroc is not None:
            figures["validation/pixel_auroc"] = measured.pixel_auroc
        return figures

    def _settings(self) -> dict[str, Any]:
        """Everything that a resumed training must share with the one before."""
        pictures = (self.normals.pixels, self.normals.foregrounds, self.labelled.pixels)
        info, layers = self.extractor.info, self.extractor.layers
        return self.options.resumable(info, layers) | {
            "backbone": info.sha256,
            "layers": list(layers),
            "textures": self.normals.synthesis.textures.name,
            "pictures": [_digest(array) for array in pictures if array is not None],
            "origin": self.labelled.origin,
        }

    def _begin(self) -> int:
        path = self.folder / checkpoint.LATEST
        if path.exists():
            raise ConfigError(f"{path} is of an earlier training: resume it or use another folder")
        return 0

    def _restore(self) -> int:
        """The number of the last whole epoch."""
        state = checkpoint.load_latest(self.folder, self._settings())
        self.networks.load(state.weights, state.optimisers)
        self.best, self.waited = state.best, state.waited
        if self.best is not None:
            # After a kill the folder may hold networks of an epoch that this training does not
            # know.
            checkpoint.save_best(self.folder, self.best, self.embedder.scale)
        return state.epoch

    def _save(self, epoch: int) -> None:
        state = TrainingState(
            epoch=epoch,
            waited=self.waited,
            best=self.best,
            weights=self.networks.weights(),
            optimisers=self.networks.optimisers(),
            settings=self._settings(),
        )
        checkpoint.save_latest(self.folder, state)


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
