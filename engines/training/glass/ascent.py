"""Gradient ascent and truncated projection of GLASS (ECCV 2024), section 3.3, without autograd.

The literal form moves g (n, dims) along the gradient that comes back through the discriminator.
All those gradients are combinations of the rows of its linear layer's weight W, so the movement is
followed in the hidden space alone: with g = anchor + scale * start + A W, one step needs the
product with W W^T (hidden x hidden) in place of a forward and a backward pass through W of twice
as many rows, and the lengths that the projection needs come from A and the hidden values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engines.training.glass.networks import SLOPE, Discriminator, at_least_float32

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


def segments(
    net: Discriminator, true: Tensor, start: Tensor, anchor: Tensor, ascent: Ascent
) -> Iterator[tuple[Tensor, bool]]:
    """How far g moves between two projections, (n, dims), and whether a projection follows.

    true: (n, dims). start: g - anchor before the first step, (n, dims). anchor: (n, dims), what
    the projection measures from. Moves the running statistics of the batch norm as the forward
    passes of the literal form do.
    """
    walk = _Walk(net, true, start, anchor)
    for first in range(0, ascent.steps, EVERY):
        steps = min(EVERY, ascent.steps - first)
        yield walk.leg(steps, ascent), steps == EVERY


class _Walk:
    """Where g is: g = anchor + scale * start + path W.

    hidden: W (g - mean of `true`), offset: W (anchor - mean of `true`), start: W start, all
    (n, hidden); the discriminator's own bias plays no part before a batch norm.
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

    def leg(self, steps: int, ascent: Ascent) -> Tensor:
        """Climbs, and projects after EVERY steps; returns how far g climbed, (n, dims)."""
        with torch.no_grad():
            climbed = torch.zeros_like(self.hidden)
            for _ in range(steps):
                self._climb(ascent.step_size, climbed)
            self.path += climbed
            if steps == EVERY:
                self._project(ascent.low)
            return climbed @ self.weight

    def _climb(self, step_size: float, climbed: Tensor) -> None:
        """One step of step_size along the gradient of BCE(D(g), 1) with respect to g."""
        slope = self._hidden_gradient()
        moved = at_least_float32(slope @ self.gram)
        length = (moved * slope).sum(dim=1).clamp(min=0).sqrt()
        factor = (step_size / (length + TINY))[:, None]
        self.hidden.addcmul_(moved, factor)
        climbed.addcmul_(slope, factor)

    def _hidden_gradient(self) -> Tensor:
        """With respect to the linear layer's output, through the batch's own mean and variance
        over `true` and g together."""
        g, count = self.hidden, len(self.hidden)
        both = 2 * count
        mean = g.sum(dim=0) / both
        variance = (self.true_squares + (g * g).sum(dim=0)) / both - mean.square()
        self._track(mean, variance, both)
        inverse = torch.rsqrt(variance + self.norm.eps)
        gain = self.norm.weight * inverse
        inner = torch.addcmul(self.norm.bias - mean * gain, g, gain)
        active = torch.nn.functional.leaky_relu(inner, SLOPE)
        wrong = (torch.sigmoid(at_least_float32(active @ self.tail)) - 1) / count
        back = torch.ops.aten.leaky_relu_backward(
            torch.outer(wrong, self.tail), inner, SLOPE, False
        )
        level = back.sum(dim=0) / both
        tilt = inverse.square() * ((back * g).sum(dim=0) / both - mean * level)
        back.addcmul_(g, -tilt).sub_(level - tilt * mean)
        return back.mul_(gain)

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """What a forward pass in training mode does to the running statistics."""
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
