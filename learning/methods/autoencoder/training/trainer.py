"""Trains the autoencoder: the loop, the choice of the best network, and resuming after a stop."""

import dataclasses
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from loguru import logger
from torch import Tensor

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from learning.graph.maps import MapCanvas, anomaly_map_numpy, top_mean_numpy
from learning.methods.autoencoder.error_maps import error_map_numpy
from learning.methods.autoencoder.method import Autoencoder, to_planes
from learning.methods.autoencoder.options import AutoencoderOptions
from learning.methods.autoencoder.training import checkpoint
from learning.methods.autoencoder.training.batches import Batch, PictureSet
from learning.methods.autoencoder.training.checkpoint import TrainingState
from learning.methods.autoencoder.training.losses import CombinedLoss
from learning.methods.autoencoder.training.networks import AutoencoderUNetLite
from learning.torch_weights import check_device
from learning.training import Watch
from learning.training_data import Labelled
from learning.training_order import make_generator
from learning.training_quality import SIGMA, Chosen, Quality, measure_quality

DROPOUT: Final = 4
"""Purpose of a generator, see learning.training_order."""

STEPS: Final = 3
"""Equal parts of a training with the schedule step; each has a tenth of the learning rate of the
part before it."""

STALE: Final = 4
"""Validations without a lower loss after which the schedule plateau halves the learning rate."""

SHOWN: Final = 4
"""Pictures per epoch on the board."""


@dataclass(frozen=True, slots=True)
class Trained:
    """parameters: of the network."""

    chosen: Chosen
    parameters: int


