"""Connects to an MQTT broker (extra `mqtt`), and receives the messages of a topic."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from loguru import logger

from inspector.connections.options import MqttAddress
from inspector.connections.tls import make_tls_context
from inspector.core.errors import ConfigError
from inspector.core.secrets import insert_secrets

MOST_BYTES: Final = 65_536
_KEEPALIVE_S: Final = 5
_CONNECT_S: Final = 5.0
_RETRY_S: Final = (1, 15)

OnMessage = Callable[[bytes, bool], None]
"""Gets the payload, and whether the broker had stored it (retained), so that its age is not known.
It is called on the thread of the connection."""


def read_field(payload: bytes, field: str | None) -> Any:
    """The value in a message: JSON, or an entry of a JSON object. field: its key, with dots for
    nested objects; None for the whole value. Raises ValueError."""
    if len(payload) > MOST_BYTES:
        raise ValueError(f"a message of {len(payload)} bytes is too large")
    try:
        value: Any = json.loads(payload.decode("utf-8"))
        for name in () if field is None else field.split("."):
            value = value[name]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        where = "" if field is None else f" at {field}"
        raise ValueError(f"{payload[:80]!r} has no value{where}") from exc
    return value


class MqttConnection:
    """Connects on a thread, and connects again whenever the connection breaks.

    key: of the section in the configuration, for messages. Raises ConfigError for a secret or a
    certificate that cannot be read, and without the library.
    """

    def __init__(self, address: MqttAddress, key: str, on_message: OnMessage) -> None:
        self._address, self._key, self._on_message = address, key, on_message
        self._is_away = False
        secrets = {"user": address.user, "password": address.password}
        client = make_client(replace(address, **insert_secrets(secrets, key)), key)
        client.connect_timeout = _CONNECT_S
        client.reconnect_delay_set(*_RETRY_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._receive
        try:
            client.connect_async(address.host, address.port, keepalive=_KEEPALIVE_S)
        except ValueError as exc:
            raise ConfigError(f"{key}.host: {address.host}: {exc}") from exc
        self.client = client
        self.thread = threading.Thread(target=self._work, name=key, daemon=True)
        self.thread.start()

    def publish(self, topic: str, payload: bytes) -> None:
        """Sends a message. While the broker is away the message waits."""
        self.client.publish(topic, payload, qos=1)

    def stop(self) -> None:
        """Ends the thread, without waiting for it."""
        self.client.disconnect()

    def _work(self) -> None:
        self.client.loop_forever(retry_first_connection=True)

    def _on_connect(self, client: Any, _: Any, __: Any, reason: Any, ___: Any) -> None:
        where = f"{self._address.host}:{self._address.port}"
        if reason.is_failure:
            logger.warning("{}: {} refuses the connection: {}", self._key, where, reason)
            return
        self._is_away = False
        logger.info("{}: connected to {}", self._key, where)
        client.subscribe(self._address.topic, qos=1)

    def _on_connect_fail(self, _: Any, __: Any) -> None:
        """Called for each try. One warning is enough for all of them."""
        if not self._is_away:
            self._is_away = True
            logger.warning(
                "{}: {}:{} cannot be reached, or its certificate is not trusted; it is tried again",
                *(self._key, self._address.host, self._address.port),
            )

    def _on_subscribe(self, _: Any, __: Any, ___: Any, reasons: Any, ____: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            topic = self._address.topic
            logger.warning("{}: the broker refuses the topic {}", self._key, topic)

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            logger.warning("{}: the connection broke: {}", self._key, reason)

    def _receive(self, _: Any, __: Any, message: Any) -> None:
        self._on_message(message.payload, message.retain)


def make_client(address: MqttAddress, key: str, **options: Any) -> Any:
    """A client of paho-mqtt with the login, the certificates and the protocol of the address. It is
    not connected.

    key: of the section in the configuration, for messages. options: of the client. Raises
    ConfigError for a certificate that cannot be read, and without the library.
    """
    try:
        from paho.mqtt import client as mqtt
    except ModuleNotFoundError as exc:
        raise ConfigError(f"{key} needs paho-mqtt: pip install '.[mqtt]'") from exc
    protocol = mqtt.MQTTv5 if address.protocol == "v5" else mqtt.MQTTv311
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=protocol, **options)
    if address.user is not None:
        client.username_pw_set(address.user, address.password)
    if address.tls:
        files = address.ca_file, address.cert_file, address.key_file
        client.tls_set_context(make_tls_context(*files, key))
    return client
