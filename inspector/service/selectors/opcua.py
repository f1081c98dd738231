"""Selects the recipe whose name or number a node of an OPC UA server holds (extra `opcua`)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from inspector.connections.opcua import OpcUaSubscription
from inspector.connections.options import OpcUaAddress, check_opcua_address
from inspector.service.selectors.chooser import RecipeChooser
from inspector.service.selectors.options import SelectOptions, read_names
from inspector.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaSelectOptions(SelectOptions, OpcUaAddress):
    pass


class OpcUaSelector:
    """The value is a state: a request is made when it has changed, also while the connection was
    broken."""

    Options: ClassVar[type[SelectOptions]] = OpcUaSelectOptions

    def __init__(self, options: OpcUaSelectOptions, store: Store, key: str) -> None:
        check_opcua_address(options, key)
        names = read_names(options.names, f"{key}.names")
        who = f"opcua:{options.node}"
        self._chooser = RecipeChooser(
            *(store, who, names), source=options.source, at_start=options.at_start
        )
        self.connection = OpcUaSubscription(options, key, self._on_value)

    def stop(self) -> None:
        self.connection.stop()
        self._chooser.stop()

    def _on_value(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            self._chooser.refuse(f"{value!r:.80} is no name and no whole number")
        elif value != "":  # a server has an empty text before a program sets it
            self._chooser.see_state(str(value).strip())
