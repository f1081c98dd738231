"""Makes the selectors of recipes from entries of the configuration."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from inspector.core.errors import ConfigError
from inspector.core.kinds import load_kind
from inspector.store.database import Store

SELECTORS: Final = {
    "mqtt": "inspector.service.selectors.mqtt:MqttSelector",
    "modbus": "inspector.service.selectors.modbus:ModbusSelector",
    "opcua": "inspector.service.selectors.opcua:OpcUaSelector",
}
"""Kind -> "module:Class", imported when it is used."""


class Selector(Protocol):
    """Connects on a thread from its creation on, and adds requests for recipes to the store."""

    def stop(self) -> None:
        """Ends its threads, without waiting for them."""
        ...


class Selectors:
    """An attendant of a line: all its selectors. Raises the errors of make_selectors."""

    def __init__(self, entries: Sequence[Mapping[str, Any]], store: Store) -> None:
        self._selectors = make_selectors(entries, store)

    def turn(self) -> None:
        """Nothing to do: selectors have their own threads."""

    def stop(self) -> None:
        for selector in self._selectors:
            selector.stop()


def make_selectors(entries: Sequence[Mapping[str, Any]], store: Store) -> list[Selector]:
    """entries: the list `recipes.select` of the configuration. If one cannot be made, those before
    it are stopped. Raises ConfigError with the path of the wrong key."""
    selectors: list[Selector] = []
    try:
        for number, entry in enumerate(entries):
            key = f"recipes.select[{number}]"
            selector_class, options = load_kind(entry, SELECTORS, key)
            selectors.append(selector_class(options, store, key))
    except ConfigError:
        for selector in selectors:
            selector.stop()
        raise
    return selectors
