"""Answers the requests of a store like a line, on a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inspector.store.database import Store
from inspector.store.requests import Request, answer_request, take_requests

Reply = Callable[[Request], tuple[bool, str]]
"""Whether a request is done, and the text of the answer."""


@contextmanager
def answer_requests(
    store: Store, reply: Reply = lambda _: (True, "It is done.")
) -> Iterator[list[Request]]:
    """Gives the list of the requests that came, in order."""
    requests: list[Request] = []
    ending = threading.Event()

    def work() -> None:
        while not ending.wait(0.01):
            for request in take_requests(store):
                requests.append(request)
                done, text = reply(request)
                answer_request(store, request.number, done=done, text=text)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        ending.set()
        thread.join()
