"""A line that answers requests for recipes, and nothing else."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from motion_services import wait_for

from inspector.store.database import Store
from inspector.store.requests import Request, answer_request, take_requests

RECIPES = ("bottle", "cap")


class RecipeLine:
    """requests: those that came, in order. names: known recipes."""

    def __init__(self, store: Store, names: Sequence[str] = RECIPES) -> None:
        self.store, self._names = store, names
        self.requests: list[Request] = []
        self.answers = threading.Event()
        self.answers.set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        """The recipes that were requested."""
        return [request.arguments["name"] for request in self.requests]

    def wait_for(self, *names: str) -> None:
        """Waits until exactly these recipes were requested."""
        wait_for(lambda: len(self.requests) >= len(names))
        assert self.names == list(names)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.01):
            for request in take_requests(self.store):
                self.requests.append(request)
                self.answers.wait()
                name = request.arguments["name"]
                done = name in self._names
                text = f"{name} is used" if done else f"there is no recipe {name}"
                answer_request(self.store, request.number, done=done, text=text)


@contextlib.contextmanager
def recipe_line(folder: Path) -> Iterator[RecipeLine]:
    with contextlib.closing(Store(folder / "store.sqlite")) as store:
        line = RecipeLine(store)
        try:
            yield line
        finally:
            line.answers.set()
            line.close()
