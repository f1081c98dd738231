"""What a person or a service manager asks of the program: signals, and keys of the window."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

from loguru import logger

from inspector.core.errors import ConfigError, SinkError
from inspector.core.protocols import Picture
from inspector.core.types import Inspection
from inspector.early_signals import EarlySignals, stopping_signals
from inspector.outputs.live_view import LiveView
from inspector.outputs.window import CLOSE, PAUSE, QUIT


class Controlled(Protocol):
    """What the signals and the window control."""

    def stop(self) -> None:
        """Ends the capture. Everything captured is still inspected."""
        ...

    def abort(self) -> None:
        """Drops the frames that are not yet inspected, and ends."""
        ...

    def pause(self, paused: bool) -> None: ...


class OperatorInput:
    """The signals that stop the program, and the window. The main thread uses it.

    signals: the numbers of those that came so far. quit: whether q was pressed. reloads: number of
    SIGHUPs, if they mean that the configuration is read again. show: whether there is a window.
    Raises ConfigError if there is no display.
    """

    def __init__(self, *, show: bool) -> None:
        self.signals: list[int] = []
        self.quit = False
        self.reloads = 0
        self._reloads_on_hangup = False
        self._window = open_window() if show else None

    @property
    def has_window(self) -> bool:
        return self._window is not None

    @property
    def wait_s(self) -> float:
        """Time between two calls of the methods below; keys need quick answers."""
        return 0.1 if self._window is None else 0.03

    @property
    def stopping(self) -> bool:
        """Whether a signal or q stops the program."""
        return bool(self.signals) or self.quit

    @contextlib.contextmanager
    def handle_signals(
        self, early: EarlySignals | None = None, *, reloads: bool = False
    ) -> Iterator[None]:
        """Collects the signals until the end of the block.

        early: signals that arrived before. reloads: SIGHUP is counted in `reloads` and stops
        nothing. Does nothing on other threads than the main thread, because Python lets only the
        main thread handle signals.
        """
        self._reloads_on_hangup = reloads
        is_main = threading.current_thread() is threading.main_thread()
        numbers = stopping_signals() if is_main else []
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        if early is not None:
            self.signals[:0] = early.hand_over()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def apply_signals(self, controlled: Controlled) -> None:
        """The first signal stops the capture. The second drops the frames that are not yet
        inspected; the program then ends within GRACE_S. Further ones change nothing."""
        if len(self.signals) == 1:
            controlled.stop()
        elif self.signals:
            controlled.abort()

    def show(self, _: Inspection, picture: Picture) -> None:
        """Shows a picture in the window. Any thread may call this."""
        # The main thread may close the window at any time.
        if (window := self._window) is not None:
            window.show(picture.bgr())

    def poll_window(self, controlled: Controlled) -> None:
        """Reads the keys. A window that fails is closed; the run continues."""
        if self._window is None:
            return
        commands: set[str] = set()
        try:
            commands = self._window.poll()
        except SinkError as exc:
            logger.warning("the window failed and is closed: {}", exc)
            commands = {CLOSE}
        if PAUSE in commands:
            controlled.pause(self._window.paused)
        if QUIT in commands:
            self.quit = True
            controlled.stop()
        if CLOSE in commands:
            self.close()
            controlled.pause(False)

    def close(self) -> None:
        """Closes the window. May be called twice."""
        window, self._window = self._window, None
        if window is not None:
            window.close()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._reloads_on_hangup and number == signal.SIGHUP:
            self.reloads += 1
        else:
            self.signals.append(number)


def open_window() -> LiveView:
    """Checks the environment first, because SDL writes messages if there is no display."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, names)):
        raise ConfigError("--show: there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    return LiveView("inspector")
