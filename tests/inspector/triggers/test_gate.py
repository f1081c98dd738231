"""Tests the gate of triggers: each part once, bounded, and every message counted."""

from collections.abc import Iterator

import pytest
from log_lines import warnings_of

from inspector.machine.controls import TriggerMessage
from inspector.triggers import gate as gate_module
from inspector.triggers.gate import MOST_PER_S, Outcome, TriggerGate
from inspector.triggers.message import check_message


class Clock:
    now_s = 1000.0

    def now_ns(self) -> int:
        return round(self.now_s * 1e9)


class Taker:
    """What stands behind the gate."""

    def __init__(self) -> None:
        self.messages: list[TriggerMessage] = []
        self.takes = True

    def take(self, message: TriggerMessage) -> bool:
        check_message(message)
        self.messages.append(message)
        return self.takes

    @property
    def part_ids(self) -> list[str | None]:
        return [message.part_id for message in self.messages]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(gate_module, "now_ns", clock.now_ns)
    return clock


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def gate(taker: Taker, clock: Clock) -> TriggerGate:
    return TriggerGate(taker.take, repeat_s=60.0)


def send(gate: TriggerGate, part_id: str | None = None, **fields: str) -> Outcome:
    message = TriggerMessage(part_id=part_id, **fields)
    return gate.receive(message, "mqtt:line/trigger", may_repeat=True).outcome


def test_a_repeated_message_makes_no_second_part(
    gate: TriggerGate, taker: Taker, clock: Clock
) -> None:
    assert send(gate, "A") is Outcome.ACCEPTED
    clock.now_s += 59.0
    assert send(gate, "A") is Outcome.REPEATED
    assert send(gate, "B") is Outcome.ACCEPTED
    clock.now_s += 1.0
    assert send(gate, "A") is Outcome.ACCEPTED  # the part comes a second time
    assert taker.part_ids == ["A", "B", "A"]
    assert gate.counts() == {
        "accepted": 3,
        "repeated": 1,
        "refused": 0,
        "too_many": 0,
        "not_taken": 0,
    }


def test_a_part_without_an_id_is_known_by_its_serial(gate: TriggerGate, taker: Taker) -> None:
    outcomes = [send(gate, serial="S1"), send(gate, serial="S1"), send(gate), send(gate)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REPEATED, Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert len(taker.messages) == 3


def test_a_bit_of_a_plc_is_never_a_repeated_message(gate: TriggerGate, taker: Taker) -> None:
    for _ in range(2):
        assert gate.receive(TriggerMessage(part_id="7"), "modbus").outcome is Outcome.ACCEPTED
    assert taker.part_ids == ["7", "7"]


def test_a_message_that_no_run_took_can_be_sent_again(gate: TriggerGate, taker: Taker) -> None:
    taker.takes = False
    with warnings_of() as lines:
        assert send(gate, "A") is Outcome.NOT_TAKEN
    assert "mqtt:line/trigger: not_taken: no run takes triggers now" in lines[0]
    taker.takes = True
    assert send(gate, "A") is Outcome.ACCEPTED


def test_more_triggers_than_a_line_has_parts_are_refused(
    gate: TriggerGate, taker: Taker, clock: Clock
) -> None:
    outcomes = [send(gate, f"p{number}") for number in range(MOST_PER_S + 20)]
    assert outcomes.count(Outcome.TOO_MANY) == 20
    clock.now_s += 1.0
    assert send(gate, "later") is Outcome.ACCEPTED
    assert len(taker.messages) == MOST_PER_S + 1


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (TriggerMessage(part_id="x" * 201), "part_id has more than 200 characters"),
        (TriggerMessage(part_id="a\nb"), "characters that cannot be printed"),
        (TriggerMessage(lot=" "), "lot is empty"),
        (TriggerMessage(operator="\x1b[31m"), "operator is empty or has characters"),
        (TriggerMessage(part_id="A", time_s=float("nan")), "time_s must be finite"),
    ],
)
def test_a_message_that_cannot_be_used_is_refused(
    gate: TriggerGate, taker: Taker, message: TriggerMessage, sentence: str
) -> None:
    answer = gate.receive(message, "http:127.0.0.1", may_repeat=True)
    assert answer.outcome is Outcome.REFUSED
    assert sentence in answer.text
    assert taker.messages == []
    assert gate.counts()["refused"] == 1


def test_the_time_of_a_message_is_its_arrival_unless_it_has_one(
    gate: TriggerGate, taker: Taker, clock: Clock
) -> None:
    gate.receive(TriggerMessage(), "plc")
    gate.receive(TriggerMessage(time_s=0.0), "plc")
    assert [message.time_s for message in taker.messages] == [clock.now_s, 0.0]


def test_refused_messages_are_logged_once_per_minute(gate: TriggerGate) -> None:
    with warnings_of() as lines:
        for _ in range(50):
            gate.refuse("it is no text", "mqtt:line/trigger")
    assert len(lines) == 1
    assert "mqtt:line/trigger: refused: it is no text" in lines[0]
    assert gate.counts()["refused"] == 50
