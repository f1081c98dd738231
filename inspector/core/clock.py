"""Reads the clocks: monotonic nanoseconds for measuring, UTC for people."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_ns() -> int:
    """Monotonic nanoseconds. Only differences between two values have a meaning."""
    return time.monotonic_ns()


def utc_now() -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-01-31T12:00:00.123Z."""
    return _format(datetime.now(UTC))


def utc_at(monotonic_ns: int) -> str:
    """The same text for a time of now_ns() in the recent past."""
    return _format(datetime.now(UTC) - timedelta(milliseconds=ms_since(monotonic_ns)))


def wall_ms() -> int:
    """The time of the wall clock, which may jump: ms since 1970 in UTC."""
    return time.time_ns() // 1_000_000


def utc_text(ms: int) -> str:
    """ms since 1970 as the text of utc_now(). Raises OverflowError after the year 9999."""
    return _format(_EPOCH + timedelta(milliseconds=ms))


def utc_ms(text: str) -> int:
    """An ISO 8601 time as ms since 1970. Raises ValueError, also for a time without a zone."""
    time_utc = datetime.fromisoformat(text)
    if time_utc.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone: add Z for UTC, or such as +01:00")
    return (time_utc - _EPOCH) // timedelta(milliseconds=1)


def _format(time_utc: datetime) -> str:
    return time_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ms_since(start_ns: int) -> float:
    """Milliseconds passed since `start_ns`."""
    return (time.monotonic_ns() - start_ns) / 1e6
