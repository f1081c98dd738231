"""Tests recipes that real servers select: Mosquitto and that of pymodbus."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from log_lines import warnings_of
from motion_services import Broker, ModbusDevice, Sender, publishing
from recipe_line import RecipeLine, selecting
from waiting import wait_for

from inspector.service.selectors.kinds import Selector

pytestmark = pytest.mark.services

TOPIC = "line/recipe"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


@pytest.fixture
def sender(broker: Broker) -> Iterator[Sender]:
    sender = Sender(broker.port, TOPIC, "line/answer")
    yield sender
    sender.close()


def mqtt(broker: Broker, **changes: Any) -> dict[str, Any]:
    place = {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "topic": TOPIC}
    return place | {"answer_topic": "line/answer"} | changes


def is_connected(selector: Selector) -> None:
    """Waits until messages that are sent from now on arrive."""
    wait_for(selector.connection.client.is_connected)  # type: ignore[attr-defined]
    time.sleep(0.3)


def test_mqtt_messages_are_answered(line: RecipeLine, broker: Broker, sender: Sender) -> None:
    with selecting(line, **mqtt(broker)) as selector:
        is_connected(selector)
        for payload, done in ((b"cap", True), (b"cap", True), (b"plate", False)):
            sender.send(payload)
            answer = sender.answers.get(timeout=20)
            assert (answer["value"], answer["done"]) == (payload.decode(), done)
    assert line.names == ["cap", "cap", "plate"]
    assert line.requests[0].who == f"mqtt:{TOPIC}"


def test_a_broker_that_is_killed_selects_again_and_its_stored_message_does_not(
    line: RecipeLine, tmp_path: Path
) -> None:
    storage = tmp_path / "mosquitto"
    storage.mkdir()
    (tmp_path / "broker").mkdir()
    settings = ("allow_anonymous true", "user root", "autosave_interval 1")
    persistence = ("persistence true", f"persistence_location {storage}/")
    broker = Broker(tmp_path / "broker", *settings, *persistence)
    sender = Sender(broker.port, TOPIC, "line/answer")
    try:
        sender.send(b"bottle", retain=True)
        with selecting(line, **mqtt(broker)) as selector:
            assert sender.answers.get(timeout=20)["value"] == "bottle"
            assert broker.process is not None
            broker.process.terminate()  # it stores its messages
            broker.process.wait()
            wait_for(lambda: not selector.connection.client.is_connected())  # type: ignore[attr-defined]
            broker.start()
            is_connected(selector)
            wait_for(sender.client.is_connected)
            sender.send(b"cap")
            assert sender.answers.get(timeout=20)["value"] == "cap"
        assert line.names == ["bottle", "cap"]
    finally:
        sender.close()
        broker.kill()


def test_a_broker_that_stalls(line: RecipeLine, broker: Broker, sender: Sender) -> None:
    with selecting(line, **mqtt(broker)) as selector:
        is_connected(selector)
        with broker.stalled():
            wait_for(lambda: not selector.connection.client.is_connected())  # type: ignore[attr-defined]
        is_connected(selector)
        wait_for(sender.client.is_connected)
        sender.send(b"cap")
        line.wait_for("cap")


def test_a_stored_mqtt_message_counts_at_the_start_unless_it_is_switched_off(
    line: RecipeLine, broker: Broker, sender: Sender
) -> None:
    sender.send(b"bottle", retain=True)
    with selecting(line, **mqtt(broker)):
        line.wait_for("bottle")
    with selecting(line, **mqtt(broker, at_start=False)) as selector:
        is_connected(selector)
        sender.send(b"cap")
        line.wait_for("bottle", "cap")
    sender.send(b"", retain=True)  # removes it
    with selecting(line, **mqtt(broker)) as selector:
        is_connected(selector)
        sender.send(b"cap")
        line.wait_for("bottle", "cap", "cap")


def test_rubbish_from_mqtt_changes_nothing(
    line: RecipeLine, broker: Broker, sender: Sender
) -> None:
    with selecting(line, **mqtt(broker)) as selector, warnings_of() as lines:
        is_connected(selector)
        for payload in (b"", b"\xff\x00", b"a\nb", b"\x00", b"x" * 10**6):
            sender.send(payload)
        sender.send(b"cap")
        line.wait_for("cap")
    assert len([text for text in lines if "could not be used" in text]) == 1


def test_the_feed_and_the_selector_share_a_broker(
    line: RecipeLine, broker: Broker, sender: Sender
) -> None:
    with publishing(broker.port), selecting(line, **mqtt(broker)) as selector:
        is_connected(selector)
        sender.send(b"cap")
        line.wait_for("cap")


class Plc:
    """A Modbus device with the number of the recipe in its first register."""

    def __init__(self) -> None:
        self.number = 0
        self.device = ModbusDevice(lambda: [self.number])

    def entry(self, **changes: Any) -> dict[str, Any]:
        place = {"kind": "modbus", "host": "127.0.0.1", "port": self.device.port, "register": 0}
        names = {0: None, 1: "bottle", 2: "cap", 3: "plate"}
        times = {"interval_s": 0.02, "stable_s": 0.1, "timeout_s": 0.5}
        return place | {"names": names} | times | changes


@pytest.fixture
def plc() -> Iterator[Plc]:
    plc = Plc()
    yield plc
    plc.device.stop()


def test_the_number_in_a_register_selects(line: RecipeLine, plc: Plc) -> None:
    plc.number = 1
    with selecting(line, **plc.entry()):
        line.wait_for("bottle")
        plc.number = 3  # the line refuses it
        line.wait_for("bottle", "plate")
        with warnings_of() as lines:
            plc.number = 77
            wait_for(lambda: any("no recipe for this value" in text for text in lines))
        plc.number = 0
        time.sleep(0.3)
        plc.number = 2
        line.wait_for("bottle", "plate", "cap")
    assert line.requests[0].who.startswith("modbus:127.0.0.1:")


def test_a_register_at_the_start_can_be_ignored(line: RecipeLine, plc: Plc) -> None:
    plc.number = 1
    with selecting(line, **plc.entry(at_start=False)) as selector:
        wait_for(lambda: selector._chooser._last == "1")  # type: ignore[attr-defined]
        plc.number = 2
        line.wait_for("cap")


def test_a_plc_that_stops_stalls_and_starts_again(line: RecipeLine, plc: Plc) -> None:
    plc.number = 1
    with selecting(line, **plc.entry()):
        line.wait_for("bottle")
        with warnings_of() as lines:
            plc.device.stop()
            wait_for(lambda: any("no value" in text for text in lines))
        plc.device.start()
        plc.number = 2
        line.wait_for("bottle", "cap")
        with warnings_of() as lines:
            plc.device.delay_s = 3.0
            wait_for(lambda: any("no value" in text for text in lines))
        plc.device.delay_s = 0.0
        plc.number = 1
        line.wait_for("bottle", "cap", "bottle")
