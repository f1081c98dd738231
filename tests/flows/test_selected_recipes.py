"""Tests that a real broker changes the recipe of a running line."""

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig, write_line
from motion_services import Broker
from waiting import wait_for

from inspector.service.attending import attend
from inspector.service.notify import Notifier
from inspector.store.audit import find_changes

pytestmark = pytest.mark.services


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


@pytest.fixture
def answers(broker: Broker) -> Iterator[tuple[Any, "queue.Queue[dict[str, Any]]"]]:
    """A client that is subscribed to the answers, and the answers."""
    from paho.mqtt import client as mqtt

    received: queue.Queue[dict[str, Any]] = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, message: received.put(json.loads(message.payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe("line/answer", qos=1)
    client.loop_start()
    yield client, received
    client.disconnect()
    client.loop_stop()


def test_a_message_changes_the_recipe_between_two_frames(
    tmp_path: Path, broker: Broker, answers: tuple[Any, "queue.Queue[dict[str, Any]]"]
) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "bottle.yaml").write_text("verdict: {image_threshold: 8}\n")
    (folder / "cap.yaml").write_text("verdict: {image_threshold: 7}\n")
    place = {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "topic": "line/recipe"}
    recipes = {"dir": str(folder), "start": "bottle"}
    recipes |= {"select": [place | {"answer_topic": "line/answer"}]}  # type: ignore[dict-item]
    rig = LineRig(write_line(tmp_path, recipes=recipes))
    attend(rig.line, Notifier())
    client, received = answers
    with rig:
        rig.wait_for_frames()
        for name, done in (("cap", True), ("plate", False)):
            client.publish("line/recipe", name, qos=1, retain=True).wait_for_publish(20)
            answer = received.get(timeout=30)
            assert (answer["recipe"], answer["done"]) == (name, done)
        assert "plate" in answer["text"]
        assert rig.line.state().recipe == "cap"
        wait_for(lambda: len(rig.runs()) == 2)
        rig.wait_for_frames()
        changes = find_changes(rig.line.store.store)
        assert any(change.who == "mqtt:line/recipe" for change in changes)
    before, after = rig.runs()
    changed = {event["key"]: event for event in after.of_type("config_changed")}
    assert (changed["recipe"]["old"], changed["recipe"]["new"]) == ("bottle", "cap")
    assert after.of_type("measured")[0]["recipe_id"] == "cap"
    assert before.summary["dropped"] + before.summary["inspected"] == before.summary["captured"]
