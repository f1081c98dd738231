"""Computes results on another thread while earlier ones are used."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def compute_ahead(
    compute: Callable[[Item], Result], items: Sequence[Item], name: str
) -> Iterator[tuple[Item, Result]]:
    """Each item with its result, in order. The next result is computed on a thread meanwhile. At
    most two are in memory, if the caller deletes its own. name: of the thread."""
    with ThreadPoolExecutor(1, name) as pool:
        coming = deque(pool.submit(compute, item) for item in items[:1])
        for number, item in enumerate(items, start=1):
            result = coming.popleft().result()
            coming.extend(pool.submit(compute, later) for later in items[number : number + 1])
            yield item, result
            del result  # before the next one is waited for
