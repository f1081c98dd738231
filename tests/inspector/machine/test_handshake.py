"""Tests of the handshake with a PLC, step by step."""

import pytest

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.handshake import TRANSITIONS, Handshake, HandshakeView, Phase, PlcBits, Step

RESULT_NS, ACKNOWLEDGE_NS = 1000, 500
CLEAR, TRIGGER = PlcBits(), PlcBits(trigger=True)
ACKNOWLEDGE, RESET = PlcBits(result_acknowledged=True), PlcBits(reset=True)


class Rig:
    """A handshake with a clock. A new one is ready."""

    def __init__(self) -> None:
        self.handshake = Handshake("run", result_ns=RESULT_NS, acknowledge_ns=ACKNOWLEDGE_NS)
        self.now_ns = 10_000
        self.station(takes_parts=True)
        self.write(CLEAR)

    def write(self, bits: PlcBits, part: str = "7") -> bool:
        return self.handshake.write(bits, part, self.now_ns)

    def station(self, *, takes_parts: bool) -> None:
        self.handshake.see_station(takes_parts=takes_parts, now_ns=self.now_ns)

    def judge(
        self,
        verdict: Verdict = Verdict.PASS,
        part_id: str | None = None,
        code: ErrorCode = ErrorCode.NONE,
        fresh_ns: int = 10 * ACKNOWLEDGE_NS,
    ) -> bool:
        name = self.handshake.part_id if part_id is None else part_id
        expires_ns = self.now_ns + fresh_ns
        return self.handshake.see_verdict(name, verdict, code, self.now_ns, expires_ns)

    def view(self) -> HandshakeView:
        return self.handshake.view(self.now_ns)

    def trigger(self, part: str = "7") -> str:
        """Begins a cycle and returns its part_id."""
        assert self.write(TRIGGER, part)
        return self.handshake.part_id

    def show_pass(self) -> None:
        self.trigger()
        self.write(CLEAR)
        assert self.judge()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_cycle_shows_the_verdict_until_it_is_acknowledged(rig: Rig) -> None:
    ready = rig.view()
    assert (ready.ready, ready.busy, ready.result_valid, ready.cycle) == (True, False, False, 0)
    rig.trigger("4711")
    busy = rig.view()
    assert (busy.ready, busy.busy, busy.trigger_acknowledged) == (False, True, True)
    assert (busy.part, busy.cycle, busy.verdict) == ("4711", 1, None)
    assert not rig.write(CLEAR)
    assert not rig.view().trigger_acknowledged
    assert rig.judge(Verdict.PASS)
    result = rig.view()
    assert (result.busy, result.result_valid, result.verdict) == (False, True, Verdict.PASS)
    assert (result.part, result.error_code) == ("4711", ErrorCode.NONE)
    rig.write(ACKNOWLEDGE)
    after = rig.view()
    assert (after.ready, after.result_valid, after.verdict, after.part) == (False, False, None, "")
    rig.write(CLEAR)
    assert rig.view().ready


def test_the_trigger_may_stay_set_until_the_result_is_acknowledged(rig: Rig) -> None:
    rig.trigger()
    rig.judge(Verdict.FAIL)
    assert rig.view().verdict is Verdict.FAIL
    rig.write(PlcBits(trigger=True, result_acknowledged=True))
    rig.write(TRIGGER)
    assert not rig.view().ready
    rig.write(CLEAR)
    assert rig.view().ready


def test_each_cycle_has_its_part_id(rig: Rig) -> None:
    first = rig.trigger("7")
    rig.judge()
    rig.write(ACKNOWLEDGE)
    rig.write(CLEAR)
    assert rig.trigger("7") != first
    assert not rig.judge(Verdict.PASS, first)
    assert rig.view().busy


def test_the_code_of_an_error_is_shown(rig: Rig) -> None:
    rig.trigger()
    rig.judge(Verdict.ERROR, code=ErrorCode.DROPPED)
    assert (rig.view().verdict, rig.view().error_code) == (Verdict.ERROR, ErrorCode.DROPPED)


def test_a_late_verdict_is_never_shown(rig: Rig) -> None:
    rig.trigger()
    rig.write(CLEAR)
    rig.now_ns += RESULT_NS
    assert not rig.judge(Verdict.PASS)
    late = rig.view()
    assert (late.result_valid, late.verdict) == (True, Verdict.ERROR)
    assert late.error_code is ErrorCode.LATE
    assert not rig.judge(Verdict.PASS)
    assert rig.view() == late


def test_a_verdict_just_in_time_is_shown(rig: Rig) -> None:
    rig.trigger()
    rig.now_ns += RESULT_NS - 1
    rig.judge()
    assert rig.view().verdict is Verdict.PASS


@pytest.mark.parametrize("is_judged", [False, True])
def test_a_second_trigger_makes_the_part_error(rig: Rig, is_judged: bool) -> None:
    part_id = rig.trigger("7")
    rig.write(CLEAR)
    if is_judged:
        rig.judge()
    assert not rig.write(TRIGGER, "8")
    view = rig.view()
    assert (view.result_valid, view.verdict, view.part) == (True, Verdict.ERROR, "7")
    assert view.error_code is ErrorCode.DOUBLE_TRIGGER
    assert not view.trigger_acknowledged
    assert not rig.judge(Verdict.PASS, part_id)
    assert rig.view().verdict is Verdict.ERROR


