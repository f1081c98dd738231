"""Tells systemd the state of this process (sd_notify(3)): ready, alive, reloading, stopping."""

import os
import socket
from collections.abc import Callable, MutableMapping, Sequence
from enum import Enum
from typing import Final

from loguru import logger

from inspector.core.clock import now_ns

NAMES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""The variables of the environment that systemd sets."""

_BEAT_S: Final = 5.0
"""Longest time between two messages, without a watchdog."""
_BEATS_PER_WATCHDOG: Final = 4
_STATUS_S: Final = 2.0
_EXTENSION_S: Final = 60.0
"""Time that each message allows for starting and stopping. Both may take minutes, for example to
build a TensorRT plan or to write a report."""


FindFaults = Callable[[], Sequence[object]]


class _Phase(Enum):
    """value: the message when the phase begins."""

    OPENING = ""
    RUNNING = "READY=1"
    RELOADING = "RELOADING=1"
    STOPPING = "STOPPING=1"


class Notifier:
    """Sends the state of the process to the service manager.

    Its methods must be called on each turn of the main loop. So a main loop that hangs sends
    nothing, and systemd restarts the process after watchdog_s. They send only what is due, and do
    nothing without an address. They never wait and never raise. find_faults: gives the reasons why
    the program does not work; if there is one, the watchdog gets no message, and starting and
    stopping get no more time.

    address: of the socket; None: nobody wants to know. watchdog_s: time without a message after
    which the process is killed; None: no limit.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = address
        self._socket: socket.socket | None = None
        if address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self._phase = _Phase.OPENING
        self._beat_s = _BEAT_S
        if watchdog_s is not None:
            self._beat_s = min(_BEAT_S, watchdog_s / _BEATS_PER_WATCHDOG)
        self._beat_due_s = self._status_due_s = 0.0
        self._has_failed = False

    @property
    def is_reloading(self) -> bool:
        return self._phase is _Phase.RELOADING

    def opening(self, text: str, find_faults: FindFaults = tuple) -> None:
        """The program opens its sources and engines, or waits for the first frame."""
        self._tell(_Phase.OPENING, lambda: text, find_faults)

    def running(self, describe: Callable[[], str], find_faults: FindFaults = tuple) -> None:
        """Frames arrive. describe: gives one sentence."""
        self._tell(_Phase.RUNNING, describe, find_faults)

    def reloading(self, text: str, find_faults: FindFaults = tuple) -> None:
        """The configuration is read again. The next call of running() ends this state."""
        self._tell(_Phase.RELOADING, lambda: text, find_faults)

    def stopping(self, text: str, find_faults: FindFaults = tuple) -> None:
        """The last frames are inspected, and the results are completed."""
        self._tell(_Phase.STOPPING, lambda: text, find_faults)

    def _tell(self, phase: _Phase, describe: Callable[[], str], find_faults: FindFaults) -> None:
        if self._socket is None:
            return
        now_s = now_ns() / 1e9
        lines = []
        if phase is not self._phase:
            self._phase, self._beat_due_s, self._status_due_s = phase, 0.0, 0.0
            lines.append(phase.value)
            if phase is _Phase.RELOADING:
                lines.append(f"MONOTONIC_USEC={now_ns() // 1000}")
        if now_s >= self._beat_due_s and not find_faults():
            self._beat_due_s = now_s + self._beat_s
            lines.append("WATCHDOG=1")
            if phase in (_Phase.OPENING, _Phase.STOPPING):
                lines.append(f"EXTEND_TIMEOUT_USEC={_EXTENSION_S * 1e6:.0f}")
        if now_s >= self._status_due_s:
            self._status_due_s = now_s + _STATUS_S
            lines.append(f"STATUS={' '.join(describe().split())}")
        if lines:
            self._send("\n".join(lines), self._socket)

    def _send(self, text: str, place: socket.socket) -> None:
        try:
            place.sendto(text.encode(), self._address or "")
        except OSError as exc:
            if not self._has_failed:
                logger.warning("the service manager does not get the state: {}", exc)
            self._has_failed = True
        else:
            self._has_failed = False


def take_notifier(environment: MutableMapping[str, str]) -> Notifier:
    """The notifier of the service manager that started this process; one that does nothing if no
    service manager did.

    It removes the variables from the environment, so that child processes do not send messages.
    """
    address, watchdog, pid = (environment.pop(name, "") for name in NAMES)
    if not address:
        return Notifier()
    if address[0] not in "/@":
        logger.warning("NOTIFY_SOCKET={} is no socket that can be used; it is ignored", address)
        return Notifier()
    if pid not in ("", str(os.getpid())):
        watchdog = ""
    if watchdog and not (watchdog.isdecimal() and int(watchdog) > 0):
        logger.warning("WATCHDOG_USEC={} is no time; there is no watchdog", watchdog)
        watchdog = ""
    address = "\0" + address[1:] if address[0] == "@" else address
    return Notifier(address, int(watchdog) / 1e6 if watchdog else None)
