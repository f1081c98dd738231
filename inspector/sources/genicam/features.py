"""Writes and reads single features of a GenICam camera."""

import math
from collections.abc import Iterator
from typing import Any, Final

from inspector.core.errors import SourceError
from inspector.core.schema import suggest
from inspector.sources.genicam.aravis import load_aravis

ROUNDING: Final = 0.01
"""Largest relative difference between a number that was written and the one that was read back."""


def write_feature(device: Any, name: str, value: Any) -> None:
    """value: bool, number or text, by the type of the feature.

    For an enumeration, True and False mean On and Off, as YAML reads these words. Raises
    SourceError for an unknown feature or a value that it cannot have, and GLib.Error.
    """
    aravis = load_aravis()
    node = device.get_feature(name)
    if node is None:
        known = sorted(set(_names(device)))
        raise SourceError(f"the camera has no feature {name}{suggest(name, known)}")
    if isinstance(node, aravis.GcBoolean):
        _expect(name, value, bool, "true or false")
        device.set_boolean_feature_value(name, value)
    elif isinstance(node, aravis.GcEnumeration):
        entry = enumeration_text(value)
        entries = device.dup_available_enumeration_feature_values_as_strings(name)
        if entry not in entries:
            raise SourceError(f"{name} must be one of {', '.join(entries)}, not {entry}")
        device.set_string_feature_value(name, entry)
    elif isinstance(node, aravis.GcFloat):
        _expect(name, value, (int, float), "a number")
        check_bounds(name, value, device.get_float_feature_bounds(name))
        device.set_float_feature_value(name, value)
    elif isinstance(node, aravis.GcInteger):
        _expect(name, value, int, "a whole number")
        check_bounds(name, value, device.get_integer_feature_bounds(name))
        device.set_integer_feature_value(name, value)
    elif isinstance(node, aravis.GcString):
        _expect(name, value, str, "text")
        device.set_string_feature_value(name, value)
    else:
        raise SourceError(f"{name} is not a setting: it has no value")


def read_feature(device: Any, name: str) -> Any:
    """The value of a feature that the camera has. Raises GLib.Error."""
    aravis = load_aravis()
    node = device.get_feature(name)
    if isinstance(node, aravis.GcBoolean):
        return device.get_boolean_feature_value(name)
    if isinstance(node, aravis.GcEnumeration | aravis.GcString):
        return device.get_string_feature_value(name)
    if isinstance(node, aravis.GcFloat):
        return device.get_float_feature_value(name)
    return device.get_integer_feature_value(name)


def enumeration_text(value: Any) -> str:
    return ("On" if value else "Off") if isinstance(value, bool) else str(value)


def is_same(written: Any, actual: Any) -> bool:
    """Whether the camera took a value. Cameras round numbers with a fraction to their steps."""
    if isinstance(actual, float) and not isinstance(written, bool):
        return math.isclose(actual, written, rel_tol=ROUNDING, abs_tol=1e-3)
    if isinstance(actual, str):
        return actual == enumeration_text(written)
    return bool(actual == written)


def _expect(name: str, value: Any, kind: type | tuple[type, ...], words: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SourceError(f"{name} must be {words}, not {value!r}")


def check_bounds(name: str, value: float, bounds: tuple[float, float]) -> None:
    """Raises SourceError for a value outside (low, high). name: of the value, for the message."""
    low, high = bounds
    if not low <= value <= high:
        raise SourceError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")


def _names(device: Any, category: str = "Root") -> Iterator[str]:
    """Names of the features in a category and in those below it."""
    aravis = load_aravis()
    node = device.get_feature(category)
    if not isinstance(node, aravis.GcCategory):
        yield category
        return
    for name in node.get_features():
        yield from _names(device, name)
