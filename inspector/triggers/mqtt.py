"""Receives triggers from a topic of an MQTT broker (extra `mqtt`)."""

from dataclasses import dataclass
from typing import ClassVar

from inspector.connections.mqtt import MqttConnection
from inspector.connections.options import MqttAddress, check_mqtt_address
from inspector.triggers.gate import TriggerGate
from inspector.triggers.kinds import ReceiverOptions
from inspector.triggers.message import read_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttTriggerOptions(ReceiverOptions, MqttAddress):
    pass


class MqttReceiver:
    """A message that the broker had stored (retained) is refused, because its age is not known.

    Raises the errors of MqttConnection.
    """

    Options: ClassVar[type[ReceiverOptions]] = MqttTriggerOptions

    def __init__(self, options: MqttTriggerOptions, gate: TriggerGate, key: str) -> None:
        check_mqtt_address(options, key)
        self._gate, self._who = gate, f"mqtt:{options.topic}"
        self.connection = MqttConnection(options, key, self._on_message)

    def stop(self) -> None:
        self.connection.stop()

    def _on_message(self, payload: bytes, is_stored: bool) -> None:
        if is_stored:
            self._gate.refuse(
                "the broker had stored it (retained), so its age is not known", self._who
            )
            return
        try:
            message = read_payload(payload)
        except ValueError as exc:
            self._gate.refuse(exc, self._who)
        else:
            self._gate.receive(message, self._who, may_repeat=True)
