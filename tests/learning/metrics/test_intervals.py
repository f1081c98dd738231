"""Confidence intervals."""

import pytest

from learning.metrics.intervals import clopper_pearson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (1, 20, 0.0013, 0.2487),
        (5, 100, 0.0164, 0.1128),
        (10, 10, 0.6915, 1.0),
    ],
)
def test_clopper_pearson_gives_the_values_of_published_tables(successes, trials, low, high):
    assert clopper_pearson(successes, trials) == pytest.approx((low, high), abs=1e-4)
