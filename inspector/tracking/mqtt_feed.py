"""Receives positions or speeds of a line from an MQTT broker (extra `mqtt`)."""

import json
import math
import ssl
import threading
from typing import Any, Final

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.core.secrets import insert_secrets
from inspector.tracking.feed_options import POSITION, MqttOptions
from inspector.tracking.positions import Positions

_MOST_BYTES: Final = 65_536
_KEEPALIVE_S: Final = 5
_CONNECT_S: Final = 5.0
_RETRY_S: Final = (1, 15)
_WARN_EVERY_S: Final = 60.0


def read_value(payload: bytes, field: str | None) -> float:
    """The number in a message. field: key of a JSON object, with dots for nested objects; None for
    a plain number. Raises ValueError."""
    if len(payload) > _MOST_BYTES:
        raise ValueError(f"a message of {len(payload)} bytes is too large")
    try:
        value: Any = json.loads(payload.decode("utf-8"))
        for name in () if field is None else field.split("."):
            value = value[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError("it is not a number")
        number = float(value)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as exc:
        where = "" if field is None else f" at {field}"
        raise ValueError(f"{payload[:80]!r} has no number{where}") from exc
    if not math.isfinite(number):
        raise ValueError(f"{payload[:80]!r} is not finite")
    return number


class MqttFeed:
    """Connects on a thread, and connects again whenever the connection breaks.

    Values that the broker had stored (retained) are ignored, because their age is not known. Raises
    ConfigError for a secret or a certificate that cannot be read.
    """

    name = "mqtt"

    def __init__(self, options: MqttOptions) -> None:
        mqtt = _load_client()
        self._options = options
        self.measures_speed = options.quantity != POSITION
        self.positions = Positions(max_age_s=options.max_age_s, max_speed=options.max_speed)
        self._warn_after_s = 0.0
        self._refused = 0
        self._is_away = False
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        secrets = {"user": options.user, "password": options.password}
        logins = insert_secrets(secrets, "tracking.mqtt")
        if options.user is not None:
            client.username_pw_set(logins["user"], logins["password"])
        if options.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=options.ca_file))
            except OSError as exc:
                raise ConfigError(f"tracking.mqtt.ca_file: {options.ca_file}: {exc}") from exc
        client.connect_timeout = _CONNECT_S
        client.reconnect_delay_set(*_RETRY_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        try:
            client.connect_async(options.host, options.port, keepalive=_KEEPALIVE_S)
        except ValueError as exc:
            raise ConfigError(f"tracking.mqtt.host: {options.host}: {exc}") from exc
        self._client = client
        self._thread = threading.Thread(target=self._work, name="mqtt motion", daemon=True)
        self._thread.start()

    @property
    def is_absolute(self) -> bool:
        return not self.measures_speed

    def stop(self) -> None:
        self._client.disconnect()

    def _work(self) -> None:
        self._client.loop_forever(retry_first_connection=True)

    def _on_connect(self, client: Any, _: Any, __: Any, reason: Any, ___: Any) -> None:
        where = f"{self._options.host}:{self._options.port}"
        if reason.is_failure:
            logger.warning("tracking.motion mqtt: {} refuses the connection: {}", where, reason)
            return
        self._is_away = False
        logger.info("tracking.motion mqtt: connected to {}", where)
        client.subscribe(self._options.topic)

    def _on_connect_fail(self, _: Any, __: Any) -> None:
        """Called for each try. One warning is enough for all of them."""
        if not self._is_away:
            self._is_away = True
            options = self._options
            logger.warning(
                "tracking.motion mqtt: {}:{} cannot be reached, or its certificate is not trusted; "
                "it is tried again",
                *(options.host, options.port),
            )

    def _on_subscribe(self, _: Any, __: Any, ___: Any, reasons: Any, ____: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            topic = self._options.topic
            logger.warning("tracking.motion mqtt: the broker refuses the topic {}", topic)

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if reason.is_failure:
            logger.warning("tracking.motion mqtt: the connection broke: {}", reason)

    def _on_message(self, _: Any, __: Any, message: Any) -> None:
        now_s = now_ns() / 1e9
        if message.retain:
            return
        try:
            value = self._options.scale * read_value(message.payload, self._options.field)
        except ValueError as exc:
            self._refuse(exc, now_s)
            return
        if self.measures_speed:
            self.positions.add_speed(now_s, value * 1000 / 60)
        else:
            self.positions.add(now_s, value)

    def _refuse(self, exc: ValueError, now_s: float) -> None:
        self._refused += 1
        if now_s >= self._warn_after_s:
            self._warn_after_s = now_s + _WARN_EVERY_S
            logger.warning(
                "tracking.motion mqtt: {} messages could not be used, the last one because {}",
                *(self._refused, exc),
            )


def _load_client() -> Any:
    try:
        from paho.mqtt import client
    except ModuleNotFoundError as exc:
        raise ConfigError("tracking.motion mqtt needs paho-mqtt: pip install '.[mqtt]'") from exc
    return client
