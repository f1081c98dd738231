"""The loss of the autoencoder: reconstruction, SSIM, backbone features and edges."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning.methods.autoencoder.error_maps import C1, C2, window_matrix
from learning.methods.autoencoder.training.perceptual import FeatureDistance

VISIBLE: Final = 0.02
"""Pixels that differ by more are of a simulated defect; 2 is the largest difference."""

SOBEL: Final = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))


@dataclass(frozen=True, slots=True)
class LossWeights:
    """kind: mse, l1 or focal. focal_power: see reconstruction_loss."""

    kind: str = "mse"
    focal_power: float = 1.0
    reconstruction: float = 1.0
    ssim: float = 0.5
    perceptual: float = 0.1
    edge: float = 0.0
    corruption: float = 0.0


class CombinedLoss(nn.Module):  # type: ignore[misc]
    """distance: of backbone features; None if their weight is 0."""

    def __init__(self, weights: LossWeights, distance: FeatureDistance | None) -> None:
        super().__init__()
        if weights.perceptual and distance is None:
            raise ValueError(
                "perceptual_weight is above 0, but no features are compared: set perceptual"
            )
        self.weights, self.distance = weights, distance

    def forward(
        self, drawn: Tensor, target: Tensor, shown: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """drawn, target: (n, 3, H, W) in [-1, 1]. shown: what the network saw, if that is not the
        target. Returns the weighted total and each part without its weight; parts of weight 0 are
        left out."""
        weights = self.weights
        parts: dict[str, Tensor] = {}
        if weights.reconstruction:
            parts["reconstruction"] = reconstruction_loss(
                drawn, target, weights.kind, weights.focal_power
            )
        if weights.ssim:
            parts["ssim"] = 1 - similarity(drawn, target)
        if weights.perceptual and self.distance is not None:
            parts["perceptual"] = self.distance(drawn, target)
        if weights.edge:
            parts["edge"] = functional.l1_loss(edges(drawn), edges(target))
        if weights.corruption and shown is not None:
            parts["corruption"] = corruption_loss(drawn, target, shown)
        total = torch.stack([getattr(weights, name) * value for name, value in parts.items()]).sum()
        return total, parts


def reconstruction_loss(drawn: Tensor, target: Tensor, kind: str, power: float) -> Tensor:
    """The loss between drawn and target, (n, 3, H, W) in [-1, 1]. kind: mse, l1 or focal.

    focal is the squared error, weighted with a power of the error, so that large errors count more
    (after Lin et al. 2017).
    """
    if kind == "l1":
        return functional.l1_loss(drawn, target)
    if kind == "mse":
        return functional.mse_loss(drawn, target)
    error = (drawn - target).abs()
    return (error**power * error**2).mean()


def corruption_loss(drawn: Tensor, target: Tensor, shown: Tensor) -> Tensor:
    """Mean squared error of the pixels of simulated defects, which are few of all pixels; 0 without
    defects. All arguments: (n, 3, H, W) in [-1, 1]."""
    covered = (shown - target).abs().amax(dim=1, keepdim=True) > VISIBLE
    count = target.shape[1] * covered.sum().clamp(min=1)
    return ((drawn - target).square() * covered).sum() / count


def similarity(x: Tensor, y: Tensor) -> Tensor:
    """Mean SSIM (Wang et al. 2004): window of 11 pixels, sigma 1.5, values that span 2."""
    x, y = x.float(), y.float()
    rows, columns = (
        torch.from_numpy(window_matrix(side).copy()).to(x) for side in (x.shape[2], x.shape[3])
    )

    def mean(values: Tensor) -> Tensor:
        return rows @ values @ columns.T

    mean_x, mean_y = mean(x), mean(y)
    variances = (mean(x * x + y * y) - mean_x**2 - mean_y**2).clamp(min=0)
    covariance = mean(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return (above / ((mean_x**2 + mean_y**2 + C1) * (variances + C2))).mean()


def edges(pictures: Tensor) -> Tensor:
    """Sobel of each channel in both directions: (n, 3, H, W) -> (n, 6, H, W)."""
    kernel = torch.tensor(SOBEL, dtype=pictures.dtype, device=pictures.device)
    both = torch.stack([kernel, kernel.T])[:, None].repeat(3, 1, 1, 1)
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, both, groups=3)
