"""Measures how long the transfer of an item between two threads takes.

python -m benchmarks.channel compares the channel of the pipeline with queue.Queue.
"""

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from inspector.core.channel import END, Channel

ITEMS = 50_000


def time_transfer(
    put: Callable[[int], Any], get: Callable[[], Any], close: Callable[[], None]
) -> float:
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
    """Medians, µs per item."""
    figures: dict[str, list[float]] = {}
    for _ in range(repeats):
        for capacity in (1, 2):
            channel: Channel[int] = Channel(capacity)
            name = f"channel, capacity {capacity}"
            figures.setdefault(name, []).append(
                time_transfer(channel.put, channel.get, channel.close)
            )
            standard: queue.Queue[Any] = queue.Queue(capacity)
            name = f"queue.Queue, capacity {capacity}"
            close = lambda q=standard: q.put(END)  # noqa: E731
            figures.setdefault(name, []).append(time_transfer(standard.put, standard.get, close))
    return {name: round(sorted(values)[len(values) // 2], 1) for name, values in figures.items()}


def main() -> dict[str, float]:
    figures = measure()
    for name, value in figures.items():
        print(f"{name:28} {value:8.1f} µs per item")
    return figures


if __name__ == "__main__":
    print(json.dumps({"channel": main()}))
