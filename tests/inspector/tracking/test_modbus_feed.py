"""Tests of the motion from a real Modbus TCP server: that of pymodbus on this machine."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
from log_lines import warnings_of
from motion_services import ModbusDevice, is_known, is_unknown, latest, now_s
from waiting import wait_for

from inspector.tracking.feed_options import ModbusOptions
from inspector.tracking.modbus_feed import ModbusFeed

pytestmark = pytest.mark.services

SPEED = 200.0
"""mm/s of the simulated line."""


class Line:
    """The registers of a counter with 0.1 mm per count, or of a speed."""

    def __init__(self, *, bits: int = 32, start: int = 0, low_first: bool = False) -> None:
        self.start_s, self._start = now_s(), start
        self._bits, self._low_first = bits, low_first
        self.fixed: list[int] | None = None

    def read(self) -> list[int]:
        if self.fixed is not None:
            return self.fixed
        count = self._start + round((now_s() - self.start_s) * SPEED * 10)
        words = [count >> 16 & 0xFFFF, count & 0xFFFF][2 - self._bits // 16 :]
        return words[::-1] if self._low_first else words


@contextlib.contextmanager
def serving(read: Callable[[], list[int]]) -> Iterator[ModbusDevice]:
    device = ModbusDevice(read)
    try:
        yield device
    finally:
        device.stop()


@contextlib.contextmanager
def polling(port: int, **changes: object) -> Iterator[ModbusFeed]:
    values: dict[str, object] = {"host": "127.0.0.1", "port": port, "register": 0, "scale": 0.1}
    values |= {"max_m_per_min": 100.0, "timeout_s": 0.5}
    feed = ModbusFeed(ModbusOptions(**(values | changes)))  # type: ignore[arg-type]
    try:
        yield feed
    finally:
        feed.stop()
        feed.connection.thread.join(10)
        assert not feed.connection.thread.is_alive()


def check_way(feed: ModbusFeed, seconds: float = 1.0) -> None:
    """Compares the way in some time with that of the line."""
    first_s, first = now_s(), latest(feed.positions)
    time.sleep(seconds)
    last_s, last = now_s(), latest(feed.positions)
    assert first is not None
    assert last is not None
    assert last.segment == first.segment
    assert last.position - first.position == pytest.approx((last_s - first_s) * SPEED, abs=15)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ({}, {}),
        ({"low_first": True}, {"word_order": "low_first"}),
        ({"start": 2**32 - 500}, {}),
        ({"bits": 16, "start": 2**16 - 500}, {"bits": 16}),
        ({}, {"table": "input"}),
    ],
)
def test_a_counter_is_followed_over_its_wrap(
    line: dict[str, int], changes: dict[str, object]
) -> None:
    with serving(Line(**line).read) as device, polling(device.port, **changes) as feed:
        wait_for(is_known(feed.positions))
        check_way(feed)


def test_a_signed_speed_is_summed_up() -> None:
    line = Line()
    line.fixed = [2**16 - 1200]  # -12.00 m/min
    options = {"bits": 16, "quantity": "speed", "scale": -0.01}
    with serving(line.read) as device, polling(device.port, **options) as feed:
        wait_for(is_known(feed.positions))
        check_way(feed)


def test_a_device_that_stops_and_starts_again() -> None:
    with serving(Line().read) as device, polling(device.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        with warnings_of() as lines:
            device.stop()
            wait_for(is_unknown(feed.positions))
            device.start()
            wait_for(is_known(feed.positions))
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment == before.segment
        assert len([line for line in lines if "no value" in line]) == 1


def test_a_counter_that_was_reset_begins_a_new_segment() -> None:
    line = Line(start=100_000)
    with serving(line.read) as device, polling(device.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        device.stop()
        wait_for(is_unknown(feed.positions))
        line.start_s, line._start = now_s(), 0
        device.start()
        wait_for(is_known(feed.positions))
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment > before.segment


def test_a_device_that_does_not_answer_makes_the_motion_unknown() -> None:
    with serving(Line().read) as device, polling(device.port) as feed:
        wait_for(is_known(feed.positions))
        device.delay_s = 5.0
        stalled_s = now_s()
        wait_for(is_unknown(feed.positions))
        device.delay_s = 0.0
        wait_for(is_known(feed.positions))
        assert feed.positions.at(stalled_s + 0.4) is None
        check_way(feed)


def test_a_device_that_refuses_the_register_is_named() -> None:
    with (
        serving(Line().read) as device,
        warnings_of() as lines,
        polling(device.port, register=5000) as feed,
    ):
        wait_for(lambda: any("the device answers" in line for line in lines))
        assert feed.positions.newest_s is None


def test_rubbish_in_the_register_makes_the_motion_unknown() -> None:
    line = Line()
    with serving(line.read) as device, polling(device.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        line.fixed = [0x5A5A, 0x1234]
        time.sleep(0.3)
        line.fixed = None
        time.sleep(1)
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment > before.segment
        check_way(feed, 0.5)


def test_a_missing_device_is_found_later() -> None:
    with serving(Line().read) as device:
        device.stop()
        with polling(device.port) as feed:
            time.sleep(0.7)
            assert feed.positions.newest_s is None
            device.start()
            wait_for(is_known(feed.positions))
