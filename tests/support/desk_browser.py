"""Serves a web view to a browser, and opens its pages there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from answering import answer_requests
from desk import FakeLine, fill_store

from inspector.store.database import Store
from inspector.store.requests import Request
from inspector.web.loading import start_web_view
from inspector.web.options import WebViewOptions

Page = Any
"""A page of Playwright, which has no types where it is not installed."""

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


class Desk:
    """A web view with a line that does what it is asked to do."""

    def __init__(self, store: Store, line: FakeLine, address: str, requests: list[Request]) -> None:
        self.store, self.line, self.address, self.requests = store, line, address, requests


@contextmanager
def serve(folder: Path, **options: Any) -> Iterator[Desk]:
    store = Store(folder / "store.sqlite")
    fill_store(store, folder)
    line = FakeLine()
    line.show(1)
    view = start_web_view(WebViewOptions(port=0, rate_hz=20, **options), store, line)
    try:
        with answer_requests(store) as requests:
            yield Desk(store, line, f"http://127.0.0.1:{view.port}", requests)
    finally:
        view.stop()
        store.close()


@contextmanager
def open_page(browser: Any, **context: Any) -> Iterator[Page]:
    """A page that must cause no error and load nothing that its policy forbids."""
    messages: list[str] = []
    with browser.new_context(**({"viewport": WIDE} | context)) as opened:
        page = opened.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("console", lambda m: m.type == "error" and messages.append(m.text))
        yield page
        refused = "Failed to load resource:"
        assert [text for text in messages if not text.startswith(refused)] == []


def go(page: Page, desk: Desk, path: str) -> int:
    """Returns the status of the answer. A page with a live picture never finishes to load."""
    answer = page.goto(desk.address + path, wait_until="domcontentloaded")
    status: int = answer.status
    return status
