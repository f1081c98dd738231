"""Calls a program with the signal of a station, such as for a relay, through a small supervisor."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import ConfigError
from inspector.core.schema import Between
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls
from inspector.machine.kinds import StateOptions, StationOptions

COMMAND: Final = "command"
SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
TURN_S: Final = 0.1
SHORTEST_LIFE_MS: Final = 1000.0
"""A supervisor that ends earlier is started again after this time."""
GRACE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions(StationOptions):
    """command: program and arguments; the signal is added as the last argument. limit_ms: a
    command that runs longer is killed."""

    command: tuple[str, ...]
    limit_ms: Annotated[float, Between(1, 60_000)] = 1000.0


def check_command(command: Sequence[str], key: str) -> None:
    """Raises ConfigError if it does not begin with a program."""
    if not command or shutil.which(command[0]) is None:
        program = command[0] if command else "an empty list"
        raise ConfigError(f"{key}.command must begin with a program, not {program}")


class CommandOutput:
    """Passes each state to a supervisor process, which calls the program when the signal changes.

    The supervisor sets "reject" if this process is killed or stalls. If the supervisor dies, it is
    started again.
    """

    Options: ClassVar[type[StateOptions]] = CommandOptions

    def __init__(
        self, options: CommandOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        check_command(options.command, key)
        self._options, self._board, self._key = options, board, key
        (self._station,) = board.stations
        self._stopping = threading.Event()
        self._sent = b""
        try:
            self.supervisor = self._start()
        except OSError as exc:
            raise ConfigError(f"{key}: the supervisor cannot start: {exc}") from exc
        self._thread = threading.Thread(target=self._work, name=key, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The supervisor sets the last signal, and ends."""
        self._stopping.set()
        self._thread.join(self._options.limit_ms / 1e3 + 2 * GRACE_S)

    def _start(self) -> "subprocess.Popen[bytes]":
        self._started_ns, self._sent = now_ns(), b""
        limit_s = str(self._options.limit_ms / 1e3)
        supervisor = subprocess.Popen(
            # Without site-packages it starts faster.
            [sys.executable, "-I", "-S", str(SUPERVISOR), limit_s, *self._options.command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # signals to this program do not reach it
        )
        assert supervisor.stdout is not None
        os.set_blocking(supervisor.stdout.fileno(), False)
        return supervisor

    def _work(self) -> None:
        version = -1
        while not self._stopping.is_set():
            self._revive()
            self._send()
            self._log_messages()
            version = self._board.wait(version, TURN_S)
        self._send()
        self._end()

    def _revive(self) -> None:
        code = self.supervisor.poll()
        if code is None or ms_since(self._started_ns) < SHORTEST_LIFE_MS:
            return
        logger.error("{}: the supervisor ended with code {}; it is started again", self._key, code)
        try:
            self.supervisor = self._start()
        except OSError as exc:
            logger.error("{}: the supervisor cannot start: {}", self._key, exc)

    def _send(self) -> None:
        state = self._board.states()[self._station]
        line = f"{state.signal} {state.expires_ns}\n".encode()
        if line != self._sent and self._write(line):
            self._sent = line

    def _write(self, line: bytes) -> bool:
        assert self.supervisor.stdin is not None
        try:
            self.supervisor.stdin.write(line)
        except BrokenPipeError:  # the next turn starts it again
            return False
        return True

    def _log_messages(self) -> None:
        assert self.supervisor.stdout is not None
        for text in (self.supervisor.stdout.read() or b"").decode().splitlines():
            logger.warning("{}: {} {}", self._key, self._options.command[0], text)

    def _end(self) -> None:
        assert self.supervisor.stdin is not None
        self._write(b"end\n")
        self.supervisor.stdin.close()
        try:
            self.supervisor.wait(self._options.limit_ms / 1e3 + GRACE_S)
        except subprocess.TimeoutExpired:
            logger.error("{}: {} did not take the last signal", self._key, self._options.command[0])
        self._log_messages()
