"""Tests of the command output with its real supervisor process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from machine_parts import (
    NoControls,
    append_signal,
    inspecting,
    now_ms,
    pass_now,
    read_signals,
    ready_board,
    run_of,
    verdict_event,
)
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.core.types import Verdict
from inspector.machine.board import StateBoard
from inspector.machine.command import SUPERVISOR, CommandOptions, CommandOutput

LONG_MS = 600_000.0


@contextmanager
def command_output(
    board: StateBoard, command: list[str], **options: Any
) -> Iterator[CommandOutput]:
    settings = CommandOptions(
        kind="command", expiry_ms=board.expiry_ns / 1e6, command=tuple(command), **options
    )
    output = CommandOutput(settings, board, "outputs[0]", NoControls())
    try:
        yield output
    finally:
        output.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signals.txt"


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Those of the log."""
    lines: list[str] = []
    handler = logger.add(lines.append, format="{message}")
    yield lines
    logger.remove(handler)


def test_the_command_is_called_when_the_signal_changes(path: Path) -> None:
    board = ready_board(expiry_ms=LONG_MS)
    with command_output(board, append_signal(path)):
        wait_for(lambda: read_signals(path) == ["reject"])
        pass_now(board)
        wait_for(lambda: read_signals(path) == ["reject", "pass"])
        pass_now(board)
        board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=now_ms()), run_of())
        wait_for(lambda: read_signals(path) == ["reject", "pass", "reject"])
        board.see_ready("main", False)
    assert read_signals(path) == ["reject", "pass", "reject", "not_ready"]


def test_a_stage_that_hangs_ends_the_pass(path: Path) -> None:
    """No verdict comes any more, so the PASS expires."""
    board = ready_board(expiry_ms=300)
    with command_output(board, append_signal(path)):
        pass_now(board)
        wait_for(lambda: read_signals(path)[-2:] == ["pass", "reject"])


def test_only_the_newest_signal_is_set_after_a_slow_command(path: Path) -> None:
    board = ready_board(expiry_ms=LONG_MS)
    slow = [*append_signal(path)[:2], f"sleep 0.5; {append_signal(path)[2]}"]
    with command_output(board, slow, limit_ms=5000):
        for _ in range(10):
            pass_now(board)
            board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=now_ms()), run_of())
        pass_now(board)
        wait_for(lambda: read_signals(path)[-1:] == ["pass"])
    assert len(read_signals(path)) <= 3


def test_a_hanging_command_is_killed_and_the_newest_signal_is_set(
    path: Path, tmp_path: Path, messages: list[str]
) -> None:
    hang = tmp_path / "hang"
    hang.touch()
    script = f"[ ! -e {hang} ] || exec sleep 1000; {append_signal(path)[2]}"
    board = ready_board(expiry_ms=LONG_MS)
    with command_output(board, ["sh", "-c", script], limit_ms=100):
        wait_for(lambda: "ran longer than 0.1 s and was killed" in "".join(messages))
        hang.unlink()
        wait_for(lambda: read_signals(path) == ["reject"])
        wait_for(lambda: "works again" in "".join(messages))


def test_a_hanging_pass_does_not_delay_a_reject(path: Path) -> None:
    """The command for pass may run for ten minutes here."""
    script = f'[ "$0" != pass ] || sleep 1000; {append_signal(path)[2]}'
    board = ready_board(expiry_ms=LONG_MS)
    with command_output(board, ["sh", "-c", script], limit_ms=60_000):
        wait_for(lambda: read_signals(path) == ["reject"])
        pass_now(board)
        board.see_verdict("main", verdict_event(Verdict.FAIL, captured_ms=now_ms()), run_of())
        wait_for(lambda: read_signals(path)[-1] == "reject")
        board.see_ready("main", False)
    assert "pass" not in read_signals(path)


def test_a_command_that_fails_is_tried_again(
    path: Path, tmp_path: Path, messages: list[str]
) -> None:
    works = tmp_path / "works"
    script = f"[ -e {works} ] || exit 7; {append_signal(path)[2]}"
    board = ready_board(expiry_ms=LONG_MS)
    with command_output(board, ["sh", "-c", script]):
        wait_for(lambda: "cannot set reject: exit code 7" in "".join(messages))
        works.touch()
        wait_for(lambda: read_signals(path) == ["reject"])
    assert "".join(messages).count("exit code 7") == 1


def test_a_dead_supervisor_is_started_again(path: Path, messages: list[str]) -> None:
    board = ready_board(expiry_ms=LONG_MS)
    with command_output(board, append_signal(path)) as output:
        pass_now(board)
        wait_for(lambda: read_signals(path)[-1:] == ["pass"])
        first = output.supervisor
        first.kill()
        wait_for(lambda: output.supervisor is not first)
        assert "the supervisor ended with code -9; it is started again" in "".join(messages)
        wait_for(lambda: read_signals(path)[-2:] == ["pass", "pass"])
        board.see_ready("main", False)
    assert read_signals(path)[-1] == "not_ready"


def entry(path: Path) -> dict[str, Any]:
    return {"kind": "command", "expiry_ms": 300, "command": append_signal(path)}


def shows_pass(path: Path) -> bool:
    return read_signals(path)[-1:] == ["pass"]


def test_a_killed_inspector_rejects(path: Path) -> None:
    with inspecting(entry(path), lambda: shows_pass(path)) as process:
        process.kill()
        wait_for(lambda: read_signals(path)[-1] == "reject")


def test_a_stopped_process_rejects_and_continues_later(path: Path) -> None:
    with inspecting(entry(path), lambda: shows_pass(path)) as process:
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: read_signals(path)[-1] == "reject")
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: read_signals(path)[-1] == "pass")


def test_the_supervisor_rejects_without_a_first_line(path: Path) -> None:
    supervisor = [sys.executable, "-I", "-S", str(SUPERVISOR), "1", *append_signal(path)]
    done = subprocess.run(supervisor, input=b"", timeout=60, check=False)
    assert done.returncode == 0
    assert read_signals(path) == ["reject"]


def test_the_supervisor_ignores_the_signals_that_stop_the_inspector(path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SUPERVISOR), "1", *append_signal(path)],
        stdin=subprocess.PIPE,
    )
    assert supervisor.stdin is not None
    supervisor.stdin.write(b"not_ready 0\n")
    supervisor.stdin.flush()
    wait_for(lambda: read_signals(path) == ["not_ready"])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        supervisor.send_signal(number)
    supervisor.stdin.close()
    assert supervisor.wait(60) == 0
    assert read_signals(path) == ["not_ready", "reject"]


def test_the_supervisor_imports_little() -> None:
    code = "import runpy, sys\nsys.argv = ['s', '1', 'true']\n"
    code += f"runpy.run_path({str(SUPERVISOR)!r}, run_name='__main__')\n"
    code += "print(sorted({'subprocess', 'asyncio', 'numpy', 'inspector'} & set(sys.modules)))"
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, input="", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ()}, r"outputs\[0\].command must begin with a program, not an empty list"),
        ({"command": ("no-such-program",)}, "not no-such-program"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    before = threading.active_count()
    settings = CommandOptions(kind="command", expiry_ms=100, **options)
    with pytest.raises(ConfigError, match=message):
        CommandOutput(settings, ready_board(), "outputs[0]", NoControls())
    assert threading.active_count() == before


def test_nothing_is_left_after_stop(path: Path) -> None:
    with command_output(ready_board(expiry_ms=LONG_MS), append_signal(path)) as output:
        pid = output.supervisor.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
