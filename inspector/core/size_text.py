"""Formats a size with its uncertainty, and compares it with its limits in words."""

import math
from collections.abc import Sequence
from typing import Final

from inspector.core.decisions import Decision, LimitDecision

MAX_DECIMALS: Final = 4


def format_measured(size: float, expanded_u: float) -> str:
    """Text such as "7.1 +-0.3" for a size and its expanded uncertainty U in the same unit.

    U is rounded up to one digit, or to two digits if the first is 1 or 2 (GUM 7.2.6: at most two).
    The size has the same decimals. ASCII only, because the fonts of the pictures have no other
    characters.
    """
    decimals = _decimals(expanded_u)
    step = 10.0**-decimals
    # Without the small share, 0.3 / 0.1 would be rounded up to 4.
    rounded_u = math.ceil(expanded_u / step - 1e-9) * step
    shown = max(decimals, 0)
    return f"{round(size, decimals):.{shown}f} +-{rounded_u:.{shown}f}"


def describe_limits(limits: Sequence[LimitDecision], size_source: str) -> str:
    """Text such as "length 4.9 +-0.3 mm, limit 5 mm"; several limits are separated by ";"."""
    return "; ".join(_describe_limit(limit, size_source) for limit in limits)


def _describe_limit(limit: LimitDecision, size_source: str) -> str:
    _, quantity, unit = limit.limit_name.split("_")
    end = f"limit {limit.limit:.4g} {unit}"
    if limit.size is None:
        return f"{quantity} unknown, {end}"
    if size_source == "map" and limit.decision is not Decision.DOES_NOT_CONFORM:
        return f"{quantity} up to {limit.size:.3g} {unit}, {end}"
    if not limit.guard_band:
        return f"{quantity} {limit.size:.4g} {unit}, {end}"
    return f"{quantity} {format_measured(limit.size, limit.guard_band)} {unit}, {end}"


def _decimals(expanded_u: float) -> int:
    if not (expanded_u > 0 and math.isfinite(expanded_u)):
        return 2
    first, exponent = f"{expanded_u:.3e}".split("e")
    magnitude, digits = int(exponent), 2 if float(first) < 3 else 1
    return min(digits - 1 - magnitude, MAX_DECIMALS)
