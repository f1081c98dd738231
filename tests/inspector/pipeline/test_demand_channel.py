"""Tests of the channel whose producer waits for the demand of its consumer."""

import threading

from inspector.core.channel import END
from inspector.pipeline.demand_channel import DemandChannel

LONG_NS = 3600 * 10**9
NEVER_NS = -LONG_NS
"""Lead with which the time of the consumer alone never ends the wait in a test."""


def start_wait(channel: DemandChannel[int], lead_ns: int) -> threading.Event:
    """The event is set when wait_for_demand() has returned."""
    done = threading.Event()

    def wait() -> None:
        channel.wait_for_demand(lead_ns)
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    return done


def test_the_producer_waits_until_the_consumer_asks() -> None:
    channel: DemandChannel[int] = DemandChannel(1)
    done = start_wait(channel, NEVER_NS)
    assert not done.wait(0.03)
    consumer = threading.Thread(target=channel.get, daemon=True)
    consumer.start()
    assert done.wait(20)
    channel.put(1)
    consumer.join(20)
    assert not consumer.is_alive()


def test_the_producer_may_begin_before_the_consumer_asks() -> None:
    channel: DemandChannel[int] = DemandChannel(1)
    assert start_wait(channel, LONG_NS).wait(20)


def test_the_producer_waits_while_an_item_is_not_taken() -> None:
    channel: DemandChannel[int] = DemandChannel(1)
    channel.put(1)
    done = start_wait(channel, LONG_NS)
    assert not done.wait(0.03)
    assert channel.get() == 1
    assert done.wait(20)


def test_closing_ends_the_wait() -> None:
    for end in ("close", "abort"):
        channel: DemandChannel[int] = DemandChannel(1)
        done = start_wait(channel, NEVER_NS)
        getattr(channel, end)()
        assert done.wait(20)
        assert channel.get() is END
