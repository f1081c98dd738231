"""Tests of the states that drive a machine, with a clock that the test sets."""

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_parts import (
    MS,
    ManualClock,
    now_ms,
    part_event,
    ready_board,
    run_of,
    verdict_event,
)

from inspector.core.events import PartCause
from inspector.core.types import Cause, Verdict
from inspector.machine.board import FRAMES, JOINED_PARTS, PARTS, StateBoard
from inspector.machine.codes import ErrorCode, code_of
from inspector.machine.state import Signal, StationState

DOCS = Path(__file__).parents[3] / "docs" / "machine.md"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def board(clock: ManualClock) -> StateBoard:
    return ready_board(clock)


def shown(board: StateBoard, station: str = "main") -> StationState:
    return board.states()[station]


def test_a_board_begins_not_ready_and_then_waits(clock: ManualClock) -> None:
    board = StateBoard(("main",), 100 * MS, clock)
    state = shown(board)
    assert (state.signal, state.error_code) == (Signal.NOT_READY, ErrorCode.NOT_READY)
    board.see_ready("main", True)
    state = shown(board)
    assert (state.signal, state.cause) == (Signal.REJECT, "waiting")


def test_a_final_pass_is_shown_with_its_frame(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(frame_id=7), run_of())
    state = shown(board)
    assert (state.signal, state.verdict, state.cause) == (Signal.PASS, Verdict.PASS, None)
    assert (state.error_code, state.sequence, state.heartbeat) == (0, 1, 1)
    assert (state.frame_id, state.run_id, state.recipe_id) == (7, "r1", "glass")
    assert state.expires_ns == 1100 * MS


def test_a_fail_rejects_without_an_error_code(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(Verdict.FAIL), run_of())
    state = shown(board)
    assert (state.signal, state.verdict, state.error_code) == (Signal.REJECT, Verdict.FAIL, 0)


@pytest.mark.parametrize("cause", Cause)
def test_an_error_rejects_with_the_code_of_its_cause(board: StateBoard, cause: Cause) -> None:
    board.see_verdict("main", verdict_event(Verdict.ERROR, cause=cause), run_of())
    state = shown(board)
    assert state.signal is Signal.REJECT
    assert (state.cause, state.error_code) == (cause.value, code_of(cause))


def test_a_pass_ends_when_it_is_too_old(board: StateBoard, clock: ManualClock) -> None:
    board.see_verdict("main", verdict_event(frame_id=3), run_of())
    version = board.version
    clock.ms = 1099.9
    assert shown(board).signal is Signal.PASS
    clock.ms = 1100.0
    state = shown(board)
    assert (state.signal, state.verdict, state.cause) == (Signal.REJECT, None, "expired")
    assert (state.error_code, state.frame_id) == (ErrorCode.EXPIRED, 3)
    assert (state.sequence, state.heartbeat) == (1, 1)
    assert board.version > version


def test_a_pass_that_comes_too_late_is_never_shown(board: StateBoard, clock: ManualClock) -> None:
    """Such as after a stall of the whole process."""
    clock.ms = 1500.0
    board.see_verdict("main", verdict_event(captured_ms=1000.0), run_of())
    state = shown(board)
    assert (state.signal, state.verdict, state.cause) == (Signal.REJECT, None, "late")


def test_a_pending_verdict_has_no_effect(board: StateBoard) -> None:
    before = shown(board)
    board.see_verdict("main", verdict_event(None), run_of())
    assert shown(board) == before


def test_only_final_verdicts_on_frames_advance_the_heartbeat(
    board: StateBoard, clock: ManualClock
) -> None:
    board.see_verdict("main", verdict_event(Verdict.FAIL), run_of())
    board.see_verdict("main", verdict_event(None), run_of())
    board.see_part(part_event(), run_of())
    board.see_conditions("main", ("dirt",))
    board.see_ready("main", False)
    board.see_ready("main", True)
    clock.ms = 5000.0
    state = shown(board)
    assert (state.heartbeat, state.conditions) == (1, ("dirt",))


def test_a_station_that_is_not_ready_never_passes(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(), run_of())
    board.see_ready("main", False)
    assert shown(board).signal is Signal.NOT_READY
    board.see_verdict("main", verdict_event(captured_ms=1001.0), run_of())
    state = shown(board)
    assert (state.signal, state.verdict, state.heartbeat) == (Signal.NOT_READY, None, 2)
    board.see_ready("main", True)
    assert shown(board).signal is Signal.REJECT, "the PASS of before must not come back"


def test_a_routine_check_never_drives_the_machine(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(), run_of(check="daily"))
    state = shown(board)
    assert (state.signal, state.error_code) == (Signal.REJECT, ErrorCode.CHECK)


def test_parts_drive_instead_of_frames(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(), run_of(), PARTS)
    state = shown(board)
    assert (state.signal, state.sequence, state.heartbeat) == (Signal.REJECT, 0, 1)
    board.see_part(part_event("p7"), run_of())
    state = shown(board)
    assert (state.signal, state.part_id, state.sequence) == (Signal.PASS, "p7", 1)
    board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=1010), run_of(), PARTS)
    assert shown(board).signal is Signal.PASS


