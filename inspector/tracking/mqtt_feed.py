"""Receives positions or speeds of a line from an MQTT broker (extra `mqtt`)."""

import math

from inspector.connections.mqtt import MqttConnection, read_field
from inspector.connections.refusals import Refusals
from inspector.core.clock import now_ns
from inspector.tracking.feed_options import MQTT, POSITION, MqttOptions
from inspector.tracking.positions import Positions


def read_value(payload: bytes, field: str | None) -> float:
    """The number in a message. field: key of a JSON object, with dots for nested objects; None for
    a plain number. Raises ValueError."""
    try:
        value = read_field(payload, field)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError("it is not a number")
        number = float(value)
    except (ValueError, OverflowError) as exc:
        where = "" if field is None else f" at {field}"
        raise ValueError(f"{payload[:80]!r} has no number{where}") from exc
    if not math.isfinite(number):
        raise ValueError(f"{payload[:80]!r} is not finite")
    return number


class MqttFeed:
    """Values that the broker had stored (retained) are ignored, because their age is not known.

    Raises the errors of MqttConnection.
    """

    name = "mqtt"

    def __init__(self, options: MqttOptions) -> None:
        self._options = options
        self.measures_speed = options.quantity != POSITION
        self.positions = Positions(max_age_s=options.max_age_s, max_speed=options.max_speed)
        self._refusals = Refusals(MQTT)
        self.connection = MqttConnection(options, MQTT, self._on_message)

    @property
    def is_absolute(self) -> bool:
        return not self.measures_speed

    def stop(self) -> None:
        self.connection.stop()

    def _on_message(self, payload: bytes, is_stored: bool) -> None:
        now_s = now_ns() / 1e9
        if is_stored:
            return
        try:
            value = self._options.scale * read_value(payload, self._options.field)
        except ValueError as exc:
            self._refusals.add(exc)
            return
        if self.measures_speed:
            self.positions.add_speed(now_s, value * 1000 / 60)
        else:
            self.positions.add(now_s, value)
