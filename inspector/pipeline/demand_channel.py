"""A channel whose producer can wait until the consumer will soon need an item."""

from typing import Final, TypeVar

from inspector.core.channel import Channel, End
from inspector.core.clock import now_ns

T = TypeVar("T")

LEAD_NS: Final = 2_000_000
"""Time for making an item. Preprocessing 1280x720 takes 1 ms."""


class DemandChannel(Channel[T]):
    """A Channel that knows when its consumer took the last item and how long it worked before."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._asking = False
        self._taken_ns = now_ns()
        self._work_ns = 0

    def get(self, timeout_s: float | None = None) -> T | End | None:
        with self._changed:
            self._asking = True
            self._work_ns = now_ns() - self._taken_ns
            self._changed.notify_all()
            item = super().get(timeout_s)
            self._asking = False
            self._taken_ns = now_ns()
            return item

    def wait_for_demand(self, lead_ns: int = LEAD_NS) -> None:
        """Waits until the consumer will ask for an item in about lead_ns, if it works as long as
        on the item before. Returns at once while it asks, and when the channel is closed."""
        with self._changed:
            while not self._closed and not self._asking:
                left_ns = self._taken_ns + self._work_ns - lead_ns - now_ns()
                if not self._items and left_ns <= 0:
                    return
                self._changed.wait(None if self._items else left_ns / 1e9)
