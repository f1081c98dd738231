"""Sends records to an MQTT broker (extra `mqtt`) with QoS 1: the broker confirms each record."""

import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from inspector.connections.mqtt import make_client
from inspector.connections.options import MqttAddress, check_mqtt_address
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.core.schema import Positive
from inspector.outputs.outbox import BATCH, QueuedRecord
from inspector.outputs.sender import RefusedError, RemoteOptions

KEEPALIVE_S: Final = 60
_IN_FLIGHT: Final = 20
"""Records that wait for their confirmation at the same time. Brokers usually allow it."""

_REFUSED: Final = (0x90, 0x95, 0x99)
"""Reasons of MQTT 5 for which a broker will never take a record: name of the topic, size, content.
https://docs.oasis-open.org/mqtt/mqtt/v5.0, section 2.4."""

_ENVELOPE_BYTES: Final = 16
"""Most bytes of a PUBLISH packet besides topic and record: header, length, number, properties."""

_FIELD: Final = re.compile(r"\{(source|type)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions(RemoteOptions, MqttAddress):
    """topic: may hold {source} and {type}, which become these fields of the record. max_kb: kB of
    the largest message that the broker takes; larger records are left out. None: what the broker
    says with MQTT 5."""

    max_kb: Positive | None = None


class MqttSender:
    """Each connection has a new client, so that no message of a broken connection is sent later.

    Every wait is in send(). So the broker may close a connection that is idle for longer than
    KEEPALIVE_S; the next send() opens a new one.
    """

    Options: ClassVar[type[RemoteOptions]] = MqttOptions
    batch = BATCH

    def __init__(self, options: MqttOptions, key: str) -> None:
        check_mqtt_address(options, key)
        self._topic = str(options.topic)
        if set("{}") & set(_FIELD.sub("", self._topic)):
            raise ConfigError(
                f"{key}.topic may hold {{source}} and {{type}} only, not {options.topic!r}"
            )
        self._options, self._key = options, key
        make_client(options, key)  # so that a bad certificate is refused before the run begins
        self._client: Any = None
        self._reset()

    def wants(self, record: Mapping[str, Any]) -> bool:
        return self._options.includes(record)

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        end_ns = now_ns() + round(timeout_s * 1e9)
        try:
            if self._client is None or self._client.loop(0) or self._lost is not None:
                self._drop()
                self._connect(timeout_s, end_ns)
            self._publish(records, end_ns)
        except OSError:
            self._drop()
            raise

    def close(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._drop()

    def _reset(self) -> None:
        self._accepted: Any = None
        """The answer to the connection."""
        self._lost: Any = None
        """Why the connection ended."""
        self._most_bytes = math.inf if (most_kb := self._options.max_kb) is None else 1000 * most_kb
        self._in_flight = _IN_FLIGHT
        self._unconfirmed: set[int] = set()
        self._refusals: list[Any] = []

    def _drop(self) -> None:
        """Closes the socket, so that the client sends nothing more."""
        client, self._client = self._client, None
        if client is not None and (link := client.socket()) is not None:
            link.close()

    def _connect(self, timeout_s: float, end_ns: int) -> None:
        self._reset()
        # A new name for each connection: with a fixed one, two lines would cut each other off.
        name = f"line-inspector-{secrets.token_hex(4)}"
        try:
            client = make_client(
                self._options, self._key, client_id=name, reconnect_on_failure=False
            )
        except ConfigError as exc:  # a certificate that is just being replaced
            raise ConnectionError(str(exc)) from exc
        # With TLS it limits two waits.
        client.connect_timeout = timeout_s / 2 if self._options.tls else timeout_s
        client.max_inflight_messages = 0  # no message waits in the client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._client = client
        try:
            client.connect(self._options.host, self._options.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as exc:  # ValueError: a name that no host can have
            address = f"{self._options.host}:{self._options.port}"
            raise ConnectionError(f"{address} cannot be reached: {exc}") from exc
        while self._accepted is None:
            self._turn(end_ns)

    def _publish(self, records: Sequence[QueuedRecord], end_ns: int) -> None:
        messages = [(self._make_topic(record), record.body) for record in records]
        longest = max(len(topic.encode()) + len(body) for topic, body in messages)
        if longest + _ENVELOPE_BYTES > self._most_bytes:
            raise RefusedError(f"the broker takes at most {self._most_bytes:g} bytes")
        for topic, body in messages:
            while len(self._unconfirmed) >= self._in_flight:
                self._turn(end_ns)
            info = self._client.publish(topic, body, qos=1)
            if info.rc:
                raise ConnectionError("the connection broke")
            self._unconfirmed.add(info.mid)
        while self._unconfirmed:
            self._turn(end_ns)
        if self._refusals:
            reason = self._refusals[0]
            if any(each.value not in _REFUSED for each in self._refusals):
                raise ConnectionError(f"the broker does not take a record: {reason}")
            raise RefusedError(f"the broker refuses it: {reason}")

    def _make_topic(self, record: QueuedRecord) -> str:
        if "{" not in self._topic:
            return self._topic
        values = json.loads(record.body)
        return _FIELD.sub(lambda field: values[field[1]], self._topic)

    def _turn(self, end_ns: int) -> None:
        """Sends and receives what is possible now, or waits for it until the time."""
        left_s = (end_ns - now_ns()) / 1e9
        if left_s <= 0:
            raise TimeoutError("the broker does not answer in time")
        code = self._client.loop(left_s)
        if self._accepted is not None and self._accepted.is_failure:
            raise ConnectionError(f"the broker refuses the connection: {self._accepted}")
        if self._lost is not None and self._lost.value == 0x95:
            raise RefusedError(f"the broker closed the connection: {self._lost}")
        if code or self._lost is not None:
            raise ConnectionError(f"the connection broke: {self._lost or code.name}")

    def _on_connect(self, _: Any, __: Any, ___: Any, reason: Any, properties: Any) -> None:
        self._accepted = reason
        most_bytes = getattr(properties, "MaximumPacketSize", math.inf)
        self._most_bytes = min(most_bytes, self._most_bytes)
        self._in_flight = min(getattr(properties, "ReceiveMaximum", _IN_FLIGHT), _IN_FLIGHT)

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self._lost = reason

    def _on_publish(self, _: Any, __: Any, number: int, reason: Any, ____: Any) -> None:
        self._unconfirmed.discard(number)
        if reason.is_failure:
            self._refusals.append(reason)
