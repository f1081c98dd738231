"""Scales of a chart: where a value lies, and which values are written at the axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear, low at place `start`, high at place `end`, in chart units; start may exceed end."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> Self:
        """Holds all of the values; a single value gets a margin on both sides."""
        low, high = min(values), max(values)
        if low == high:
            margin = abs(low) * 0.1 or 1.0
            low, high = low - margin, high + margin
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """Place of a value, rounded to a hundredth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Round values within the scale and how they are written, all with equal decimals."""
        step = round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(k * step, written(k * step, step)) for k in range(first, last + 1)]


def round_step(rough: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))


def written(value: float, step: float) -> str:
    """With the decimals that a step needs; powers of ten where they would be many."""
    if abs(value) >= 1e6 or step < 1e-4:
        return f"{value:.2g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
