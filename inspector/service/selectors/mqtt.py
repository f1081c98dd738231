"""Selects the recipe whose name is published on a topic (extra `mqtt`)."""

import json
from dataclasses import asdict, dataclass
from typing import ClassVar

from inspector.connections.mqtt import MOST_BYTES, MqttConnection, read_field
from inspector.connections.options import MqttAddress, check_mqtt_address, check_topic
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.service.selectors.chooser import Choice, RecipeChooser
from inspector.service.selectors.options import SelectOptions, read_names
from inspector.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSelectOptions(SelectOptions, MqttAddress):
    """field: key in a JSON object, with dots for nested objects; None if the message is the plain
    name. answer_topic: gets what happened with each value, as JSON; None for no answers."""

    field: str | None = None
    answer_topic: str | None = None


class MqttSelector:
    """A message that arrives is a command. A message that the broker had stored (retained) is a
    state: it counts at the start (at_start) and after a connection that broke, if it has changed.
    """

    Options: ClassVar[type[SelectOptions]] = MqttSelectOptions

    def __init__(self, options: MqttSelectOptions, store: Store, key: str) -> None:
        check_mqtt_address(options, key)
        check_topic(options.answer_topic, f"{key}.answer_topic")
        if options.answer_topic == options.topic:
            raise ConfigError(f"{key}.answer_topic must be another topic than {key}.topic")
        self._options = options
        names = read_names(options.names, f"{key}.names")
        self._chooser = RecipeChooser(
            store,
            f"mqtt:{options.topic}",
            names,
            source=options.source,
            at_start=options.at_start,
            answered=self._answer,
        )
        self.connection = MqttConnection(options, key, self._on_message)

    def stop(self) -> None:
        self.connection.stop()
        self._chooser.stop()

    def _on_message(self, payload: bytes, is_stored: bool) -> None:
        if not payload and is_stored:
            return  # the stored message was removed
        try:
            value = read_name(payload, self._options.field)
        except ValueError as exc:
            self._chooser.refuse(exc)
            return
        if is_stored:
            self._chooser.see_state(value)
        else:
            self._chooser.see_command(value)

    def _answer(self, choice: Choice) -> None:
        topic = self._options.answer_topic
        if topic is not None:
            message = asdict(choice) | {"wall_time_utc": utc_now()}
            self.connection.publish(topic, json.dumps(message).encode())


def read_name(payload: bytes, field: str | None) -> str:
    """The value in a message: its text, or a text or whole number in a JSON object. Raises
    ValueError."""
    if field is None:
        if len(payload) > MOST_BYTES:
            raise ValueError(f"a message of {len(payload)} bytes is too large")
        try:
            return payload.decode("utf-8").strip()
        except UnicodeDecodeError as exc:
            raise ValueError(f"{payload[:80]!r} is no text") from exc
    value = read_field(payload, field)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{payload[:80]!r} has no name at {field}")
    return str(value).strip()
