"""Ends the program in order if a signal arrives before its sources run.

This module imports only the standard library, so that it works while the other modules load.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

STOPPING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that stop the program."""
INTERRUPTED: Final = 130
GRACE_S: Final = 8.0
"""Time after a signal until the process ends, also if a driver or a file system hangs."""


class Stopped(BaseException):
    """A signal arrived before the sources ran. It is no Exception, so that nothing handles it by
    mistake. exit_code: of the program."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} before the start")
        self.exit_code = code_of(number)


def code_of(number: int) -> int:
    """The exit code after a signal that stopped a run in order."""
    return INTERRUPTED if number == signal.SIGINT else 0


def stopping_signals() -> list[int]:
    """STOPPING without SIGHUP if it is ignored: nohup ignores it for its command."""
    ignored = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOPPING if not (ignored and number == signal.SIGHUP)]


class EarlySignals:
    """The signals that arrive before the sources run. numbers: in the order of arrival."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._raises = False
        self._handed_over = threading.Event()

    def begin(self) -> None:
        """From now on the handler raises Stopped. Before, the caller is not ready for it."""
        self._raises = True
        self.check()

    def hand_over(self) -> list[int]:
        """Call this when another handler is in place. Returns the signals so far: a library may
        have swallowed Stopped."""
        self._raises = False
        self._handed_over.set()
        return self.numbers

    def check(self) -> None:
        """Raises Stopped if a signal arrived. Call it after imports."""
        if self.numbers:
            raise Stopped(self.numbers[0])

    def stop(self, number: int, frame: FrameType | None) -> None:
        """The handler. Only the first signal raises, so that the end is not interrupted. During an
        import it does not raise, because an error in its C code can end the process."""
        self.numbers.append(number)
        if self._raises and len(self.numbers) == 1 and not _is_importing(frame):
            raise Stopped(number)

    def end_late(self, reader: int) -> None:
        """Python cannot raise Stopped while the main thread is in a C function. Then this thread
        ends the process."""
        with os.fdopen(reader, "rb", buffering=0) as signals:
            while byte := signals.read(1):
                if byte[0] in STOPPING and not self._handed_over.wait(GRACE_S):
                    with contextlib.suppress(OSError):
                        sys.stderr.write("stopped before the start; a source did not answer\n")
                        sys.stderr.flush()
                    os._exit(code_of(byte[0]))


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def stop_early(*, ends_process: bool = False) -> Iterator[EarlySignals]:
    """Raises Stopped at a signal, in the block or on entering it: catch it around the `with`. If
    the block hangs, the process ends after GRACE_S.

    ends_process: the process ends after the block. Signals are ignored from then on, so that they
    do not change its exit code. Does nothing on other threads than the main thread, because Python
    handles signals only there.
    """
    early = EarlySignals()
    if threading.current_thread() is not threading.main_thread():
        yield early
        return
    before = {number: signal.signal(number, early.stop) for number in stopping_signals()}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=early.end_late, args=(reader,), daemon=True).start()
    try:
        early.begin()
        yield early
    finally:
        early.hand_over()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if ends_process else handler)
        signal.set_wakeup_fd(previous)
        os.close(writer)


def ignore_signals() -> None:
    """For the end of the process, when its exit code is known."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
