"""Gradient ascent and truncated projection of GLASS (ECCV 2024), section 3.3, without autograd.

The literal form moves g (n, dims) along the gradient that the discriminator returns. All these
gradients are combinations of the rows of W, the weight of its linear layer. So the movement can be
computed in the hidden space alone, with g = anchor + scale * start + A W. One step then needs the
product with W W^T (hidden x hidden). The literal form needs a forward and a backward pass through W
with twice as many rows. The projection needs lengths; they follow from A and the hidden values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from learning.methods.glass.training.networks import SLOPE, Discriminator, at_least_float32

EVERY: Final = 5
"""Steps between two projections."""

TINY: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Ascent:
    """steps: of the ascent. step_size: length of each. low: least distance from the anchor after
    a projection; twice of it is the largest."""

    steps: int
    step_size: float
    low: float


def truncation(length: Tensor, low: float) -> Tensor:
    """Factor that brings each length into [low, 2 low]."""
    return length.clamp(low, 2 * low) / (length + TINY)


def legs(steps: int) -> list[int]:
    """Steps of the ascent between projections; only a leg of EVERY steps ends with one."""
    return [min(EVERY, steps - first) for first in range(0, steps, EVERY)]


def around_true(net: Discriminator, true: Tensor, noise: Tensor, ascent: Ascent) -> Tensor:
    """g - true after the whole ascent, (n, dims), projected around `true`. g starts as true +
    noise. The running statistics of the batch norm change as in the forward passes of the literal
    form."""
    walk = _Walk(net, true, noise, true)
    with torch.no_grad():
        for steps in legs(ascent.steps):
            walk.leg(steps, ascent)
        return walk.scale[:, None] * noise + walk.path @ walk.weight


def around_centre(
    net: Discriminator, true: Tensor, start: Tensor, centre: Tensor, ascent: Ascent
) -> Iterator[tuple[Tensor, bool]]:
    """The same around `centre`, leg by leg. Each leg gives how far g climbs, (n, dims), and whether
    a projection follows. start: g - centre before the ascent, (n, dims)."""
    walk = _Walk(net, true, start, centre)
    for steps in legs(ascent.steps):
        yield walk.move(steps, ascent), steps == EVERY


class _Walk:
    """Position of g: g = anchor + scale * start + path W.

    hidden: W (g - mean of `true`), offset: W (anchor - mean of `true`), start: W start, all
    (n, hidden); the bias of the discriminator has no effect before a batch norm.
    """

    def __init__(self, net: Discriminator, true: Tensor, start: Tensor, anchor: Tensor) -> None:
        with torch.no_grad():
            self._set_out(net, true, start, anchor)

    def _set_out(self, net: Discriminator, true: Tensor, start: Tensor, anchor: Tensor) -> None:
        self.norm, self.tail = net.norm, net.tail_weight
        self.weight, self.bias = net.linear.weight, net.linear.bias
        self.gram = at_least_float32(self.weight @ self.weight.T)
        of_true = at_least_float32(true @ self.weight.T)
        self.mean = of_true.mean(dim=0)
        self.true_squares = (of_true - self.mean).square().sum(dim=0)
        offset = of_true if anchor is true else at_least_float32(anchor @ self.weight.T)
        self.offset = offset - self.mean
        self.start = at_least_float32(start @ self.weight.T)
        self.start_square = start.square().sum(dim=1)
        self.scale = torch.ones_like(self.start_square)
        self.hidden = self.offset + self.start
        self.path = torch.zeros_like(self.hidden)
        # These arrays are used again in every step: new memory would cost as much time as the sums.
        self.active, self.spare = torch.empty_like(self.hidden), torch.empty_like(self.hidden)

    def leg(self, steps: int, ascent: Ascent) -> Tensor:
        """Climbs, and projects after EVERY steps; returns what the climb added to the path."""
        climbed = torch.zeros_like(self.hidden)
        for _ in range(steps):
            self._climb(ascent.step_size, climbed)
        self.path += climbed
        if steps == EVERY:
            self._project(ascent.low)
        return climbed

    def move(self, steps: int, ascent: Ascent) -> Tensor:
        """A leg; returns how far g climbed, (n, dims)."""
        with torch.no_grad():
            return self.leg(steps, ascent) @ self.weight

    def _climb(self, step_size: float, climbed: Tensor) -> None:
        """One step of step_size along the gradient of BCE(D(g), 1) with respect to g."""
        slope = self._hidden_gradient()
        moved = at_least_float32(slope @ self.gram)
        square = torch.mul(moved, slope, out=self.spare).sum(dim=1)
        factor = (step_size / (square.clamp(min=0).sqrt() + TINY))[:, None]
        self.hidden.addcmul_(moved, factor)
        climbed.addcmul_(slope, factor)

    def _hidden_gradient(self) -> Tensor:
        """With respect to the linear layer's output, through the batch's own mean and variance
        over `true` and g together. Valid until the next call."""
        g, count = self.hidden, len(self.hidden)
        both = 2 * count
        mean = g.sum(dim=0) / both
        squares = torch.mul(g, g, out=self.spare).sum(dim=0)
        variance = (self.true_squares + squares) / both - mean.square()
        self._track(mean, variance, both)
        inverse = torch.rsqrt(variance + self.norm.eps)
        gain = self.norm.weight * inverse
        active = torch.addcmul(self.norm.bias - mean * gain, g, gain, out=self.active)
        functional.leaky_relu_(active, SLOPE)
        wrong = (torch.sigmoid(at_least_float32(active @ self.tail)) - 1) / count
        torch.outer(wrong, self.tail, out=self.spare)
        back = torch.ops.aten.leaky_relu_backward.grad_input(
            self.spare, active, SLOPE, True, grad_input=active
        )
        level = back.sum(dim=0) / both
        together = torch.mul(back, g, out=self.spare).sum(dim=0)
        tilt = inverse.square() * (together / both - mean * level)
        back.addcmul_(g, -tilt).sub_(level - tilt * mean)
        return back.mul_(gain)

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Updates the running statistics as a forward pass in training mode does."""
        norm = self.norm
        norm.running_mean.lerp_(mean + self.mean + self.bias, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
        norm.num_batches_tracked += 1

    def _project(self, low: float) -> None:
        from_anchor = self.hidden - self.offset
        along = self.scale * (self.path * self.start).sum(dim=1)
        square = self.scale.square() * self.start_square + along
        square += (self.path * from_anchor).sum(dim=1)
        factor = truncation(square.clamp(min=0).sqrt(), low)
        self.scale *= factor
        self.path *= factor[:, None]
        torch.addcmul(self.offset, from_anchor, factor[:, None], out=self.hidden)
