"""Reads the clocks: monotonic nanoseconds for measuring, UTC for people."""

import time
from datetime import UTC, datetime, timedelta


def now_ns() -> int:
    """Monotonic nanoseconds. Only differences between two values have a meaning."""
    return time.monotonic_ns()


def utc_now() -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-01-31T12:00:00.123Z."""
    return _format(datetime.now(UTC))


def utc_at(monotonic_ns: int) -> str:
    """The same text for a time of now_ns() in the recent past."""
    return _format(datetime.now(UTC) - timedelta(milliseconds=ms_since(monotonic_ns)))


def _format(time_utc: datetime) -> str:
    return time_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ms_since(start_ns: int) -> float:
    """Milliseconds passed since `start_ns`."""
    return (time.monotonic_ns() - start_ns) / 1e6
