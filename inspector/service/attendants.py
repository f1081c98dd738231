"""What works beside the sessions for as long as the line, such as the web view."""

import contextlib
from typing import Protocol


class Attendant(Protocol):
    """The main thread of the line calls both methods."""

    def turn(self) -> None:
        """Called on each turn of the main loop, about 10 times a second. It must return at once."""
        ...

    def stop(self) -> None:
        """Called at the end of the line."""
        ...


class Attendants:
    """All attendants of a line."""

    def __init__(self) -> None:
        self._attendants: list[Attendant] = []
        self._stops = contextlib.ExitStack()

    def add(self, attendant: Attendant) -> None:
        self._attendants.append(attendant)
        self._stops.callback(attendant.stop)

    def turn(self) -> None:
        for attendant in self._attendants:
            attendant.turn()

    def stop(self) -> None:
        """Stops them all, the last one first."""
        self._stops.close()
