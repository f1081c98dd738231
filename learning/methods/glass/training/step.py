"""One training step of GLASS (ECCV 2024): global anomaly synthesis, hard mining, the losses."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from inspector.core.errors import DataError
from learning.methods.glass.training.ascent import Ascent, around_centre, around_true, truncation
from learning.methods.glass.training.networks import Discriminator, GlassNetworks, at_least_float32

MANIFOLD_RADIUS: Final = 0.5
FOCAL_SMOOTH: Final = 1e-5
FOCAL_GAMMA: Final = 2

DIVERGED: Final = "scores of the training are not finite: lower learning_rate or step_size"


@dataclass(frozen=True, slots=True)
class StepSettings:
    """steps, step_size: of the ascent. radius: quantile of the distances to the centre that is
    r_t, for a hypersphere. hard: quantile of the errors above which rows of defective pictures
    count. mining: off skips ascent and projection."""

    steps: int = 20
    step_size: float = 0.001
    radius: float = 0.75
    hard: float = 0.5
    mining: bool = True


@dataclass(frozen=True, slots=True)
class PatchRows:
    """One batch, with a row per patch. true, defective: (n, dims) embeddings of normal pictures and
    of the same with defects. noise: (n, dims), the first difference of g from the true features.
    defects: (n,) 1 where a patch holds a defect, else 0. centre: (n, dims), projected; None is
    manifold."""

    true: Tensor
    defective: Tensor
    noise: Tensor
    defects: Tensor
    centre: Tensor | None


@dataclass(frozen=True, slots=True)
class Losses:
    """true, gauss, focal: training minimises their sum, `total`. gaussian: g, (n, dims). radius:
    r_t, None for a manifold. The last two: shares of true patches with a score below one half, and
    of g with a score of one half or more."""

    true: Tensor
    gauss: Tensor
    focal: Tensor
    gaussian: Tensor
    radius: float | None
    true_below_half: Tensor
    gauss_above_half: Tensor

    @property
    def total(self) -> Tensor:
        return self.true + self.gauss + self.focal

    def figures(self) -> dict[str, Tensor]:
        """Scalars by name, without their history."""
        figures = {
            "loss/true": self.true,
            "loss/gauss": self.gauss,
            "loss/focal": self.focal,
            "loss/total": self.total,
            "share/true_below_half": self.true_below_half,
            "share/gauss_above_half": self.gauss_above_half,
        }
        return {name: value.detach() for name, value in figures.items()}


def losses(networks: GlassNetworks, rows: PatchRows, settings: StepSettings) -> Losses:
    """Puts both networks in training mode."""
    networks.projection.train()
    net = networks.discriminator.train()
    true = at_least_float32(networks.projection(rows.true))
    defective = at_least_float32(networks.projection(rows.defective))
    radius = None
    if rows.centre is not None:
        radius = _radius(true, defective, rows, settings.radius)
        defective = _push_out(defective, rows.centre, rows.defects > 0, radius)
    gaussian = _gaussian(net, true, rows, radius, settings)
    scores = net(torch.cat([true, gaussian]))
    of_true, of_gauss = scores[: len(true)], scores[len(true) :]
    focal = _focal(*_hard(net(defective), rows.defects, settings.hard))
    return Losses(
        true=_cross_entropy(of_true, torch.zeros_like(of_true)),
        gauss=_cross_entropy(of_gauss, torch.ones_like(of_gauss)),
        focal=focal,
        gaussian=gaussian,
        radius=radius,
        true_below_half=(of_true.detach() < 0.5).float().mean(),
        gauss_above_half=(of_gauss.detach() >= 0.5).float().mean(),
    )


def descend(networks: GlassNetworks, total: Tensor) -> None:
    """One step of both optimisers."""
    networks.projection_optimiser.zero_grad()
    networks.discriminator_optimiser.zero_grad()
    total.backward()
    networks.projection_optimiser.step()
    networks.discriminator_optimiser.step()


def _radius(true: Tensor, defective: Tensor, rows: PatchRows, quantile: float) -> float:
    """r_t: of the distances to the centre of all patches without a defect."""
    with torch.no_grad():
        sound = rows.defects == 0
        away = torch.cat([true - rows.centre, (defective - rows.centre)[sound]]).norm(dim=1)
        return float(torch.quantile(away, quantile))


def _push_out(features: Tensor, centre: Tensor, defects: Tensor, radius: float) -> Tensor:
    """Moves patches with a defect to a distance of 2 to 4 radii from the centre."""
    away = features - centre
    length = away.norm(dim=1, keepdim=True)
    moved = centre + away * truncation(length, 2 * radius)
    return torch.where(defects[:, None], moved, features)


def _gaussian(
    net: Discriminator, true: Tensor, rows: PatchRows, radius: float | None, settings: StepSettings
) -> Tensor:
    """g: the gradient of the losses goes through it to the projection."""
    if not settings.mining:
        return true + rows.noise
    fixed = true.detach()
    if rows.centre is None or radius is None:
        ascent = Ascent(settings.steps, settings.step_size, MANIFOLD_RADIUS)
        # The difference between true and g is a constant for the gradient: the anchor moves with g.
        return true + around_true(net, fixed, rows.noise, ascent)
    ascent = Ascent(settings.steps, settings.step_size, radius)
    start = fixed + rows.noise - rows.centre
    away = true + rows.noise - rows.centre
    for moved, projected in around_centre(net, fixed, start, rows.centre, ascent):
        away = away + moved
        if projected:
            away = away * truncation(away.norm(dim=1, keepdim=True), ascent.low)
    return rows.centre + away


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of probabilities. torch refuses it under autocast, although these are
    float32. Raises DataError for NaN, because torch would end the process on a GPU."""
    if not scores.detach().isfinite().all():
        raise DataError(DIVERGED)
    with torch.autocast(scores.device.type, enabled=False):
        return functional.binary_cross_entropy(scores, labels)


def _hard(scores: Tensor, defects: Tensor, quantile: float) -> tuple[Tensor, Tensor]:
    """The patches whose squared error is at least the quantile of all."""
    error = (scores.detach() - defects).square()
    hard = error >= torch.quantile(error, quantile)
    return scores[hard], defects[hard]


def _focal(scores: Tensor, defects: Tensor) -> Tensor:
    """Focal loss (Lin et al., 2017), with the labels kept off 0 and 1."""
    label = defects.clamp(FOCAL_SMOOTH, 1 - FOCAL_SMOOTH)
    other = (1 - defects).clamp(FOCAL_SMOOTH, 1 - FOCAL_SMOOTH)
    probability = other * (1 - scores) + label * scores + FOCAL_SMOOTH
    return -((1 - probability) ** FOCAL_GAMMA * probability.log()).mean()
