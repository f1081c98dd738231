"""Finds what an entry of the configuration means by its key `kind`."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from inspector.core.errors import ConfigError
from inspector.core.lazy import load_entry
from inspector.core.schema import build, shown


def has_kind(entry: Mapping[str, Any], kinds: Container[str]) -> bool:
    """Whether the entry has one of these kinds. An entry can have any value there."""
    kind = entry.get("kind")
    return isinstance(kind, str) and kind in kinds


def load_kind(
    entry: Mapping[str, Any], table: Mapping[str, str], key: str, *, others: Iterable[str] = ()
) -> tuple[Any, Any]:
    """The class of the kind, and its options as the entry gives them.

    table: kind -> "module:Class"; the class has the attribute Options. key: of the entry in the
    configuration, for messages. others: kinds that the entry could have elsewhere, for the message.
    Raises ConfigError.
    """
    if not has_kind(entry, table):
        known = ", ".join((*table, *others))
        raise ConfigError(f"{key}.kind must be one of {known}, not {shown(entry.get('kind'))}")
    kind_class = load_entry(table[entry["kind"]])
    return kind_class, build(kind_class.Options, dict(entry), ConfigError, key)
