"""Tests of the quantiles in bounded memory."""

import math

import numpy as np
import pytest

from inspector.core.quantiles import LogHistogram


def test_quantiles_are_within_the_stated_precision() -> None:
    values = np.random.default_rng(1).lognormal(1.0, 2.0, 20_001)
    histogram = LogHistogram(precision=0.005)
    for value in values:
        histogram.add(float(value))
    for q in (0.01, 0.5, 0.99):
        exact = float(np.quantile(values, q, method="inverted_cdf"))
        assert histogram.quantile(q) == pytest.approx(exact, rel=0.0051)
    assert histogram.mean == pytest.approx(values.mean())
    assert histogram.std == pytest.approx(values.std(ddof=1))
    assert (histogram.minimum, histogram.maximum) == (values.min(), values.max())


def test_every_quantile_of_one_value_is_that_value() -> None:
    histogram = LogHistogram()
    histogram.add(3.25)
    assert histogram.quantile(0.5) == 3.25
    assert math.isnan(histogram.std)


def test_zeros_are_counted() -> None:
    histogram = LogHistogram()
    for value in (0.0, 0.0, 0.0, 5.0):
        histogram.add(value)
    assert histogram.quantile(0.5) == 0.0
    assert histogram.quantile(1.0) == 5.0


def test_an_empty_histogram_gives_nan_and_bad_values_are_refused() -> None:
    histogram = LogHistogram()
    assert math.isnan(histogram.quantile(0.5))
    for value in (math.nan, math.inf, -1.0):
        with pytest.raises(ValueError, match="finite"):
            histogram.add(value)
