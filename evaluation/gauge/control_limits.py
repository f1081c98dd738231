"""Limits of average and range charts, for 2 to 10 measurements per point.

The factors are those of the usual table, such as in AIAG, Statistical Process Control, appendix.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.gauge.design import Design, Values

FACTORS: Final = {
    2: (1.880, 0.0, 3.267),
    3: (1.023, 0.0, 2.574),
    4: (0.729, 0.0, 2.282),
    5: (0.577, 0.0, 2.114),
    6: (0.483, 0.0, 2.004),
    7: (0.419, 0.076, 1.924),
    8: (0.373, 0.136, 1.864),
    9: (0.337, 0.184, 1.816),
    10: (0.308, 0.223, 1.777),
}
"""Measurements per point -> A2, D3, D4."""


@dataclass(frozen=True, slots=True)
class ControlChart:
    """averages, ranges: (appraisers, parts). *_limits: lower, centre, upper.

    outside: points of the averages outside their limits; about half or more of them should be
    outside, because otherwise the gauge cannot see the differences of the parts. unstable: ranges
    above their upper limit; there should be none."""

    averages: Values
    ranges: Values
    average_limits: tuple[float, float, float]
    range_limits: tuple[float, float, float]

    @property
    def outside(self) -> int:
        low, _, high = self.average_limits
        return int(np.sum((self.averages < low) | (self.averages > high)))

    @property
    def unstable(self) -> int:
        low, _, high = self.range_limits
        return int(np.sum((self.ranges < low) | (self.ranges > high)))


def control_chart(design: Design) -> ControlChart | None:
    """None with more than ten trials, for which ranges are not used."""
    if design.trials not in FACTORS:
        return None
    a2, d3, d4 = FACTORS[design.trials]
    averages, ranges = design.values.mean(axis=2).T, np.ptp(design.values, axis=2).T
    mean, mean_range = float(averages.mean()), float(ranges.mean())
    half = a2 * mean_range
    return ControlChart(
        averages,
        ranges,
        (mean - half, mean, mean + half),
        (d3 * mean_range, mean_range, d4 * mean_range),
    )
