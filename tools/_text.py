"""Values as text for people."""

from collections.abc import Mapping
from typing import Any


def plain_values(values: Mapping[str, Any]) -> str:
    """Names and values in one line, floats to three digits, also those one level down."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return f"({plain_values(value)})"
    return str(value)
