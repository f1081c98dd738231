"""One fitted engine for all tests of this folder."""

from pathlib import Path

import pytest
from engine_parts import fitted


@pytest.fixture(scope="session")
def engine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("engine") / "parts.onnx"
    fitted(out)
    return out
