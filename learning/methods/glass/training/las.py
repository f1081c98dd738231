"""Local anomaly synthesis of GLASS (ECCV 2024), section 3.4: a texture blended into a picture."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from learning.methods.glass.training import textures
from learning.methods.glass.training.masks import DefectMask, defect_mask
from learning.methods.glass.training.textures import Textures

BETA_MEAN: Final = 0.5
BETA_STD: Final = 0.1
BETA_RANGE: Final = (0.2, 0.8)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """One picture with a defect. pixels: (H, W, 3) uint8 RGB."""

    pixels: Image
    mask: DefectMask


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What defects are made of. beta_mean, beta_std: of the share of the picture that is left
    visible under a defect."""

    textures: Textures
    beta_mean: float = BETA_MEAN
    beta_std: float = BETA_STD

    def defect(
        self,
        picture: Image,
        foreground: Mask | None,
        grid_hw: tuple[int, int],
        rng: np.random.Generator,
    ) -> Synthetic:
        """picture: (H, W, 3) uint8 RGB. foreground: (H, W), where a defect may lie; None is
        everywhere. grid_hw: of the feature grid that the mask is also wanted on."""
        hw = (picture.shape[0], picture.shape[1])
        texture = textures.draw(self.textures, hw, rng)
        allowed = np.ones(hw, bool) if foreground is None else foreground
        mask = defect_mask(allowed, grid_hw, rng)
        beta = float(np.clip(rng.normal(self.beta_mean, self.beta_std), *BETA_RANGE))
        return Synthetic(blend(picture, texture, mask.pixels, beta), mask)


def blend(picture: Image, texture: Image, mask: Mask, beta: float) -> Image:
    """Inside the mask, beta of the picture and 1 - beta of the texture."""
    mixed = picture.copy()
    under, over = picture[mask].astype(np.float32), texture[mask].astype(np.float32)
    mixed[mask] = np.rint(beta * under + (1 - beta) * over).astype(np.uint8)
    return mixed
