"""Makes the batches of a training: pictures, some with simulated defects, and their targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from learning.ahead import compute_ahead
from learning.defect_scores import draw_defect
from learning.graph.pixels import blank_outside
from learning.methods.autoencoder.options import AutoencoderOptions
from learning.methods.autoencoder.training.augment import augment
from learning.simulation.plans import plan_defects
from learning.training_order import Indices, make_generator, order_pictures

CHANGES, DEFECTS = 1, 2
"""Purposes of generators, see learning.training_order."""

DRAWN: Final = 4
"""Simulated defects on a picture. A single defect covers so few pixels that the network learns to
copy it."""

PLANS: Final = 40
"""Plans that they are drawn from: each kind with each of its sizes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """shown, target: (n, H, W, 3) uint8 RGB."""

    shown: Image
    target: Image


@dataclass(frozen=True, slots=True)
class PictureSet:
    """pixels: (n, H, W, 3) uint8 RGB, normal pictures. inside: (H, W), the region that is
    inspected; None is all."""

    pixels: Image
    inside: Mask | None
    options: AutoencoderOptions

    def steps(self, epoch: int) -> list[Indices]:
        """Indices of the pictures of each step; at least two, because batch norm needs them."""
        options, count = self.options, len(self.pixels)
        steps = order_pictures(
            count, size=options.batch, limit=count, seed=options.seed, epoch=epoch
        )
        return [step for step in steps if len(step) > 1] or [np.arange(count).repeat(2)[:2]]

    def batches(self, epoch: int, steps: list[Indices]) -> Iterator[Batch]:
        """Yields the batch of each step, the same for the same seed and epoch. Another thread makes
        them, one step ahead."""

        def make_batch(pictures: Indices) -> Batch:
            pairs = [self._pair(epoch, int(index)) for index in pictures]
            shown, target = (np.stack(part) for part in zip(*pairs, strict=True))
            return Batch(shown, target)

        return (batch for _, batch in compute_ahead(make_batch, steps, "batches"))

    def _pair(self, epoch: int, index: int) -> tuple[Image, Image]:
        seed = self.options.seed
        target = augment(
            self.pixels[index], self.options, make_generator(seed, CHANGES, epoch, index)
        )
        target = blank_outside(np.ascontiguousarray(target), self.inside)
        rng = make_generator(seed, DEFECTS, epoch, index)
        if rng.random() >= self.options.corruption:
            return target, target
        plans = plan_defects(PLANS, 1, int(rng.integers(2**31)))
        shown = target
        for chosen in rng.permutation(PLANS)[:DRAWN]:
            drawn = draw_defect(shown[None], plans[chosen], self.inside)
            shown = shown if drawn is None else drawn
        return shown, target