def test_joined_parts_have_a_station_and_the_cameras_never_pass(clock: ManualClock) -> None:
    board = ready_board(clock, stations=("left", "right", "line"))
    for source in ("left", "right"):
        board.see_verdict(source, verdict_event(), run_of(source), JOINED_PARTS)
    board.see_part(part_event("p1", sources=("left", "right")), run_of("right"))
    states = board.states()
    assert states["line"].signal is Signal.PASS
    assert [states[name].heartbeat for name in ("left", "right", "line")] == [1, 1, 2]
    assert {states[name].signal for name in ("left", "right")} == {Signal.REJECT}


def test_a_part_that_no_frame_shows_expires_after_its_verdict(
    board: StateBoard, clock: ManualClock
) -> None:
    part = part_event("p1", Verdict.ERROR, captured_ms=None, cause=PartCause.NOT_SEEN)
    board.see_part(part, run_of())
    assert shown(board).error_code == ErrorCode.NOT_SEEN
    clock.ms = 1050.0
    # Its frame is older than the verdict on the part before.
    board.see_part(part_event("p2", captured_ms=990.0), run_of())
    assert shown(board).part_id == "p2"
    assert shown(board).signal is Signal.PASS


def test_at_a_hand_over_an_older_verdict_can_reject_but_not_pass(board: StateBoard) -> None:
    board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=1010.0), run_of(run_id="r2"))
    board.see_verdict("main", verdict_event(captured_ms=1000.0), run_of(run_id="r1"))
    state = shown(board)
    assert (state.signal, state.run_id, state.sequence) == (Signal.REJECT, "r2", 1)
    assert state.heartbeat == 2
    board.see_verdict("main", verdict_event(captured_ms=1020.0), run_of(run_id="r2"))
    board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=1005.0), run_of(run_id="r1"))
    assert shown(board).signal is Signal.REJECT
    assert shown(board).sequence == 3


def test_a_gap_at_a_hand_over_rejects_until_the_next_verdict(
    board: StateBoard, clock: ManualClock
) -> None:
    board.see_verdict("main", verdict_event(), run_of(run_id="r1"))
    clock.ms = 1200.0
    assert shown(board).signal is Signal.REJECT
    board.see_verdict("main", verdict_event(captured_ms=1200.0), run_of(run_id="r2"))
    assert shown(board).signal is Signal.PASS


def test_verdicts_of_a_station_that_the_board_does_not_have_change_nothing(
    board: StateBoard,
) -> None:
    version = board.version
    board.see_verdict("left", verdict_event(), run_of("left"))
    board.see_part(part_event("7", Verdict.FAIL, sources=("left",)), run_of("left"))
    assert board.version == version
    assert board.states()["main"].heartbeat == 0


def test_verdicts_are_counted_for_each_source(board: StateBoard) -> None:
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.PASS):
        board.see_verdict("main", verdict_event(verdict), run_of())
    assert board.verdicts() == {"main": {Verdict.PASS: 2, Verdict.FAIL: 1}}


def test_wait_returns_when_something_changes() -> None:
    board = ready_board(expiry_ms=60_000)
    version = board.version
    event = verdict_event(captured_ms=now_ms())
    threading.Timer(0.05, board.see_verdict, ("main", event, run_of())).start()
    assert board.wait(version, 30) > version
    assert shown(board).signal is Signal.PASS


def test_wait_returns_when_a_pass_expires() -> None:
    board = ready_board(expiry_ms=50)
    board.see_verdict("main", verdict_event(captured_ms=now_ms()), run_of())
    version = board.version
    assert board.wait(version, 30) > version
    assert shown(board).cause == "expired"


def test_wait_ends_after_its_time(board: StateBoard) -> None:
    assert board.wait(board.version, 0.01) == board.version


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["verdict", "ready", "not_ready"]),
        st.sampled_from([Verdict.PASS, Verdict.FAIL]),
        st.floats(-150, 0),
        st.floats(0, 60),
        st.sampled_from([FRAMES, PARTS]),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_pass_is_always_the_newest_frame_and_fresh(
    events: list[tuple[str, Verdict, float, float, str]],
) -> None:
    clock = ManualClock()
    board = ready_board(clock)
    newest: tuple[float, Verdict] = (0.0, Verdict.FAIL)
    is_ready, beats = True, 0
    for kind, verdict, age_ms, later_ms, driven_by in events:
        if kind == "verdict":
            captured_ms = clock.ms + age_ms
            event = verdict_event(verdict, captured_ms=captured_ms)
            board.see_verdict("main", event, run_of(), driven_by)
            beats += 1
            if driven_by == FRAMES and captured_ms >= newest[0]:
                newest = captured_ms, verdict
        else:
            is_ready = kind == "ready"
            board.see_ready("main", is_ready)
        clock.ms += later_ms
        state = shown(board)
        assert state.heartbeat == beats
        if state.signal is Signal.PASS:
            assert is_ready
            assert newest[1] is Verdict.PASS
            assert clock.ms - newest[0] < 100


def test_every_cause_has_a_code_and_every_code_is_documented() -> None:
    for cause in (*Cause, *PartCause):
        assert code_of(cause) is not ErrorCode.OTHER, f"{cause} needs an ErrorCode"
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(str(int(code)), code.cause) for code in ErrorCode]


def test_an_unknown_cause_is_other() -> None:
    assert code_of("something_new") is ErrorCode.OTHER
