"""One fitted engine for all tests of this folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from engine_parts import fit_parts
from onnx import ModelProto

from engines.spec_file import read_engine


@pytest.fixture(scope="session")
def engine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("engine") / "parts.onnx"
    fit_parts(out)
    return out


@pytest.fixture(scope="module")
def parsed(engine_file: Path) -> tuple[dict[str, Any], ModelProto]:
    """Its spec as JSON values, and its graph."""
    spec, model = read_engine(engine_file)
    return json.loads(spec.to_json()), model