class AutoencoderTrainer:
    """labelled: what the best network is chosen on. folder: for checkpoints. Raises EngineError if
    the device is missing."""

    def __init__(
        self,
        options: AutoencoderOptions,
        loss: CombinedLoss,
        normals: PictureSet,
        labelled: Labelled,
        folder: Path,
        watch: Watch,
    ) -> None:
        check_device(options.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        self.options, self.normals, self.labelled = options, normals, labelled
        self.folder, self.watch = folder, watch
        self.loss = loss.to(options.device)
        torch.manual_seed(options.seed)
        self.network = AutoencoderUNetLite(
            options.widths,
            skips=options.skips,
            batch_norm=options.batch_norm,
            dropout=options.skip_dropout,
        ).to(options.device, memory_format=torch.channels_last)  # a quarter faster on a CPU
        self.optimiser = _optimiser(options, self.network)
        self.rate_factor, self.lowest_loss, self.stale = 1.0, math.inf, 0
        self.best_epoch, self.best_weights, self.best = 0, None, None
        self.waited = 0

    best_weights: dict[str, Any] | None
    best: Quality | None

    def run(self, *, resume: bool) -> Trained:
        """Trains to the last epoch. resume: begin after the latest checkpoint in the folder.
        Raises DataError if the loss is no longer finite."""
        done = self._restore() if resume else 0
        options = self.options
        while done < options.epochs and not 0 < options.patience <= self.waited:
            done += 1
            figures = self._epoch(done)
            if done % options.every == 0 or done == options.epochs:
                figures |= self._validate(done)
            self._save(done)
            self.watch.scalars(done, figures)
        if self.best is None:
            raise ConfigError("the training ended without a validation: use a smaller --eval-every")
        parameters = sum(values.numel() for values in self.network.parameters())
        chosen = Chosen(self.best_epoch, done, self.best, self.labelled.origin)
        return Trained(chosen, parameters)

    def _epoch(self, epoch: int) -> dict[str, float]:
        """Mean figures of its steps."""
        rate = self._rate(epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.network.train()
        steps = self.normals.steps(epoch)
        sums: dict[str, Tensor] = {}
        for step, batch in enumerate(self.normals.batches(epoch, steps)):
            seed = make_generator(self.options.seed, DROPOUT, epoch, step).integers(2**62)
            torch.manual_seed(int(seed))
            total, parts, drawn = self._step(batch)
            for name, value in {"total": total, **parts}.items():
                sums[name] = sums.get(name, torch.zeros(())) + value.detach().cpu()
            if step == 0:
                self.watch.pictures(epoch, _side_by_side(batch, drawn))
            self.watch.progress(epoch, step + 1, len(steps))
        figures = {f"loss/{name}": float(value) / len(steps) for name, value in sums.items()}
        if not math.isfinite(figures["loss/total"]):
            raise DataError(
                f"the loss of epoch {epoch} is not finite: use a smaller --learning-rate"
            )
        return figures | {"learning_rate": rate}

    def _step(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        options = self.options
        shown, target = self._planes(batch.shown), self._planes(batch.target)
        with torch.autocast(torch.device(options.device).type, torch.bfloat16, enabled=options.amp):
            drawn = self.network(shown)
        total, parts = self.loss(drawn.float(), target, shown)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        if options.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), options.clip)
        self.optimiser.step()
        return total, parts, drawn.detach()

    def _rate(self, epoch: int) -> float:
        options = self.options
        part = (epoch - 1) / options.epochs
        factor = {
            "cosine": (1 + math.cos(math.pi * part)) / 2,
            "step": 0.1 ** int(part * STEPS),
            "plateau": self.rate_factor,
            "constant": 1.0,
        }[options.schedule]
        return options.learning_rate * factor

    def _validate(self, epoch: int) -> dict[str, float]:
        drawn = self.redraw(self.labelled.pixels)
        if not np.isfinite(drawn).all():
            raise DataError(
                "the network gives values that are not finite: use a smaller --learning-rate"
            )
        loss = self._normal_loss(drawn)
        measured = self._measure(drawn)
        if loss < self.lowest_loss:
            self.lowest_loss, self.stale = loss, 0
        else:
            self.stale += 1
            if self.stale >= STALE:
                self.rate_factor, self.stale = self.rate_factor / 2, 0
        if self.best is None or measured.total > self.best.total:
            weights = {name: values.cpu() for name, values in self.network.state_dict().items()}
            self.best_weights = {name: values.clone() for name, values in weights.items()}
            self.best_epoch, self.best, self.waited = epoch, measured, 0
            checkpoint.save_best(self.folder, self.best_weights)
        else:
            self.waited += 1
        logger.info("epoch {}: {} on {}", epoch, measured, self.labelled.origin)
        figures = {"validation/image_auroc": measured.image_auroc, "validation/loss": loss}
        if measured.pixel_auroc is not None:
            figures["validation/pixel_auroc"] = measured.pixel_auroc
        return figures

    def redraw(self, pixels: Image) -> npt.NDArray[np.float32]:
        """(n, H, W, 3) uint8 RGB -> (n, 3, H, W) in [-1, 1]."""
        self.network.eval()
        size = self.options.batch
        with torch.no_grad():
            parts = [
                self.network(self._planes(pixels[start : start + size])).cpu()
                for start in range(0, len(pixels), size)
            ]
        return np.asarray(torch.cat(parts).numpy(), np.float32)

    def _normal_loss(self, drawn: npt.NDArray[np.float32]) -> float:
        """Mean squared error of the good pictures."""
        good = ~self.labelled.defective
        return float(np.square(drawn[good] - to_planes(self.labelled.pixels[good])).mean())

    def _measure(self, drawn: npt.NDArray[np.float32]) -> Quality:
        options, pixels = self.options, self.labelled.pixels
        grids = error_map_numpy(to_planes(pixels), drawn, options.error, options.share)
        canvas = MapCanvas(
            (pixels.shape[1], pixels.shape[2]), SIGMA, Autoencoder.top_fraction or 0.0
        )
        maps = anomaly_map_numpy({"error": grids}, canvas)
        return measure_quality(top_mean_numpy(maps, canvas), grids, self.labelled)

    def _planes(self, pixels: Image) -> Tensor:
        return torch.from_numpy(to_planes(pixels)).to(self.options.device)

    def _settings(self) -> dict[str, Any]:
        """Everything that a resumed training must have in common with the one before."""
        pictures = (self.normals.pixels, self.labelled.pixels)
        return self.options.resumable() | {
            "pictures": [hashlib.sha256(p.tobytes()).hexdigest() for p in pictures],
            "origin": self.labelled.origin,
        }

    def _restore(self) -> int:
        """Loads the latest checkpoint. Returns the number of its epoch."""
        state = checkpoint.load_latest(self.folder, self._settings())
        self.network.load_state_dict(state.weights)
        self.optimiser.load_state_dict(state.optimiser)
        self.rate_factor, self.lowest_loss = state.rate_factor, state.lowest_loss
        self.stale, self.waited = state.stale, state.waited
        self.best_epoch, self.best_weights = state.best_epoch, state.best_weights
        self.best = state.best_quality
        if self.best_weights is not None:
            # After a kill the folder may hold a network of an epoch that this state does not know.
            checkpoint.save_best(self.folder, self.best_weights)
        return state.epoch

    def _save(self, epoch: int) -> None:
        best = self.best
        state = TrainingState(
            epoch=epoch,
            weights=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            rate_factor=self.rate_factor,
            lowest_loss=self.lowest_loss,
            stale=self.stale,
            best_epoch=self.best_epoch,
            best_weights=self.best_weights,
            quality=None if best is None else dataclasses.astuple(best),
            waited=self.waited,
            settings=self._settings(),
        )
        checkpoint.save_latest(self.folder, state)


def _optimiser(options: AutoencoderOptions, network: AutoencoderUNetLite) -> torch.optim.Optimizer:
    shared: dict[str, Any] = {"lr": options.learning_rate, "weight_decay": options.weight_decay}
    if options.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=0.9, **shared)
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    return kind(network.parameters(), **shared)


def _side_by_side(batch: Batch, drawn: Tensor) -> Image:
    """(n, H, 3 W, 3): shown, redrawn, and as it should be."""
    planes = drawn[:SHOWN].float().cpu().numpy().transpose(0, 2, 3, 1)
    pixels = np.clip(np.rint((planes + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.concatenate([batch.shown[:SHOWN], pixels, batch.target[:SHOWN]], axis=2)
