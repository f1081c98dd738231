"""Values as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any


def describe_backbone(name: str, layers: Sequence[str]) -> str:
    """Name and layers in one line; name is "" for a method without a backbone."""
    listed = f"layers {', '.join(layers)}" if layers else "no layers"
    return f"{name or 'none'}, {listed}"


def plain_values(values: Mapping[str, Any]) -> str:
    """Names and values in one line, floats to three digits, also those one level down."""
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return f"({plain_values(value)})"
    return str(value)
