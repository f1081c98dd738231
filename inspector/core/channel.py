"""A bounded hand-over between two threads, which waits or drops the oldest when full."""

from collections import deque
from enum import Enum
from threading import Condition
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class End(Enum):
    """The one value that get() returns when nothing more will come."""

    END = "end"


END: Final = End.END


class Channel(Generic[T]):
    """One producer, one consumer. `queue.Queue` has no shutdown before Python 3.13, and dropping
    the oldest item through it is a race; here both happen under the one lock.

    capacity: items held at most, >= 1. drop_oldest: a full channel discards its oldest item
    instead of making put() wait. `dropped` counts the discarded ones.
    """

    def __init__(self, capacity: int, *, drop_oldest: bool = False) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._drop_oldest = drop_oldest
        self._closed = False
        self._changed = Condition()
        self.dropped = 0

    def put(self, item: T) -> bool:
        """Hands over one item; False when the channel is closed and the item was not taken."""
        with self._changed:
            if self._drop_oldest:
                if not self._closed and len(self._items) >= self._capacity:
                    self._items.popleft()
                    self.dropped += 1
            else:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> T | End | None:
        """The oldest item; END when closed and empty; None when `timeout_s` passed first."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout_s):
                return None
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            return END

    def close(self) -> None:
        """No more put(); what waits is still delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> int:
        """No more put(), what waits is thrown away, both ends wake; the number thrown away."""
        with self._changed:
            self._closed = True
            lost = len(self._items)
            self._items.clear()
            self._changed.notify_all()
            return lost
