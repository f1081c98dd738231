"""Shows that a command works: bars on a terminal, otherwise a log line every INTERVAL_S."""

import sys
import threading
import time
from typing import Any, Final, Self

from loguru import logger
from tqdm import tqdm

INTERVAL_S: Final = 10.0
"""Seconds between two log lines."""

_open: Final[list["Bars"]] = []
"""Bars of this process, the innermost last."""


class Bars:
    """A bar for each step or class; the end of the `with` block closes them all.

    unit: what is counted.
    """

    def __init__(self, unit: str = "picture") -> None:
        self._unit = unit
        self._bars: dict[str, tqdm[Any]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._notes: dict[str, str] = {}
        self._step = ""

    def advance(self, step: str, done: int, total: int) -> None:
        """total: 0 if it is not known."""
        if step not in self._bars:
            self.begin(step, total)
        self._bars[step].update(done)
        self._counts[step] = (self._counts[step][0] + done, total)
        self._step = step

    def begin(self, step: str, total: int, *, before: int = 0) -> None:
        """Opens the bar of a step. before: how many were done by an earlier command."""
        self._bars[step] = tqdm(
            total=total or None, initial=before, desc=step, unit=self._unit, disable=None
        )
        self._counts[step] = (before, total)

    def note(self, step: str, text: str) -> None:
        """Shows a text behind the bar of a step that has begun."""
        self._bars[step].set_postfix_str(text)
        self._notes[step] = text

    def close(self, step: str) -> None:
        """Closes the bar of the step, if it has a bar."""
        if step in self._bars:
            self._bars.pop(step).close()

    def describe(self) -> str:
        """The latest step with its count; empty before the first."""
        if not self._step:
            return ""
        done, total = self._counts[self._step]
        of = f" of {total}" if total else ""
        note = self._notes.get(self._step, "")
        plural = "es" if self._unit.endswith("s") else "s"
        return f"{self._step}: {done}{of} {self._unit}{plural}" + (f", {note}" if note else "")

    @property
    def visible(self) -> bool:
        return any(not bar.disable for bar in list(self._bars.values()))

    def __enter__(self) -> Self:
        _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _open.remove(self)
        for step in list(self._bars):
            self.close(step)


class Heartbeat:
    """Logs every INTERVAL_S what the command does, while no bar is visible.

    A command that another command calls is silent, because the outer command logs its steps.
    """

    _running: threading.Lock = threading.Lock()

    def __init__(self, command: str) -> None:
        self._command = command
        self._ended = threading.Event()
        self._started_s = time.monotonic()
        self._is_outer = False
        self._thread = threading.Thread(target=self._log, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._is_outer = Heartbeat._running.acquire(blocking=False)
        if self._is_outer:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._is_outer:
            try:
                self._thread.join()
            finally:  # also after Ctrl-C
                Heartbeat._running.release()

    def _log(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            bars = list(_open)
            if sys.stderr.isatty() and any(each.visible for each in bars):
                continue
            step = next((text for each in reversed(bars) if (text := each.describe())), "")
            seconds = time.monotonic() - self._started_s
            logger.info("{}: {}{:.0f} s", self._command, step and f"{step}, ", seconds)
