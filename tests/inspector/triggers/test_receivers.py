"""Tests triggers from real servers: Mosquitto, and the Modbus server of pymodbus."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from log_lines import warnings_of
from motion_services import Broker, ModbusDevice, Sender
from waiting import wait_for

from inspector.core.clock import now_ns
from inspector.machine.controls import TriggerMessage
from inspector.triggers.gate import TriggerGate
from inspector.triggers.kinds import TriggerReceivers
from inspector.triggers.message import check_message

pytestmark = pytest.mark.services

TOPIC = "line/trigger"


class Part:
    """The messages that passed the gate."""

    def __init__(self) -> None:
        self.messages: list[TriggerMessage] = []
        self.gate = TriggerGate(self._take, repeat_s=60.0)

    def _take(self, message: TriggerMessage) -> bool:
        check_message(message)
        self.messages.append(message)
        return True

    def wait_for(self, *part_ids: str | None) -> None:
        wait_for(lambda: len(self.messages) >= len(part_ids))
        assert [message.part_id for message in self.messages] == list(part_ids)


@contextlib.contextmanager
def receiving(part: Part, **entry: Any) -> Iterator[Any]:
    receivers = TriggerReceivers([entry], part.gate)
    (receiver,) = receivers.receivers
    try:
        yield receiver
    finally:
        receivers.stop()
        receiver.connection.thread.join(20)  # type: ignore[attr-defined]
        assert not receiver.connection.thread.is_alive()  # type: ignore[attr-defined]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


@pytest.fixture
def sender(broker: Broker) -> Iterator[Sender]:
    sender = Sender(broker.port, TOPIC)
    yield sender
    sender.close()


@contextlib.contextmanager
def subscribed(part: Part, broker: Broker, sender: Sender) -> Iterator[Any]:
    """Begins when messages that are sent from now on arrive."""
    entry = {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "topic": TOPIC}
    with receiving(part, **entry) as receiver:
        reached = len(part.messages)

        def arrives() -> bool:
            sender.send(b"")
            return len(part.messages) > reached

        wait_for(arrives)
        wait_for(lambda: receiver.connection.client.is_connected())
        sender.send(b"last")
        wait_for(lambda: part.messages[-1].part_id == "last")
        part.messages.clear()
        yield receiver


def test_mqtt_messages_are_triggers_and_a_double_is_not(broker: Broker, sender: Sender) -> None:
    part = Part()
    with subscribed(part, broker, sender):
        before_s = now_ns() / 1e9
        sender.send(b"A")
        sender.send(b"A")
        sender.send(json.dumps({"part_id": "B", "serial": "S2", "lot": "L7"}).encode())
        sender.send(b"\xff\x00")
        sender.send(b"C")
        part.wait_for("A", "B", "C")
        assert part.messages[1].serial == "S2"
        times = [message.time_s or 0.0 for message in part.messages]
        assert before_s < times[0] <= times[1] <= times[2] <= now_ns() / 1e9
    counts = part.gate.counts()
    assert (counts["repeated"], counts["refused"]) == (1, 1)


def test_a_stored_mqtt_message_is_no_trigger(broker: Broker, sender: Sender) -> None:
    sender.send(b"old", retain=True)
    part = Part()
    with warnings_of() as lines, subscribed(part, broker, sender):
        sender.send(b"A")
        part.wait_for("A")
    assert part.gate.counts()["refused"] == 1
    assert any("its age is not known" in line for line in lines)


def test_triggers_come_again_after_the_broker_was_killed(broker: Broker, sender: Sender) -> None:
    part = Part()
    with subscribed(part, broker, sender) as receiver:
        sender.send(b"A")
        part.wait_for("A")
        broker.kill()
        wait_for(lambda: not receiver.connection.client.is_connected())
        broker.start()
        wait_for(receiver.connection.client.is_connected)
        wait_for(sender.client.is_connected)

        def arrives() -> bool:
            sender.send(b"")
            return len(part.messages) > 1

        wait_for(arrives)
        sender.send(b"A")  # the sender did not see the answer of the broker
        sender.send(b"B")
        wait_for(lambda: part.messages[-1].part_id == "B")
    assert [m.part_id for m in part.messages if m.part_id is not None] == ["A", "B"]


class Plc:
    """Registers: 0 the trigger, 1 and 2 the part number, high word first."""

    def __init__(self) -> None:
        self.registers = [0, 0, 0]
        self.device = ModbusDevice(lambda: self.registers)

    def entry(self, **changes: Any) -> dict[str, Any]:
        place = {"kind": "modbus", "host": "127.0.0.1", "port": self.device.port}
        return place | {"table": "holding", "register": 0, "interval_s": 0.01} | changes

    def pulse(self, number: int, receiver: Any) -> None:
        """Sets the number, then the trigger; clears the trigger when it was seen."""
        self.registers[1:] = [number >> 16, number & 0xFFFF]
        self.registers[0] = 1
        wait_for(lambda: receiver._edge._last[1])
        self.registers[0] = 0
        wait_for(lambda: not receiver._edge._last[1])


@pytest.fixture
def plc() -> Iterator[Plc]:
    plc = Plc()
    yield plc
    plc.device.stop()


def test_a_register_of_a_plc_is_a_trigger_with_its_part_number(plc: Plc) -> None:
    part = Part()
    plc.registers[0] = 1  # set before the program started
    with receiving(part, **plc.entry(part_register=1, part_bits=32)) as receiver:
        wait_for(lambda: receiver._edge._last is not None)
        plc.registers[0] = 0
        wait_for(lambda: not receiver._edge._last[1])
        for number in (7, 70_000, 0, 7):
            plc.pulse(number, receiver)
    part.wait_for("7", "70000", None, "7")


def test_a_plc_that_was_away_makes_no_trigger_of_an_unknown_time(plc: Plc) -> None:
    part = Part()
    with receiving(part, **plc.entry()) as receiver:
        wait_for(lambda: receiver._edge._last is not None)
        with warnings_of() as lines:
            plc.device.stop()
            wait_for(lambda: any("no value" in line for line in lines))
        plc.registers[0] = 1
        plc.device.start()
        wait_for(lambda: part.gate.counts()["refused"] == 1)
        plc.registers[0] = 0
        wait_for(lambda: not receiver._edge._last[1])
        plc.pulse(0, receiver)
    part.wait_for(None)


def test_a_coil_is_a_trigger() -> None:
    from pymodbus.client import ModbusTcpClient

    device = ModbusDevice()
    client = ModbusTcpClient("127.0.0.1", port=device.port)
    part = Part()
    place = {"kind": "modbus", "host": "127.0.0.1", "port": device.port, "interval_s": 0.01}
    try:
        assert client.connect()
        with receiving(part, **place, register=3, part_register=5) as receiver:
            wait_for(lambda: receiver._edge._last is not None)
            for number in (7, 8):
                client.write_register(5, number, device_id=1)
                client.write_coil(3, True, device_id=1)
                wait_for(lambda: receiver._edge._last[1])
                client.write_coil(3, False, device_id=1)
                wait_for(lambda: not receiver._edge._last[1])
        part.wait_for("7", "8")
    finally:
        client.close()
        device.stop()
