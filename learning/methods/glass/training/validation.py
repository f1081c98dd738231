"""Pictures with synthetic defects that checkpoints are chosen on."""

from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from learning.methods.glass.training.las import Synthesis
from learning.training_data import Labelled

SYNTHETIC: Final = "good pictures held out and synthetic defects on them"

PER_NORMAL: Final = 2
"""Synthetic defects per held-out picture."""


def synthetic(
    normals: Image, foregrounds: Mask | None, synthesis: Synthesis, seed: int
) -> Labelled:
    """The normal pictures (n, H, W, 3) and PER_NORMAL defects on each, the same for the same
    seed. foregrounds: (n, H, W)."""
    hw = (normals.shape[1], normals.shape[2])
    pixels, masks = [normals], [np.zeros((len(normals), *hw), bool)]
    for turn in range(PER_NORMAL):
        for index, picture in enumerate(normals):
            rng = np.random.default_rng([seed, turn, index])
            allowed = None if foregrounds is None else foregrounds[index]
            sample = synthesis.defect(picture, allowed, hw, rng)
            pixels.append(sample.pixels[None])
            masks.append(sample.mask.pixels[None])
    defective = np.arange(len(normals) * (1 + PER_NORMAL)) >= len(normals)
    return Labelled(np.concatenate(pixels), defective, np.concatenate(masks), SYNTHETIC)
