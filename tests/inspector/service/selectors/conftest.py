"""A line whose recipe other programs select."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from recipe_line import RecipeLine, recipe_line


@pytest.fixture
def line(tmp_path: Path) -> Iterator[RecipeLine]:
    with recipe_line(tmp_path) as line:
        yield line
