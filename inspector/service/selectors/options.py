"""The options that all selectors of recipes have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inspector.core.errors import ConfigError
from inspector.core.schema import shown


@dataclass(frozen=True, kw_only=True)
class SelectOptions:
    """It has no slots, because a class cannot inherit slots from two classes.

    source: name of the source that uses the recipe; None: all sources use it. names: received value
    -> name of the recipe; null for a value that selects nothing. Without names the value is the
    name. at_start: use a value that the sender had set before this program connected for the first
    time.
    """

    kind: str
    source: str | None = None
    names: dict[str, Any] = field(default_factory=dict)
    at_start: bool = True


def read_names(names: Mapping[Any, Any], key: str) -> dict[str, str | None]:
    """The table with texts as keys: YAML reads 1 as a number. Raises ConfigError. key: of the
    table."""
    for value, name in names.items():
        if name is not None and not isinstance(name, str):
            raise ConfigError(f"{key}: {value} must have the name of a recipe, not {shown(name)}")
    return {str(value): name for value, name in names.items()}
