"""Tests the messages to the service manager."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from notify_socket import NotifySocket, notify_socket

from inspector.service import notify
from inspector.service.notify import NAMES, Notifier, take_notifier


@pytest.fixture
def manager() -> Iterator[NotifySocket]:
    with notify_socket() as manager:
        yield manager


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s that the notifier reads."""
    now = [100.0]
    monkeypatch.setattr(notify, "now_ns", lambda: int(now[0] * 1e9))
    return now


def environment(manager: NotifySocket, **others: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.address, "HOME": "/", **others}


def test_the_messages_of_a_run_in_order(manager: NotifySocket, at: list[float]) -> None:
    notifier = take_notifier(environment(manager, WATCHDOG_USEC="2000000"))
    notifier.opening("the engines are being opened")
    notifier.opening("the engines are being opened")
    assert manager.drain() == [
        {
            "WATCHDOG": "1",
            "EXTEND_TIMEOUT_USEC": "60000000",
            "STATUS": "the engines are being opened",
        }
    ]
    notifier.running(lambda: "left: 3 captured\nright: 2 captured")
    status = "left: 3 captured right: 2 captured"
    assert manager.drain() == [{"READY": "1", "WATCHDOG": "1", "STATUS": status}]
    notifier.reloading("the configuration is read")
    (message,) = manager.drain()
    assert (message["RELOADING"], message["MONOTONIC_USEC"]) == ("1", "100000000")
    notifier.running(lambda: "again")
    assert manager.drain()[0]["READY"] == "1"
    notifier.stopping("the last frames are inspected")
    (message,) = manager.drain()
    assert (message["STOPPING"], message["EXTEND_TIMEOUT_USEC"]) == ("1", "60000000")


def test_a_message_for_the_watchdog_comes_four_times_in_its_time(
    manager: NotifySocket, at: list[float]
) -> None:
    notifier = take_notifier(environment(manager, WATCHDOG_USEC="2000000"))
    beats = 0
    for _ in range(100):
        notifier.running(lambda: "running")
        beats += sum("WATCHDOG" in message for message in manager.drain())
        at[0] += 0.1
    assert beats == 10 / 0.5


def test_a_fault_stops_the_messages_for_the_watchdog_only(
    manager: NotifySocket, at: list[float]
) -> None:
    notifier = take_notifier(environment(manager, WATCHDOG_USEC="2000000"))
    notifier.running(lambda: "running")
    manager.drain()
    at[0] += 5
    notifier.running(lambda: "stuck", lambda: ["stage infer is stuck"])
    assert manager.drain() == [{"STATUS": "stuck"}]


@pytest.mark.parametrize("phase", ["opening", "reloading", "stopping"])
def test_a_fault_gives_no_more_time(manager: NotifySocket, at: list[float], phase: str) -> None:
    notifier = take_notifier(environment(manager, WATCHDOG_USEC="2000000"))
    tell = getattr(notifier, phase)
    tell("at work")
    assert "WATCHDOG" in manager.drain()[0]
    at[0] += 5
    tell("at work", lambda: ["stage output is stuck"])
    assert manager.drain() == [{"STATUS": "at work"}]


def test_the_variables_are_removed_for_child_processes(manager: NotifySocket) -> None:
    values = environment(manager, WATCHDOG_USEC="3", WATCHDOG_PID=str(os.getpid()))
    assert take_notifier(values).watchdog_s == 3e-6
    assert values == {"HOME": "/"}
    values = environment(manager, WATCHDOG_USEC="3", WATCHDOG_PID=str(os.getpid() + 1))
    assert take_notifier(values).watchdog_s is None
    assert not set(NAMES) & set(values)


@pytest.mark.parametrize("rubbish", ["", "0", "-1", "x", "1e6", "²"])
def test_a_time_that_is_no_time_means_no_watchdog(manager: NotifySocket, rubbish: str) -> None:
    assert take_notifier(environment(manager, WATCHDOG_USEC=rubbish)).watchdog_s is None


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1"])
def test_other_sockets_are_ignored(address: str) -> None:
    take_notifier({"NOTIFY_SOCKET": address}).running(lambda: "running")


def test_nothing_is_computed_without_a_service_manager() -> None:
    def fail() -> str:
        raise AssertionError("it was called")

    Notifier().running(fail, fail)
    take_notifier({}).running(fail, fail)


def test_a_path_works_and_a_manager_that_goes_away_is_ignored(
    tmp_path: Path, at: list[float]
) -> None:
    with notify_socket(str(tmp_path / "socket")) as manager:
        notifier = take_notifier(environment(manager))
        notifier.running(lambda: "running")
        assert manager.drain()[0]["READY"] == "1"
        (tmp_path / "socket").unlink()
    at[0] += 10
    notifier.running(lambda: "running")


def test_a_manager_that_does_not_read_never_blocks_the_program(
    manager: NotifySocket, at: list[float]
) -> None:
    notifier = take_notifier(environment(manager))
    for _ in range(5000):
        at[0] += 10
        notifier.running(lambda: "x" * 1000)
    assert 0 < len(manager.drain()) < 5000
    at[0] += 10
    notifier.running(lambda: "it reads again")
    assert manager.drain()[-1]["STATUS"] == "it reads again"
