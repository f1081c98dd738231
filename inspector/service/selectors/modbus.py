"""Selects the recipe whose number a register of a PLC holds (Modbus TCP, extra `modbus`)."""

from dataclasses import dataclass
from typing import ClassVar

from inspector.connections.modbus import ModbusPoller
from inspector.connections.options import ModbusAddress, check_modbus_address
from inspector.core.errors import ConfigError
from inspector.core.schema import NotNegative, Seconds
from inspector.service.selectors.chooser import RecipeChooser
from inspector.service.selectors.options import SelectOptions, read_names
from inspector.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusSelectOptions(SelectOptions, ModbusAddress):
    """stable_s: a number counts after it was the same for this time."""

    interval_s: Seconds = 0.2
    stable_s: NotNegative = 0.4


class Debounce:
    """Passes a value on once, after it was the same for stable_s."""

    def __init__(self, stable_s: float) -> None:
        self._stable_s = stable_s
        self._value: int | None = None
        self._since_s = 0.0
        self._passed = False

    def add(self, time_s: float, value: int) -> int | None:
        """time_s: monotonic. Returns the value if it is due, otherwise None."""
        if value != self._value:
            self._value, self._since_s, self._passed = value, time_s, False
        if self._passed or time_s - self._since_s < self._stable_s:
            return None
        self._passed = True
        return value


class ModbusSelector:
    """The number is a state: a request is made when it has changed, also while the connection was
    broken."""

    Options: ClassVar[type[SelectOptions]] = ModbusSelectOptions

    def __init__(self, options: ModbusSelectOptions, store: Store, key: str) -> None:
        check_modbus_address(options, key)
        if not options.names:
            raise ConfigError(f"{key}.names is missing: a register holds a number, not a name")
        names = read_names(options.names, f"{key}.names")
        who = f"modbus:{options.host}:{options.port}/{options.register}"
        self._debounce = Debounce(options.stable_s)
        self._chooser = RecipeChooser(
            *(store, who, names), source=options.source, at_start=options.at_start
        )
        self.connection = ModbusPoller(options, 1, key, self._on_words)

    def stop(self) -> None:
        self.connection.stop()
        self._chooser.stop()

    def _on_words(self, time_s: float, words: list[int]) -> None:
        number = self._debounce.add(time_s, words[0])
        if number is not None:
            self._chooser.see_state(str(number))
