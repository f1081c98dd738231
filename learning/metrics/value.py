"""A figure together with what is known about its doubt."""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Metric:
    """value: NaN where the data do not define it, never 0; the reason then says what is missing.

    reason: empty, or a sentence part; beside a defined value it is a reservation about it.
    interval: of 95 % confidence, None where none was computed.
    error: bound of |value - exact value| from grouped scores; 0 means exact up to rounding.
    """

    value: float
    reason: str = ""
    interval: tuple[float, float] | None = None
    error: float = 0.0

    @classmethod
    def undefined(cls, reason: str) -> Self:
        return cls(math.nan, reason)

    @property
    def defined(self) -> bool:
        return not math.isnan(self.value)
