"""The fields that trace a product: serial, lot, shift and operator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_CHARACTERS: Final = 200
"""Of a part_id and of each trace field."""


@dataclass(frozen=True, slots=True)
class TraceFields:
    """What is known about a product, or about the production at a time. None: not known."""

    serial: str | None = None
    lot: str | None = None
    shift: str | None = None
    operator: str | None = None

    def over(self, other: "TraceFields") -> "TraceFields":
        """These values, and those of `other` where these are not known."""
        if other == UNTRACED or self == other:
            return self
        return TraceFields(*(getattr(self, name) or getattr(other, name) for name in TRACE_FIELDS))

    def plain(self) -> dict[str, str | None]:
        """Name -> value, in the order of the fields."""
        return {name: getattr(self, name) for name in TRACE_FIELDS}


TRACE_FIELDS: Final = ("serial", "lot", "shift", "operator")

UNTRACED: Final = TraceFields()


def read_trace(values: Mapping[str, Any]) -> TraceFields:
    """The trace fields among the keys of a record or a section. Records of earlier versions have
    none."""
    return TraceFields(*(values.get(name) or None for name in TRACE_FIELDS))


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Constant values for all lines of a run, where nothing else gives the field."""

    lot: str | None = None
    shift: str | None = None
    operator: str | None = None
