"""What works beside the sessions for as long as the line, such as the web view."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from loguru import logger

from inspector.core.errors import InspectorError


class Attendant(Protocol):
    """The main thread of the line calls both methods."""

    def turn(self) -> None:
        """Called on each turn of the main loop, about 10 times a second. It must return at once."""
        ...

    def stop(self) -> None:
        """Called at the end of the line."""
        ...


class Guard:
    """Lets a part that failed try again on its next turn. name: of the part."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sentence: str | None = None

    @contextlib.contextmanager
    def survive(self) -> Iterator[None]:
        """Logs an InspectorError or OSError of the block; the same sentence again is not logged."""
        try:
            yield
        except (InspectorError, OSError) as exc:
            sentence = str(exc)
            if sentence != self._sentence:
                logger.error("{} failed, the line goes on: {}", self._name, sentence)
            self._sentence = sentence
        else:
            self._sentence = None


class Attendants:
    """All attendants of a line. An attendant whose turn fails gets the next turn, too."""

    def __init__(self) -> None:
        self._attendants: list[tuple[Attendant, Guard]] = []

    def add(self, attendant: Attendant) -> None:
        self._attendants.append((attendant, Guard(type(attendant).__name__)))

    def turn(self) -> None:
        for attendant, guard in self._attendants:
            with guard.survive():
                attendant.turn()

    def stop(self) -> None:
        """Stops them all, the last one first."""
        while self._attendants:
            attendant, guard = self._attendants.pop()
            with guard.survive():
                attendant.stop()
