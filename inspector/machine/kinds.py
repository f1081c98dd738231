"""Makes state outputs from entries of the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Protocol

from inspector.core.errors import ConfigError
from inspector.core.kinds import load_kind
from inspector.core.schema import Between
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls

STATE_OUTPUTS: Final[dict[str, str]] = {
    "mqtt_state": "inspector.machine.mqtt_state:MqttState",
    "modbus_server": "inspector.machine.modbus_server:ModbusServer",
    "opcua_server": "inspector.machine.opcua_server:OpcUaServer",
    "prometheus": "inspector.machine.prometheus:PrometheusOutput",
    "command": "inspector.machine.command:CommandOutput",
}
"""Kind -> "module:Class", imported when it is used."""

Milliseconds = Annotated[float, Between(1, 3.6e6)]


@dataclass(frozen=True, kw_only=True)
class StateOptions:
    """The keys of every entry in `outputs` with a state. A subclass adds the keys of its kind.

    It has no slots, because a class cannot inherit slots from two classes.

    kind: a key of the table STATE_OUTPUTS. expiry_ms: from the capture of a frame to the end of its
    PASS.
    """

    kind: str
    expiry_ms: Milliseconds


@dataclass(frozen=True, kw_only=True)
class StationOptions(StateOptions):
    """station: the only one that the output shows; None: the only one that there is."""

    station: str | None = None


class StateOutput(Protocol):
    """Shows the newest states on its threads, from its creation until stop().

    board: of this output alone, with its expiry. key: of the entry in the configuration, for
    messages. The constructor raises ConfigError, and does not wait for a receiver.
    """

    Options: ClassVar[type[StateOptions]]

    def __init__(self, options: Any, board: StateBoard, key: str, controls: Controls) -> None: ...

    def stop(self) -> None:
        """Shows the last states and ends the threads. Waits a short time at most."""
        ...


def read_options(entry: Mapping[str, Any], key: str) -> StateOptions:
    """The options of an entry whose kind is in STATE_OUTPUTS. Raises ConfigError."""
    options: StateOptions = load_kind(entry, STATE_OUTPUTS, key)[1]
    return options


def find_station(station: str | None, names: Sequence[str], key: str) -> str:
    """The name of the station that an output shows. None: the only one. Raises ConfigError."""
    if station is None and len(names) == 1:
        return names[0]
    if station is None or station not in names:
        known = ", ".join(names)
        raise ConfigError(f"{key}.station must be one of {known}, not {station}")
    return station
