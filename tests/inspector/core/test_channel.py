"""Tests of the channel between two threads."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core.channel import END, Channel


def test_get_returns_items_in_order_and_then_end() -> None:
    channel: Channel[int] = Channel(3)
    for i in range(3):
        assert channel.put(i)
    channel.close()
    assert [channel.get() for _ in range(4)] == [0, 1, 2, END]
    assert channel.get() is END


def test_a_full_channel_makes_put_wait_until_get() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(0)
    done = threading.Event()

    def second() -> None:
        channel.put(1)
        done.set()

    threading.Thread(target=second, daemon=True).start()
    assert not done.wait(0.03)
    assert channel.get() == 0
    assert done.wait(2)
    assert channel.get() == 1


def test_a_full_live_channel_drops_the_oldest() -> None:
    channel: Channel[int] = Channel(2)
    for i in range(5):
        assert channel.put(i, drop_oldest=True)
    assert channel.dropped == 3
    assert [channel.get(), channel.get()] == [3, 4]


def test_a_full_channel_drops_the_oldest_item_that_may_be_dropped() -> None:
    channel: Channel[int] = Channel(2, droppable=lambda item: item % 2 == 0)
    for item in (1, 2, 3, 4):
        assert channel.put(item, drop_oldest=True)
    assert channel.dropped == 2
    assert channel.put(5, drop_oldest=True)
    assert [channel.get(), channel.get()] == [3, 5]


def test_a_closed_channel_refuses_items_and_delivers_the_rest() -> None:
    for drop_oldest in (False, True):
        channel: Channel[int] = Channel(1)
        channel.put(1, drop_oldest=drop_oldest)
        channel.close()
        assert not channel.put(2, drop_oldest=drop_oldest)
        assert channel.dropped == 0
        assert channel.get() == 1
        assert channel.get() is END


def test_abort_discards_the_items_and_returns_their_number() -> None:
    channel: Channel[int] = Channel(4)
    channel.put(1)
    channel.put(2)
    assert channel.abort() == 2
    assert channel.abort() == 0
    assert channel.get() is END
    assert not channel.put(3)


def test_abort_wakes_a_waiting_put_and_a_waiting_get() -> None:
    full: Channel[int] = Channel(1)
    full.put(0)
    empty: Channel[int] = Channel(1)
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(full.put(1)), daemon=True),
        threading.Thread(target=lambda: results.append(empty.get()), daemon=True),
    ]
    for thread in threads:
        thread.start()
    full.abort()
    empty.abort()
    for thread in threads:
        thread.join(2)
        assert not thread.is_alive()
    assert False in results
    assert END in results


def test_get_returns_none_after_its_timeout() -> None:
    start = time.monotonic()
    assert Channel[int](1).get(timeout_s=0.01) is None
    assert time.monotonic() - start >= 0.009


def test_a_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Channel(0)


@given(st.integers(1, 4), st.integers(0, 60), st.booleans())
def test_every_item_is_delivered_or_counted_as_dropped(
    capacity: int, items: int, drop_oldest: bool
) -> None:
    channel: Channel[int] = Channel(capacity)
    received: list[int] = []

    def consume() -> None:
        while (item := channel.get()) is not END:
            assert isinstance(item, int)
            received.append(item)

    consumer = threading.Thread(target=consume, daemon=True)
    consumer.start()
    for i in range(items):
        assert channel.put(i, drop_oldest=drop_oldest)
    channel.close()
    consumer.join(5)
    assert not consumer.is_alive()
    assert received == sorted(received)
    assert len(received) + channel.dropped == items
    if not drop_oldest:
        assert channel.dropped == 0
