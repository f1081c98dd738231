"""An empty store for the tests of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_runs import open_store

from inspector.store.database import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as store:
        yield store
