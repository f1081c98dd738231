"""Lengths as text: unit and number of digits."""

import pytest

from calibration.units import format_length, length_in
from inspector.core.errors import ConfigError


@pytest.mark.parametrize(
    ("value_mm", "unit", "text"),
    [
        (3.4159, "mm", "3.42 mm"),
        (3.4159, "inch", "0.134 in"),
        (34.159, "cm", "3.42 cm"),
        (9.996, "mm", "10.0 mm"),
        (1234.4, "mm", "1234 mm"),
        (0.01, "inch", "0.0004 in"),
        (0.0, "mm", "0 mm"),
    ],
)
def test_a_length_has_three_significant_digits(value_mm: float, unit: str, text: str) -> None:
    assert format_length(value_mm, unit) == text


def test_an_inch_is_25_4_mm() -> None:
    assert length_in(25.4, "inch") == pytest.approx(1.0)


def test_the_error_for_an_unknown_unit_lists_the_known_units() -> None:
    with pytest.raises(ConfigError, match=r"'furlong'.*mm, cm, inch"):
        format_length(1.0, "furlong")
