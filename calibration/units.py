"""Units for people: millimetres inside, um (micrometre), mm, cm or inch outside."""

import math
from typing import Final

from inspector.core.errors import ConfigError

MM_PER: Final[dict[str, float]] = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "inch": 25.4}
SYMBOL: Final[dict[str, str]] = {"um": "um", "mm": "mm", "cm": "cm", "inch": "in"}

SIGNIFICANT: Final = 3
MAX_DECIMALS: Final = 4


def mm_per(unit: str) -> float:
    """Millimetres in one `unit`; ConfigError for one that is not known."""
    if unit not in MM_PER:
        raise ConfigError(f"unit {unit!r} is unknown; known: {', '.join(MM_PER)}")
    return MM_PER[unit]


def length_in(value_mm: float, unit: str) -> float:
    return value_mm / mm_per(unit)


def format_length(value_mm: float, unit: str) -> str:
    """Three significant digits, such as "3.42 mm" or "0.135 in"."""
    return f"{_digits(length_in(value_mm, unit))} {SYMBOL[unit]}"


def _digits(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    magnitude = math.floor(math.log10(abs(float(f"{value:.{SIGNIFICANT - 1}e}"))))
    decimals = min(max(SIGNIFICANT - 1 - magnitude, 0), MAX_DECIMALS)
    return f"{value:.{decimals}f}"
