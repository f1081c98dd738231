"""Estimates quantiles of an endless series in bounded memory."""

import math


class LogHistogram:
    """Counts positive values in bins of equal ratio, so that memory never grows.

    precision: largest relative error of a quantile, such as 0.01. Values below `smallest` share
    one bin. Mean, standard deviation, minimum and maximum are exact (Welford's recurrence).
    """

    def __init__(self, *, precision: float = 0.005, smallest: float = 1e-6) -> None:
        self._step = math.log1p(2 * precision)
        self._smallest = smallest
        self._bins: dict[int, int] = {}
        self._m2 = 0.0
        self.count = 0
        self.mean = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf

    def add(self, value: float) -> None:
        """value: finite and not negative."""
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"a value must be finite and at least 0, not {value}")
        index = 0
        if value > self._smallest:
            index = 1 + int(math.log(value / self._smallest) / self._step)
        self._bins[index] = self._bins.get(index, 0) + 1
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self._m2 += delta * (value - self.mean)
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)

    @property
    def std(self) -> float:
        """Sample standard deviation (n - 1). NaN for fewer than two values."""
        return math.sqrt(self._m2 / (self.count - 1)) if self.count > 1 else math.nan

    def quantile(self, q: float) -> float:
        """The value that a share `q` of all values is at or below. NaN when empty."""
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(q * self.count))
        counted = 0
        for index in sorted(self._bins):
            counted += self._bins[index]
            if counted >= rank:
                break
        if index == 0:
            return self.minimum
        middle = self._smallest * math.exp((index - 0.5) * self._step)
        return min(max(middle, self.minimum), self.maximum)
