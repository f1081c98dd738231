"""A bounded queue between two threads. When it is full, it waits or drops the oldest item."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from threading import Condition
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class End(Enum):
    """The value that get() returns when the channel is closed and empty."""

    END = "end"


END: Final = End.END


class Channel(Generic[T]):
    """A queue for one producer and one consumer.

    `queue.Queue` has no shutdown before Python 3.13, and dropping its oldest item is a race. This
    class does both under one lock.

    capacity: largest number of items in the channel, >= 1. droppable: the oldest item for which it
    is true is discarded first; None: the oldest item. `dropped` counts the discarded items.
    """

    def __init__(self, capacity: int, droppable: Callable[[T], bool] | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._droppable = droppable
        self._closed = False
        self._changed = Condition()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, drop_oldest: bool = False) -> bool:
        """Adds one item. Returns False if the channel is closed; the item is not added then.

        drop_oldest: a full channel discards an item, which may be the new one, so that put() does
        not wait.
        """
        with self._changed:
            if not drop_oldest:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                return False
            self._items.append(item)
            if len(self._items) > self._capacity:
                self._discard()
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> T | End | None:
        """Removes and returns the oldest item. END: closed and empty. None: `timeout_s` passed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout_s):
                return None
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            return END

    def _discard(self) -> None:
        droppable = self._droppable or (lambda _: True)
        places = (place for place, item in enumerate(self._items) if droppable(item))
        del self._items[next(places, 0)]
        self.dropped += 1

    def close(self) -> None:
        """Refuses new items. The items in the channel can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> int:
        """Refuses new items, discards the items in the channel and returns their number.

        A put() or get() that waits returns.
        """
        with self._changed:
            self._closed = True
            discarded = len(self._items)
            self._items.clear()
            self._changed.notify_all()
            return discarded
