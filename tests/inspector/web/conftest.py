"""A filled store, and clients of the web view with and without a login."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import FakeLine, Site, fill_store, line_state

from inspector.store.database import Store
from inspector.web.options import WebViewOptions


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Its run has no feedback, alarms and changes; tests that add some use `store`."""
    folder = tmp_path_factory.mktemp("desk")
    store = Store(folder / "store.sqlite")
    fill_store(store, folder)
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.sqlite")
    fill_store(store, tmp_path, count=20)
    yield store
    store.close()


@pytest.fixture
def line() -> FakeLine:
    return FakeLine()


@pytest.fixture
def site(filled_store: Store, line: FakeLine) -> Site:
    """Without a login."""
    return Site(WebViewOptions(port=0), filled_store, line)


@pytest.fixture
def token_site(filled_store: Store, line: FakeLine) -> Site:
    return Site(WebViewOptions(port=0, token="a-secret-token"), filled_store, line)


@pytest.fixture
def locked_line() -> FakeLine:
    return FakeLine(line_state(mode="locked"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="run by `make test-browser`")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
