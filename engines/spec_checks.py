"""Parses untrusted JSON and checks its values; a SpecError names the field that is wrong."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from inspector.core.errors import SpecError
from inspector.core.schema import shown

DEEPEST: Final = 32
"""Largest number of nested levels. Code that reads a spec is recursive."""

LONGEST_TEXT: Final = 1000
MAX_SETTINGS: Final = 64
LARGEST_COUNT: Final = 1_000_000_000
LARGEST_SIDE: Final = 65_536


def parse_json(text: str, what: str) -> Any:
    """Raises SpecError for text that is not JSON, for NaN and infinite numbers, and for values
    nested more than DEEPEST levels deep. what: for the message, as in "the engine's spec"."""
    try:
        raw = json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_float)
    except (ValueError, RecursionError) as exc:
        raise SpecError(f"{what} is not JSON: {exc}") from exc
    if _is_deeper_than(raw, DEEPEST):
        raise SpecError(f"{what} is nested more than {DEEPEST} levels deep")
    return raw


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _parse_float(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]} is too large a number")
    return value


def _is_deeper_than(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper_than(item, levels - 1) for item in inner)


def check_text(name: str, value: str, *, empty: bool = False) -> None:
    """Printable text of at most LONGEST_TEXT characters. empty: whether "" is allowed."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise SpecError(f"{name} must be printable text of at most {LONGEST_TEXT} characters")
    if not value and not empty:
        raise SpecError(f"{name} must not be empty")


def check_number(
    name: str, value: float | None, *, low: float = -math.inf, high: float = math.inf
) -> None:
    """A finite number from low to high; None is allowed, because it means unknown."""
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:
        raise SpecError(f"{name} must be a finite number, not {shown(value)}")
    if not low <= value <= high:
        raise SpecError(f"{name} must lie between {low:g} and {high:g}, not {shown(value)}")


def check_count(name: str, value: int | None, *, low: int = 0, high: int = LARGEST_COUNT) -> None:
    """A whole number from low to high, or None for unknown."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SpecError(f"{name} must be a whole number from {low} to {high}, not {shown(value)}")


def check_length(name: str, values: Sequence[Any], most: int) -> None:
    """A list of 1 to `most` values."""
    if not 1 <= len(values) <= most:
        raise SpecError(f"{name} must hold 1 to {most} values, not {len(values)}")


def check_settings(name: str, values: Mapping[str, Any]) -> None:
    """At most MAX_SETTINGS plain values by name: text, finite numbers, true, false, null, and
    lists of them."""
    if len(values) > MAX_SETTINGS:
        raise SpecError(f"{name} must hold at most {MAX_SETTINGS} values, not {len(values)}")
    for key, value in values.items():
        check_text(f"a name in {name}", key)
        items = value if isinstance(value, (list, tuple)) else (value,)
        if len(items) > MAX_SETTINGS:
            raise SpecError(f"{name}.{key} must hold at most {MAX_SETTINGS} values")
        for item in items:
            _check_plain(f"{name}.{key}", item)


def _check_plain(name: str, value: Any) -> None:
    if isinstance(value, str):
        check_text(name, value, empty=True)
    elif isinstance(value, (dict, list, tuple)):
        raise SpecError(f"{name} must hold plain values, not lists or keys within it")
    elif not isinstance(value, bool):
        check_number(name, value)


def check_positive_pair(name: str, value: tuple[int, int]) -> None:
    """Two whole numbers from 1 to LARGEST_SIDE."""
    if not (min(value) >= 1 and max(value) <= LARGEST_SIDE):
        raise SpecError(f"{name} must be two positive whole numbers, not {value!r}")


def check_aspects(aspects: tuple[float, float]) -> None:
    """Two finite numbers above 0, the lower one first."""
    low, high = aspects
    if not 0 < low <= high < math.inf:
        raise SpecError(f"aspects must be two rising numbers above 0, not {aspects!r}")
