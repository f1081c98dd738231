"""Lists the lengths of web that no frame inspected, and the bands across it that none can."""

from collections import deque
from dataclasses import dataclass
from typing import Final

MOST_LENGTHS: Final = 2000
"""Lengths that are listed, the newest. More are only counted, so the memory does not grow."""


@dataclass(frozen=True, slots=True)
class Span:
    """A length of web (along) or a band of it (across), in mm or px, and why it is not inspected.

    Along: from the edge of the first frame. Across: from the edge of the frame.
    """

    start: float
    end: float
    cause: str


class LostLengths:
    """The newest lengths over the full width, and the number of all."""

    def __init__(self) -> None:
        self.newest: deque[Span] = deque(maxlen=MOST_LENGTHS)
        self.count = 0

    def add(self, start: float, end: float, cause: str) -> None:
        """Lengths come in their order on the web. A length that touches the last one with the same
        cause makes it longer."""
        last = self.newest[-1] if self.newest else None
        if last is not None and last.cause == cause and start - last.end < 1e-6 * max(1.0, start):
            self.newest[-1] = Span(last.start, end, cause)
            return
        self.newest.append(Span(start, end, cause))
        self.count += 1
