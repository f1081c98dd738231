"""Tests what a service manager is told by a real process."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from notify_socket import NotifySocket, notify_socket
from run_process import PACED, ROOT, wait_for_end, wait_for_frames

WATCHDOG = "200000"
"""µs; the main loop sends a message on each of its turns."""

MAIN = "import sys, run_inspector\n{}\nsys.exit(run_inspector.main())"

HANG_LOOP = """
import threading
from inspector.operator_input import OperatorInput

def hang(self, session):
    if session.runs and session.runs[0].pipeline.stats.inspected > 20:
        print("hangs", flush=True)
        threading.Event().wait()

OperatorInput.poll_window = hang
"""

OPEN_SLOWLY = """
import time
from engines.backends.fake import FakeEngine

warm_up = FakeEngine.warm_up

def wait(self):
    time.sleep(0.5)
    warm_up(self)

FakeEngine.warm_up = wait
"""

HANG_ENGINE = """
import threading
from engines.backends.fake import FakeEngine

calls = []
run = FakeEngine._run

def hang(self, pixels):
    calls.append(1)
    if len(calls) > 20:
        threading.Event().wait()
    return run(self, pixels)

FakeEngine._run = hang
"""


@pytest.fixture
def manager() -> Iterator[NotifySocket]:
    with notify_socket() as manager:
        yield manager


@contextlib.contextmanager
def start(
    out: Path, manager: NotifySocket, patch: str = "", *settings: str
) -> Iterator["subprocess.Popen[str]"]:
    """The process is killed at the end, also after an error of the test."""
    argv = [sys.executable, "-c", MAIN.format(patch), "--output", str(out), "--no-video", *PACED]
    for setting in ("log.path=null", *settings):
        argv += ["--set", setting]
    values = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": WATCHDOG}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=os.environ | values
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_run_says_when_it_is_ready_alive_and_stopping(
    manager: NotifySocket, tmp_path: Path
) -> None:
    with start(tmp_path / "out", manager, OPEN_SLOWLY) as process:
        message = manager.receive()
        assert message["STATUS"] == "the engines are being opened"
        assert "READY" not in message
        assert int(message["EXTEND_TIMEOUT_USEC"]) > 0
        message = manager.wait_for(lambda message: "READY" in message)
        assert "main: captured " in message["STATUS"]
        for _ in range(3):
            manager.wait_for(lambda message: "WATCHDOG" in message)
        process.terminate()
        manager.wait_for(lambda message: "STOPPING" in message)
        assert wait_for_end(process)[0] == 0
        assert not any("READY" in message for message in manager.drain())


def test_a_main_loop_that_hangs_is_not_alive(manager: NotifySocket, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with start(out, manager, HANG_LOOP) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        assert any("WATCHDOG" in message for message in manager.drain())
        wait_for_frames(out, 100, process)  # the other threads still work
        assert manager.drain() == []


def test_a_stage_that_hangs_is_not_alive(manager: NotifySocket, tmp_path: Path) -> None:
    with start(tmp_path / "out", manager, HANG_ENGINE, "pipeline.stall_timeout_s=null"):
        manager.wait_for(lambda message: "READY" in message)
        manager.wait_for(lambda message: "STATUS" in message and "WATCHDOG" not in message)
        message = manager.wait_for(lambda message: "STATUS" in message)
        assert "WATCHDOG" not in message


def test_a_line_says_when_it_reads_its_configuration_again(
    manager: NotifySocket, tmp_path: Path
) -> None:
    pattern = tmp_path / "runs/{date}/{time}"
    with start(pattern, manager, "", "service.enabled=true") as process:
        manager.wait_for(lambda message: "READY" in message)
        process.send_signal(signal.SIGHUP)
        message = manager.wait_for(lambda message: "RELOADING" in message)
        assert int(message["MONOTONIC_USEC"]) > 0
        manager.wait_for(lambda message: "READY" in message)
        message = manager.wait_for(lambda message: "WATCHDOG" in message)
        process.terminate()
        manager.wait_for(lambda message: "STOPPING" in message)
        assert wait_for_end(process)[0] == 0


def test_a_line_whose_main_loop_hangs_is_not_alive(manager: NotifySocket, tmp_path: Path) -> None:
    pattern = tmp_path / "runs/{date}/{time}"
    with start(pattern, manager, HANG_LOOP, "service.enabled=true") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        assert any("READY" in message for message in manager.drain())
        (out,) = tmp_path.glob("runs/*/*")
        wait_for_frames(out, 100, process)
        assert manager.drain() == []
