"""Tests how received values become requests for recipes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from log_lines import warnings_of
from recipe_line import RecipeLine, recipe_line
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.service.selectors import chooser
from inspector.service.selectors.chooser import Choice, RecipeChooser
from inspector.service.selectors.kinds import SELECTORS, make_selectors
from inspector.service.selectors.modbus import Debounce
from inspector.service.selectors.mqtt import read_name
from inspector.store.alarms import find_alarms
from inspector.store.database import Store

TABLE = {"0": None, "1": "bottle", "2": "cap"}


@pytest.fixture
def line(tmp_path: Path) -> Iterator[RecipeLine]:
    with recipe_line(tmp_path) as line:
        yield line


class Receiver:
    """A chooser and its answers."""

    def __init__(
        self, store: Store, names: Mapping[str, str | None] = TABLE, *, at_start: bool = True
    ) -> None:
        self.choices: list[Choice] = []
        self.chooser = RecipeChooser(
            store, "mqtt:line/recipe", names, at_start=at_start, answered=self.choices.append
        )

    def wait(self, count: int) -> list[Choice]:
        wait_for(lambda: len(self.choices) >= count)
        assert len(self.choices) == count
        return self.choices


def test_a_value_becomes_a_request_with_its_origin(line: RecipeLine) -> None:
    receiver = Receiver(line.store)
    receiver.chooser.see_command("2")
    assert receiver.wait(1) == [Choice("2", "cap", True, "cap is used")]
    (request,) = line.requests
    assert (request.who, request.why) == ("mqtt:line/recipe", "the value '2' was received")


def test_a_recipe_is_selected_for_one_source(line: RecipeLine) -> None:
    chooser = RecipeChooser(line.store, "plc", {}, source="left", at_start=True)
    chooser.see_state("cap")
    line.wait_for("cap")
    chooser.stop()
    assert line.requests[0].arguments == {"name": "cap", "source": "left"}


def test_a_command_is_repeated_and_a_state_is_not(line: RecipeLine) -> None:
    receiver = Receiver(line.store)
    for number in range(1, 3):
        receiver.chooser.see_command("1")
        receiver.wait(number)
    for _ in range(3):
        receiver.chooser.see_state("1")
    receiver.chooser.see_state("2")
    receiver.wait(3)
    assert line.names == ["bottle", "bottle", "cap"]


@pytest.mark.parametrize(("at_start", "names"), [(True, ["bottle", "cap"]), (False, ["cap"])])
def test_the_first_state_counts_if_the_configuration_says_so(
    line: RecipeLine, at_start: bool, names: list[str]
) -> None:
    receiver = Receiver(line.store, at_start=at_start)
    receiver.chooser.see_state("1")
    if at_start:
        receiver.wait(1)
    receiver.chooser.see_state("1")
    receiver.chooser.see_state("2")
    receiver.wait(len(names))
    assert line.names == names


def test_a_value_that_selects_nothing_separates_two_equal_states(line: RecipeLine) -> None:
    receiver = Receiver(line.store)
    for value in ("0", "1", "0", "1"):
        receiver.chooser.see_state(value)
        wait_for(lambda: receiver.chooser._waiting is None)
    wait_for(lambda: len(line.requests) == 2)
    assert line.names == ["bottle", "bottle"]


def test_unknown_values_and_unknown_recipes_are_answered(line: RecipeLine) -> None:
    receiver = Receiver(line.store)
    receiver.chooser.see_command("7")
    choice = receiver.wait(1)[0]
    assert (choice.recipe, choice.done) == (None, False)
    assert line.requests == []
    receiver = Receiver(line.store, {})
    with warnings_of() as lines:
        receiver.chooser.see_command("plate")
        choice = receiver.wait(1)[0]
    assert choice == Choice("plate", "plate", False, "there is no recipe plate")
    assert any("there is no recipe plate" in text for text in lines)


@pytest.mark.parametrize("rubbish", ["", "  ", "a\nb", "\x1b[2J", "x" * 201])
def test_rubbish_makes_no_request(line: RecipeLine, rubbish: str) -> None:
    receiver = Receiver(line.store, {})
    with warnings_of() as lines:
        receiver.chooser.see_command(rubbish)
    assert len(lines) == 1
    receiver.chooser.see_command("cap")
    receiver.wait(1)
    assert line.names == ["cap"]


def test_only_the_newest_value_waits_for_a_busy_line(line: RecipeLine) -> None:
    line.answers.clear()
    receiver = Receiver(line.store)
    receiver.chooser.see_command("1")
    line.wait_for("bottle")
    for value in ("2", "1", "2"):
        receiver.chooser.see_command(value)
    line.answers.set()
    choices = receiver.wait(4)
    assert line.names == ["bottle", "cap"]
    assert [choice.done for choice in choices] == [False, False, True, True]
    assert "a newer value" in choices[0].text


def test_a_store_that_fails_is_the_answer(line: RecipeLine) -> None:
    line.close()  # its thread would fail too
    with line.store.transaction() as db:
        db.execute("ALTER TABLE requests RENAME TO gone")
    receiver = Receiver(line.store)
    receiver.chooser.see_command("1")
    assert not receiver.wait(1)[0].done
    assert "requests" in receiver.choices[0].text


def test_a_state_is_tried_again_until_the_line_uses_it(
    line: RecipeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "FIRST_PAUSE_S", 0.02)
    recipes: list[str] = []
    line._names = recipes
    receiver = Receiver(line.store)
    receiver.chooser.see_state("2")
    wait_for(lambda: len(line.requests) >= 3)
    assert [choice.done for choice in receiver.choices] == [False]
    (alarm,) = find_alarms(line.store)
    assert (alarm.kind, alarm.count) == ("recipe", 1)
    assert "selects '2', which is not in use: there is no recipe cap" in alarm.text
    recipes.append("cap")
    assert receiver.wait(2)[1] == Choice("2", "cap", True, "cap is used")


def test_another_value_ends_the_tries(line: RecipeLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chooser, "FIRST_PAUSE_S", 20.0)
    line._names = ["bottle"]
    receiver = Receiver(line.store)
    receiver.chooser.see_state("2")
    receiver.wait(1)
    receiver.chooser.see_state("1")
    assert [choice.done for choice in receiver.wait(2)] == [False, True]
    assert line.names == ["cap", "bottle"]


def test_a_state_that_expires_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "ANSWER_S", 0.05)
    monkeypatch.setattr(chooser, "FIRST_PAUSE_S", 0.02)
    store = Store(tmp_path / "store.sqlite")
    receiver = Receiver(store)
    receiver.chooser.see_state("1")
    assert "no line took the request" in receiver.wait(1)[0].text
    line = RecipeLine(store)  # it starts after the request has expired
    assert receiver.wait(2)[1].done
    receiver.chooser.stop()
    receiver.chooser.thread.join(10)
    line.close()
    store.close()


def test_a_command_is_not_tried_again_and_raises_no_alarm(
    line: RecipeLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "FIRST_PAUSE_S", 0.0)
    line._names = ["bottle"]
    receiver = Receiver(line.store)
    receiver.chooser.see_command("2")
    receiver.wait(1)
    receiver.chooser.see_command("1")
    receiver.wait(2)
    assert line.names == ["cap", "bottle"]
    assert find_alarms(line.store) == []


def test_stop_ends_the_thread(line: RecipeLine) -> None:
    receiver = Receiver(line.store)
    receiver.chooser.stop()
    receiver.chooser.thread.join(10)
    assert not receiver.chooser.thread.is_alive()


def test_a_number_counts_when_it_was_stable() -> None:
    debounce = Debounce(0.4)
    values = [(0.0, 1), (0.2, 2), (0.3, 1), (0.5, 1), (0.75, 1), (0.9, 1), (1.0, 2), (1.5, 2)]
    assert [debounce.add(time_s, value) for time_s, value in values] == [
        *(None, None, None, None, 1, None, None, 2)
    ]
    assert Debounce(0.0).add(5.0, 3) == 3


@pytest.mark.parametrize(
    ("payload", "field", "name"),
    [
        (b" cap \n", None, "cap"),
        (b"7", None, "7"),
        ("Tür".encode(), None, "Tür"),
        (b'{"job": {"recipe": "cap"}}', "job.recipe", "cap"),
        (b'{"number": 7}', "number", "7"),
    ],
)
def test_the_name_in_a_message(payload: bytes, field: str | None, name: str) -> None:
    assert read_name(payload, field) == name


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"\xff", None),
        (b"x" * 70_000, None),
        (b"cap", "job"),
        (b'{"job": true}', "job"),
        (b'{"job": 1.5}', "job"),
        (b'{"job": {}}', "job.name"),
        (b"[" * 60_000, "job"),
    ],
)
def test_a_message_without_a_name(payload: bytes, field: str | None) -> None:
    with pytest.raises(ValueError, match=r"no text|no name|no value|too large"):
        read_name(payload, field)


MQTT: dict[str, Any] = {"kind": "mqtt", "host": "broker", "topic": "t"}
MODBUS: dict[str, Any] = {"kind": "modbus", "host": "plc", "register": 0, "names": {1: "cap"}}
OPCUA: dict[str, Any] = {"kind": "opcua", "url": "opc.tcp://plc:4840", "node": "ns=2;s=a"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, r"recipes\.select\[0\]\.kind must be one of mqtt, modbus, opcua"),
        ({"kind": "mqttt"}, r"kind must be one of"),
        (MQTT | {"hots": 1}, r"recipes\.select\[0\]\.hots"),
        (MQTT | {"host": None}, r"recipes\.select\[0\]\.host is missing"),
        (MQTT | {"topic": "a/#"}, r"topic must name one topic"),
        (MQTT | {"answer_topic": "a/+"}, r"answer_topic must name one topic"),
        (MQTT | {"answer_topic": "t"}, r"another topic"),
        (MQTT | {"password": "x"}, r"user is missing"),
        (MQTT | {"names": {1: 2}}, r"names: 1 must have the name of a recipe, not 2"),
        (MODBUS | {"names": {}}, r"names is missing"),
        (MODBUS | {"register": None}, r"register is missing"),
        (OPCUA | {"node": None}, r"node is missing"),
        (OPCUA | {"url": "http://plc"}, r"url must begin with opc\.tcp://"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(
    line: RecipeLine, entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_selectors([entry], line.store)


def test_every_kind_is_tried() -> None:
    assert set(SELECTORS) == {MQTT["kind"], MODBUS["kind"], OPCUA["kind"]}
