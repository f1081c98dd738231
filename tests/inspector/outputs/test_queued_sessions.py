"""Tests of outputs of several sessions that use one outbox."""

from pathlib import Path

import pytest
from line_outputs import LineServer, free_port
from queued_outputs import open_output, put

from inspector.core.errors import SinkError


def test_the_next_run_first_delivers_the_records_that_are_left(tmp_path: Path) -> None:
    port = free_port()
    output = open_output(tmp_path, port, drain_s=0.0)
    event_ids = put(output, 0, 20)
    output.close()
    assert output.counts()["waiting"] == 20
    server = LineServer(port)
    output = open_output(tmp_path, port)
    event_ids += put(output, 20, 30)
    output.close()
    assert server.event_ids == event_ids
    assert output.counts() == {
        "waiting_at_start": 20,
        "appended": 10,
        "delivered": 30,
        "refused": 0,
        "dropped": 0,
        "waiting": 0,
    }
    server.stop()


def test_a_session_takes_over_the_outbox_when_the_one_before_has_closed_it(tmp_path: Path) -> None:
    server = LineServer()
    before = open_output(tmp_path, server.port)
    event_ids = put(before, 0, 20)
    after = open_output(tmp_path, server.port)
    later = put(after, 30, 40)
    event_ids += put(before, 20, 30)
    before.close()
    later += put(after, 40, 50)
    after.close()
    assert server.event_ids == event_ids + later
    assert (before.counts()["delivered"], after.counts()["delivered"]) == (30, 20)
    server.stop()


def test_sessions_take_over_in_order_while_the_receiver_is_away(tmp_path: Path) -> None:
    """A session that fails to deliver leaves its records to the next one at once. Its drain_s is
    longer than the time limit of this test."""
    port = free_port()
    patient = {"drain_s": 600.0, "retry_first_s": 600.0, "retry_max_s": 600.0}
    sessions = [open_output(tmp_path, port, **patient) for _ in range(3)]
    sessions.append(open_output(tmp_path, port))
    event_ids = []
    for number, session in enumerate(sessions):
        event_ids += put(session, 10 * number, 10 * number + 10)
    sessions[0].begin_close()
    sessions[2].begin_close()
    for session in sessions[:3]:
        session.close()
    assert [session.counts()["waiting"] for session in sessions[:3]] == [10, 20, 30]
    server = LineServer(port)
    sessions[3].close()
    assert server.event_ids == event_ids
    assert sessions[3].counts()["delivered"] == 40
    server.stop()


def test_records_that_cannot_wait_for_the_session_before_are_named(tmp_path: Path) -> None:
    server = LineServer()
    before = open_output(tmp_path, server.port)
    after = open_output(tmp_path, server.port, drain_s=0.0, timeout_s=0.1)
    put(after, 0, 3)
    with pytest.raises(SinkError, match="3 records are not sent, because the session before"):
        after.close()
    before.close()
    server.stop()
