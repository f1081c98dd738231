"""What one hand-over between two threads costs: python -m benchmarks.channel"""

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from inspector.core.channel import END, Channel

ITEMS = 50_000


def through(put: Callable[[int], Any], get: Callable[[], Any], close: Callable[[], None]) -> float:
    """Microseconds per item from one thread to another."""

    def produce() -> None:
        for i in range(ITEMS):
            put(i)
        close()

    thread = threading.Thread(target=produce)
    start = time.perf_counter()
    thread.start()
    received = 0
    while get() is not END:
        received += 1
    thread.join()
    assert received == ITEMS
    return (time.perf_counter() - start) / ITEMS * 1e6


def measure(repeats: int = 5) -> dict[str, float]:
    """Medians, µs per hand-over."""
    figures: dict[str, list[float]] = {}
    for _ in range(repeats):
        for capacity in (1, 2):
            channel: Channel[int] = Channel(capacity)
            name = f"channel, capacity {capacity}"
            figures.setdefault(name, []).append(through(channel.put, channel.get, channel.close))
            standard: queue.Queue[Any] = queue.Queue(capacity)
            name = f"queue.Queue, capacity {capacity}"
            ended = lambda q=standard: q.put(END)  # noqa: E731
            figures.setdefault(name, []).append(through(standard.put, standard.get, ended))
    return {name: round(sorted(values)[len(values) // 2], 1) for name, values in figures.items()}


def main() -> dict[str, float]:
    figures = measure()
    for name, value in figures.items():
        print(f"{name:28} {value:8.1f} µs per hand-over")
    return figures


if __name__ == "__main__":
    print(json.dumps({"channel": main()}))
