"""Tests of the state at a real MQTT broker."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from machine_parts import (
    NoControls,
    inspecting,
    now_ms,
    pass_now,
    ready_board,
    run_of,
    verdict_event,
)
from motion_services import Broker
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.core.types import Verdict
from inspector.machine.board import StateBoard
from inspector.machine.kinds import read_options
from inspector.machine.mqtt_state import MqttState, MqttStateOptions

pytestmark = pytest.mark.services

TOPIC, MARK = "line/state", "test/mark"
LONG_MS = 600_000.0


class Watcher:
    """Gets all states at the topic. has_begun: whether it has got the stored state, if there is
    one."""

    def __init__(self, port: int) -> None:
        from paho.mqtt import client

        self.states: list[dict[str, Any]] = []
        self.has_begun = False
        self.client = client.Client(client.CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda c, *_: c.subscribe([(TOPIC, 1), (MARK, 1)])
        self.client.on_subscribe = lambda c, *_: c.publish(MARK, qos=1)
        self.client.on_message = self._take
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _take(self, _: Any, __: Any, message: Any) -> None:
        if message.topic == MARK:
            self.has_begun = True
        else:
            self.states.append(json.loads(message.payload))

    @property
    def signals(self) -> list[str]:
        return [state["signal"] for state in self.states]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def watching(port: int) -> Iterator[Watcher]:
    watcher = Watcher(port)
    try:
        wait_for(lambda: watcher.has_begun)
        yield watcher
    finally:
        watcher.close()


def stored_signal(port: int) -> str | None:
    """The signal that a subscriber gets that comes now; None if it gets nothing."""
    with watching(port) as watcher:
        return next(iter(watcher.signals), None)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


def entry(port: int, **keys: Any) -> dict[str, Any]:
    expiry = {"expiry_ms": LONG_MS} | keys
    return {"kind": "mqtt_state", "host": "127.0.0.1", "port": port, "topic": TOPIC} | expiry


@contextmanager
def publishing(board: StateBoard, port: int, **keys: Any) -> Iterator[MqttState]:
    options = read_options(entry(port, **keys), "outputs[0]")
    assert isinstance(options, MqttStateOptions)
    output = MqttState(options, board, "outputs[0]", NoControls())
    try:
        yield output
    finally:
        output.stop()


def fail_now(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=now_ms()), run_of())


@pytest.mark.parametrize("protocol", ["v3.1.1", "v5"])
def test_the_newest_state_is_stored_at_the_broker(broker: Broker, protocol: str) -> None:
    board = ready_board(expiry_ms=LONG_MS)
    with publishing(board, broker.port, protocol=protocol):
        wait_for(lambda: stored_signal(broker.port) == "reject")
        pass_now(board)
        wait_for(lambda: stored_signal(broker.port) == "pass")
        with watching(broker.port) as watcher:
            state = watcher.states[0]
        board.see_ready("main", False)
    assert (state["signal"], state["verdict"], state["sequence"]) == ("pass", "PASS", 1)
    assert (state["station"], state["recipe_id"], state["expiry_ms"]) == ("main", "glass", LONG_MS)
    assert not {"expires_ns", "captured_ns", "judged_ns", "heartbeat_ns"} & state.keys()
    assert stored_signal(broker.port) == "not_ready", "the last will must not follow"


def test_a_killed_inspector_leaves_a_reject(broker: Broker) -> None:
    passes = entry(broker.port, expiry_ms=500)
    with inspecting(passes, lambda: stored_signal(broker.port) == "pass") as process:
        process.kill()
        wait_for(lambda: stored_signal(broker.port) == "reject")
    with watching(broker.port) as watcher:
        state = watcher.states[0]
    assert (state["cause"], state["error_code"]) == ("disconnected", 26)
    assert (state["verdict"], state["wall_time_utc"]) == (None, None)


def test_after_a_restart_of_the_broker_no_old_pass_comes(broker: Broker) -> None:
    """The PASS is sent, but never confirmed: the broker hangs and is killed."""
    board = ready_board(expiry_ms=LONG_MS)
    with publishing(board, broker.port):
        wait_for(lambda: stored_signal(broker.port) == "reject")
        with broker.stalled():
            pass_now(board)
            fail_now(board)
            pass_now(board)
            broker.kill()
        fail_now(board)
        broker.start()
        with watching(broker.port) as watcher:
            wait_for(lambda: watcher.states)
            assert watcher.states[0]["verdict"] == "FAIL"
            fail_now(board)
            wait_for(lambda: watcher.states[-1]["sequence"] == 5)
            assert set(watcher.signals) == {"reject"}


def test_a_slow_broker_gets_the_newest_state_only(broker: Broker) -> None:
    board = ready_board(expiry_ms=LONG_MS)
    with watching(broker.port) as watcher, publishing(board, broker.port):
        wait_for(lambda: watcher.states)
        with broker.stalled():
            for _ in range(200):
                pass_now(board)
        wait_for(lambda: watcher.states[-1]["sequence"] == 200)
        assert len(watcher.states) < 10


def test_a_pass_that_expires_is_a_reject(broker: Broker) -> None:
    board = ready_board(expiry_ms=200)
    with watching(broker.port) as watcher, publishing(board, broker.port, expiry_ms=200):
        wait_for(lambda: watcher.states)
        pass_now(board)
        wait_for(lambda: watcher.states[-1]["cause"] == "expired")


def test_with_mqtt_5_the_broker_forgets_a_pass(broker: Broker) -> None:
    """Such as before the keepalive shows that a machine is gone."""
    passes = entry(broker.port, expiry_ms=1000, protocol="v5", keepalive_s=60)
    with inspecting(passes, lambda: stored_signal(broker.port) == "pass") as process:
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: stored_signal(broker.port) is None)


def test_the_broker_may_come_later(broker: Broker) -> None:
    broker.kill()
    board = ready_board(expiry_ms=LONG_MS)
    pass_now(board)
    with publishing(board, broker.port):
        broker.start()
        wait_for(lambda: stored_signal(broker.port) == "pass")


def test_a_refused_login_is_logged_once(tmp_path: Path) -> None:
    messages: list[str] = []
    handler = logger.add(messages.append, format="{message}")
    broker = Broker(tmp_path, "allow_anonymous false")
    with publishing(ready_board(), broker.port, user="a", password="b"):
        wait_for(lambda: any("refuses the connection: Not authorized" in m for m in messages))
    logger.remove(handler)
    broker.kill()


def test_options_that_cannot_be_used_are_refused() -> None:
    before = threading.active_count()
    for keys, message in (
        ({"topic": "a/#"}, "without the wildcards"),
        ({"ca_file": "ca.pem"}, "used only with"),
        ({"tls": True, "ca_file": "/nowhere/ca.pem"}, "ca_file: /nowhere/ca.pem"),
    ):
        with pytest.raises(ConfigError, match=message), publishing(ready_board(), 1, **keys):
            pass
    assert threading.active_count() == before
