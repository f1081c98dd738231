"""A small process that runs the command of an output, and sets "reject" if the inspector fails.

    python supervisor.py LIMIT_S PROGRAM [ARGUMENT ...]

runs `PROGRAM [ARGUMENT ...] SIGNAL` whenever the signal changes. It imports nothing of the project
and little of Python, so that it starts fast and is small. Standard input has one line for each
state: the signal, and the monotonic time in ns at which a pass ends. The signal is "reject" after
that time, and after the end of the input, which a killed inspector causes. The line "end" before
the end of the input keeps the last signal.

Only the newest signal counts. A command that runs longer than LIMIT_S is killed, and so is one that
sets "pass" when the signal is no longer "pass". A signal is tried again until its command has ended
with exit code 0. Standard output gets a line when a command fails, and when one works again.
"""

import os
import select
import signal
import sys
import time

PASS = "pass"
REJECT = "reject"
END = "end"
RETRY_S = 0.5
GIVE_UP_S = 30.0
"""Time for tries after the end of the input."""


class Supervisor:
    """command: program and arguments. limit_s: longest time that a command may run."""

    def __init__(self, command: list[str], limit_s: float) -> None:
        self._command, self._limit_s = command, limit_s
        self._signal, self._expires_ns = "", 0
        self._input = b""
        self._input_ended_s: float | None = None
        self._keeps_last = False
        self._set: str | None = ""
        """The signal that a command has set; None if unknown, "" before the first line."""
        self._running: int | None = None
        self._running_signal = ""
        self._started_s = 0.0
        self._retry_s = 0.0
        self._was_killed = False
        self._fault = ""

    def run(self) -> None:
        """Runs until the input has ended and the last signal is set."""
        wake = _make_wake_pipe()
        while not self._is_done():
            self._turn()
            inputs = [wake] if self._input_ended_s is not None else [wake, 0]
            ready, _, _ = select.select(inputs, [], [], self._seconds_to_next())
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if 0 in ready:
                self._read()

    def _newest(self) -> str:
        if self._input_ended_s is not None and not self._keeps_last:
            return REJECT
        expired = self._signal == PASS and time.monotonic_ns() >= self._expires_ns
        return REJECT if expired else self._signal

    def _turn(self) -> None:
        newest, now = self._newest(), time.monotonic()
        if self._running is not None:
            is_outdated = self._running_signal == PASS and newest != PASS
            if is_outdated or now - self._started_s >= self._limit_s:
                self._kill(self._running)
        elif newest != self._set and (newest != self._running_signal or now >= self._retry_s):
            self._start(newest)

    def _start(self, newest: str) -> None:
        self._set, self._running_signal = None, newest
        self._started_s = time.monotonic()
        defaults = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE]
        try:
            self._running = os.posix_spawnp(
                self._command[0],
                [*self._command, newest],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                ],
                setpgroup=0,
                setsigdef=defaults,
            )
        except OSError as exc:
            self._fail(f"{exc.strerror}")

    def _kill(self, pid: int) -> None:
        if not self._was_killed:
            self._was_killed = True
            os.killpg(pid, signal.SIGKILL)

    def _reap(self) -> None:
        if self._running is None:
            return
        pid, status = os.waitpid(self._running, os.WNOHANG)
        if pid == 0:
            return
        code, was_killed = os.waitstatus_to_exitcode(status), self._was_killed
        self._running, self._was_killed = None, False
        is_outdated = self._running_signal == PASS and self._newest() != PASS
        if code == 0:
            self._set = self._running_signal
            if self._fault:
                self._say(f"works again: {self._set} is set")
            self._fault = ""
        elif was_killed and not is_outdated:
            self._fail(f"it ran longer than {self._limit_s:g} s and was killed")
        elif not was_killed:
            self._fail(f"exit code {code}")

    def _fail(self, reason: str) -> None:
        self._retry_s = time.monotonic() + RETRY_S
        fault = f"cannot set {self._running_signal}: {reason}"
        if fault != self._fault:
            self._say(fault)
        self._fault = fault

    def _read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._input_ended_s = time.monotonic()
            return
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            word, _, expires_ns = line.decode().partition(" ")
            if word == END:
                self._keeps_last = True
            else:
                self._signal, self._expires_ns = word, int(expires_ns)

    def _is_done(self) -> bool:
        if self._input_ended_s is None or self._running is not None:
            return False
        is_late = time.monotonic() - self._input_ended_s > GIVE_UP_S
        return is_late or self._newest() == self._set

    def _seconds_to_next(self) -> float | None:
        """The time until something happens without an input; None if nothing does."""
        now = time.monotonic()
        times = []
        if self._running is not None and not self._was_killed:
            times.append(self._started_s + self._limit_s - now)
        elif self._running is None and self._newest() != self._set:
            times.append(self._retry_s - now)
        if self._newest() == PASS:
            times.append((self._expires_ns - time.monotonic_ns()) / 1e9)
        return max(0.0, min(times)) if times else None

    def _say(self, text: str) -> None:
        try:
            os.write(1, f"{text}\n".encode())
        except OSError:
            return  # the inspector is dead or stalled; the command matters more than the message


def _make_wake_pipe() -> int:
    """The end of a pipe that can be read when a command has ended."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read_end


def main() -> None:
    # A service manager and Ctrl-C stop the inspector, which then stops this process.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.set_blocking(1, False)
    Supervisor(sys.argv[2:], float(sys.argv[1])).run()


if __name__ == "__main__":
    main()
