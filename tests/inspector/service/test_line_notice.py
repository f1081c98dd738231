"""Tests that the service manager learns of a stage that is stuck while a line ends."""

from types import SimpleNamespace
from typing import Any

from notify_socket import notify_socket

from inspector.service.line_notice import LineNotice
from inspector.service.notify import take_notifier


def test_a_stuck_stage_of_a_session_that_ends_is_a_fault_while_the_line_ends() -> None:
    error: list[str] = []
    pipeline = SimpleNamespace(find_stuck_stage=lambda limit_s: error[0] if error else None)
    sessions = SimpleNamespace(unfinished_runs=[SimpleNamespace(pipeline=pipeline)])
    line: Any = SimpleNamespace(reloads=0, is_ending=True, runs=(), sessions=sessions)
    for error[:], beats in (([], True), (["stage output is stuck"], False)):
        with notify_socket() as manager:
            values = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "2000000"}
            LineNotice(line, take_notifier(values)).turn()
            (message,) = manager.drain()
            assert ("WATCHDOG" in message) == ("EXTEND_TIMEOUT_USEC" in message) == beats