def test_a_trigger_while_not_ready_is_refused(rig: Rig) -> None:
    rig.station(takes_parts=False)
    assert not rig.view().ready
    assert not rig.write(TRIGGER)
    view = rig.view()
    assert (view.busy, view.trigger_acknowledged, view.result_valid) == (False, False, False)
    assert view.error_code is ErrorCode.TRIGGER_NOT_READY
    rig.station(takes_parts=True)
    assert not rig.view().ready
    rig.write(CLEAR)
    assert rig.view().ready
    rig.trigger()
    assert rig.view().error_code is ErrorCode.NONE


def test_acknowledge_and_the_next_trigger_at_once_are_refused(rig: Rig) -> None:
    rig.show_pass()
    assert not rig.write(PlcBits(trigger=True, result_acknowledged=True), "8")
    assert rig.view().error_code is ErrorCode.TRIGGER_NOT_READY
    assert not rig.view().result_valid


def test_a_result_without_acknowledge_becomes_error_and_stays(rig: Rig) -> None:
    rig.show_pass()
    rig.now_ns += ACKNOWLEDGE_NS - 1
    assert rig.view().verdict is Verdict.PASS
    rig.now_ns += 1
    view = rig.view()
    assert (view.result_valid, view.verdict) == (True, Verdict.ERROR)
    assert view.error_code is ErrorCode.NOT_ACKNOWLEDGED
    rig.now_ns += 100 * ACKNOWLEDGE_NS
    assert rig.view() == view
    rig.write(ACKNOWLEDGE)
    rig.write(CLEAR)
    assert (rig.view().ready, rig.view().error_code) == (True, ErrorCode.NONE)


def test_a_pass_that_expires_becomes_error(rig: Rig) -> None:
    rig.trigger()
    rig.judge(fresh_ns=100)
    rig.now_ns += 99
    assert rig.view().verdict is Verdict.PASS
    rig.now_ns += 1
    assert rig.view().verdict is Verdict.ERROR


def test_an_acknowledge_before_the_result_does_not_count(rig: Rig) -> None:
    rig.trigger()
    rig.write(ACKNOWLEDGE)
    rig.judge()
    assert rig.view().result_valid
    rig.write(CLEAR)
    assert rig.view().result_valid
    rig.write(ACKNOWLEDGE)
    assert not rig.view().result_valid


def test_a_second_acknowledge_delays_ready_only(rig: Rig) -> None:
    rig.show_pass()
    for bits in (ACKNOWLEDGE, CLEAR, ACKNOWLEDGE):
        rig.write(bits)
    assert not rig.view().ready
    rig.write(CLEAR)
    assert rig.view().ready


def test_a_second_verdict_that_differs_makes_the_part_error(rig: Rig) -> None:
    rig.show_pass()
    rig.judge(Verdict.PASS)
    assert rig.view().verdict is Verdict.PASS
    rig.judge(Verdict.FAIL)
    assert rig.view().verdict is Verdict.ERROR
    assert rig.view().error_code is ErrorCode.DOUBLE_RESULT


def test_a_verdict_on_another_part_is_not_shown(rig: Rig) -> None:
    rig.trigger()
    assert not rig.judge(Verdict.PASS, "run/2")
    assert not rig.judge(Verdict.PASS, "other")
    assert rig.view().busy


def test_a_verdict_without_a_cycle_is_not_shown(rig: Rig) -> None:
    assert not rig.judge(Verdict.PASS)
    assert rig.view().ready


@pytest.mark.parametrize("is_judged", [False, True])
def test_reset_forgets_the_part(rig: Rig, is_judged: bool) -> None:
    """A PLC that starts again sets reset first."""
    part_id = rig.trigger()
    if is_judged:
        rig.judge()
    rig.write(RESET)
    assert not rig.judge(Verdict.PASS, part_id)
    view = rig.view()
    assert (view.ready, view.busy, view.result_valid) == (False, False, False)
    rig.write(CLEAR)
    assert rig.view().ready


def test_a_trigger_together_with_reset_is_refused(rig: Rig) -> None:
    assert not rig.write(PlcBits(trigger=True, reset=True))
    assert rig.view().error_code is ErrorCode.TRIGGER_NOT_READY


def test_a_new_inspector_refuses_a_trigger_that_is_left_over() -> None:
    """The PLC writes its bits again after the inspector has started again."""
    handshake = Handshake("run", result_ns=RESULT_NS, acknowledge_ns=ACKNOWLEDGE_NS)
    handshake.see_station(takes_parts=True, now_ns=0)
    assert not handshake.view(0).ready
    assert not handshake.write(TRIGGER, "7", 1)
    assert not handshake.view(1).trigger_acknowledged
    assert not handshake.write(ACKNOWLEDGE, "7", 2)
    assert not handshake.view(2).ready
    handshake.write(CLEAR, "7", 3)
    assert handshake.view(3).ready


def test_a_station_that_stops_in_the_middle_of_a_cycle_gives_error_in_time(rig: Rig) -> None:
    rig.trigger()
    rig.station(takes_parts=False)
    assert rig.view().busy
    rig.now_ns += RESULT_NS
    assert rig.view().error_code is ErrorCode.LATE
    rig.write(ACKNOWLEDGE)
    rig.write(CLEAR)
    assert not rig.view().ready


def test_the_table_has_no_way_to_a_verdict_but_from_a_trigger() -> None:
    to_busy = [pair for pair, (phase, _) in TRANSITIONS.items() if phase is Phase.BUSY]
    to_result = [pair for pair, (phase, _) in TRANSITIONS.items() if phase is Phase.RESULT]
    assert to_busy == [(Phase.READY, Step.TRIGGER)]
    assert {phase for phase, _ in to_result} == {Phase.BUSY, Phase.RESULT}
    assert [pair for pair in to_result if TRANSITIONS[pair][1] is None] == [
        (Phase.BUSY, Step.VERDICT)
    ]
