"""Makes the receivers of triggers from entries of the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from inspector.core.errors import ConfigError
from inspector.core.kinds import load_kind
from inspector.triggers.gate import TriggerGate

RECEIVERS: Final = {
    "mqtt": "inspector.triggers.mqtt:MqttReceiver",
    "modbus": "inspector.triggers.modbus:ModbusReceiver",
}
"""Kind -> "module:Class", imported when it is used. The class has Options, and is made with its
options, the gate, and the key of its entry for messages."""


@dataclass(frozen=True, kw_only=True)
class ReceiverOptions:
    """It has no slots, because a class cannot inherit slots from two classes."""

    kind: str


class Receiver(Protocol):
    """Connects on a thread from its creation on, and passes triggers to the gate."""

    def stop(self) -> None:
        """Ends its thread, without waiting for it."""
        ...


class TriggerReceivers:
    """All receivers of a process, which listen until stop(). It is also an attendant of a line.

    entries: the list `triggers` of the configuration. If a receiver cannot be made, those before it
    are stopped. Raises ConfigError with the path of the wrong key.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]], gate: TriggerGate) -> None:
        self._gate = gate
        self.receivers: list[Receiver] = []
        try:
            for number, entry in enumerate(entries):
                key = f"triggers[{number}]"
                receiver_class, options = load_kind(entry, RECEIVERS, key)
                self.receivers.append(receiver_class(options, gate, key))
        except ConfigError:
            self.stop()
            raise

    def turn(self) -> None:
        """Nothing to do: receivers have their own threads."""

    def stop(self) -> None:
        for receiver in self.receivers:
            receiver.stop()
        self._gate.log_counts()
