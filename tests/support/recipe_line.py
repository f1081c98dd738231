"""A line that answers requests for recipes, and nothing else."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from answering import answer_requests
from waiting import wait_for

from inspector.service.selectors.kinds import Selector, make_selectors
from inspector.store.database import Store
from inspector.store.requests import Request

RECIPES = ("bottle", "cap")


class RecipeLine:
    """requests: those that came, in order. names: known recipes."""

    def __init__(self, store: Store, names: Sequence[str] = RECIPES) -> None:
        self.store, self._names = store, names
        self.answers = threading.Event()
        self.answers.set()
        self._stack = contextlib.ExitStack()
        self.requests = self._stack.enter_context(answer_requests(store, self._reply))

    @property
    def names(self) -> list[str]:
        """The recipes that were requested."""
        return [request.arguments["name"] for request in self.requests]

    def wait_for(self, *names: str) -> None:
        """Waits until exactly these recipes were requested."""
        wait_for(lambda: len(self.requests) >= len(names))
        assert self.names == list(names)

    def close(self) -> None:
        self._stack.close()

    def _reply(self, request: Request) -> tuple[bool, str]:
        self.answers.wait()
        name = request.arguments["name"]
        done = name in self._names
        return done, f"{name} is used" if done else f"there is no recipe {name}"


@contextlib.contextmanager
def recipe_line(folder: Path) -> Iterator[RecipeLine]:
    with contextlib.closing(Store(folder / "store.sqlite")) as store:
        line = RecipeLine(store)
        try:
            yield line
        finally:
            line.answers.set()
            line.close()


@contextlib.contextmanager
def selecting(line: RecipeLine, **entry: Any) -> Iterator[Selector]:
    (selector,) = make_selectors([entry], line.store)
    try:
        yield selector
    finally:
        selector.stop()
        selector.connection.thread.join(20)  # type: ignore[attr-defined]
        assert not selector.connection.thread.is_alive()  # type: ignore[attr-defined]
