"""Publishes the newest state of a station to an MQTT broker (extra `mqtt`)."""

import json
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from loguru import logger

from inspector.connections.mqtt import make_client
from inspector.connections.options import MqttAddress, check_mqtt_address
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.core.schema import Between
from inspector.machine.board import StateBoard
from inspector.machine.codes import ErrorCode
from inspector.machine.controls import Controls
from inspector.machine.kinds import StateOptions, StationOptions
from inspector.machine.state import Signal, StationState

TURN_S: Final = 0.2
CONFIRM_S: Final = 2.0
"""Longest time for a connection, and for the confirmation of a message."""
RETRY_S: Final = (0.5, 8.0)
"""First and longest time between two attempts to connect; it doubles."""


@dataclass(frozen=True, kw_only=True)
class MqttStateOptions(StationOptions, MqttAddress):
    """keepalive_s: the broker publishes "reject" for this program after 1.5 times this time without
    a sign of it, or when it looks for silent clients next."""

    keepalive_s: Annotated[int, Between(1, 60)] = 2


class MqttState:
    """Publishes each new state, retained and with QoS 1. The last will is a state with the signal
    "reject", so the broker shows it when this program or its connection is gone.

    A message is sent when the message before is confirmed, with the state of that moment. Each
    connection has a new client, because a client of paho-mqtt sends its old messages again.
    """

    Options: ClassVar[type[StateOptions]] = MqttStateOptions

    def __init__(
        self, options: MqttStateOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        check_mqtt_address(options, key)
        self._options, self._board, self._key = options, board, key
        (self._station,) = board.stations
        self._stopping = threading.Event()
        self._fault = ""
        self._make_client()  # refuses options that cannot be used
        self._thread = threading.Thread(target=self._work, name=key, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(2 * CONFIRM_S)

    def _work(self) -> None:
        delay_s, longest_s = RETRY_S
        while not self._stopping.is_set():
            try:
                client = self._make_client()
                with _closing_thread(client):
                    self._connect(client)
                    delay_s = RETRY_S[0]
                    self._publish_newest(client)
            except (ConfigError, OSError, ValueError, RuntimeError) as exc:
                self._note(f"{exc}")
            self._stopping.wait(delay_s)
            delay_s = min(2 * delay_s, longest_s)

    def _make_client(self) -> Any:
        """A client that is not connected. Raises ConfigError."""
        client = make_client(self._options, self._key, reconnect_on_failure=False)
        client.connect_timeout = CONFIRM_S
        gone = StationState(
            station=self._station,
            signal=Signal.REJECT,
            cause=ErrorCode.DISCONNECTED.cause,
            error_code=ErrorCode.DISCONNECTED,
            wall_time_utc=utc_now(),
        )
        message = self._encode(gone) | {"wall_time_utc": None}  # nobody knows when it will be sent
        client.will_set(self._options.topic, json.dumps(message), qos=1, retain=True)
        return client

    def _connect(self, client: Any) -> None:
        """Raises OSError."""
        answers: list[Any] = []
        answered = threading.Event()

        def take_answer(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
            answers.append(reason)
            answered.set()

        client.on_connect = take_answer
        options = self._options
        client.connect(options.host, options.port, keepalive=options.keepalive_s)
        threading.Thread(target=client.loop_forever, name=self._key, daemon=True).start()
        if not answered.wait(CONFIRM_S):
            raise TimeoutError("the broker does not answer")
        if answers[0].is_failure:
            raise ConnectionError(f"the broker refuses the connection: {answers[0]}")
        logger.info("{}: connected to {}:{}", self._key, options.host, options.port)
        self._fault = ""

    def _publish_newest(self, client: Any) -> None:
        """Returns after stop(). Raises OSError, ValueError or RuntimeError when the connection
        breaks."""
        version, published = -1, None
        while True:
            is_last = self._stopping.is_set()
            state = self._board.states()[self._station]
            if state != published:
                self._publish(client, state)
                published = state
            if is_last:
                client.disconnect()  # the last will is not published
                return
            if not client.is_connected():
                raise ConnectionError("the connection broke")
            version = self._board.wait(version, TURN_S)

    def _publish(self, client: Any, state: StationState) -> None:
        properties = None
        if self._options.protocol == "v5" and state.signal is Signal.PASS:
            properties = _expire_after(self._board.expiry_ns / 1e9)
        topic, text = self._options.topic, json.dumps(self._encode(state))
        message = client.publish(topic, text, qos=1, retain=True, properties=properties)
        message.wait_for_publish(CONFIRM_S)
        if not message.is_published():
            raise TimeoutError("the broker does not confirm a message")

    def _encode(self, state: StationState) -> dict[str, Any]:
        return state.as_message() | {"expiry_ms": self._options.expiry_ms}

    def _note(self, fault: str) -> None:
        """The same sentence again is not logged."""
        if fault != self._fault:
            where = f"{self._options.host}:{self._options.port}"
            logger.warning("{}: {}: {}; it is tried again", self._key, where, fault)
        self._fault = fault


@contextmanager
def _closing_thread(client: Any) -> Iterator[None]:
    """Ends the thread of the client after the block, also if the broker hangs."""
    try:
        yield
    finally:
        connection = client.socket()
        if connection is not None:
            with suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)


def _expire_after(seconds: float) -> Any:
    """The broker removes the message after this time."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = math.ceil(seconds)
    return properties
