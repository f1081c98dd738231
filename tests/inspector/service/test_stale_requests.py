"""Tests that a request from an outdated page is refused."""

from pathlib import Path

import pytest
from desk import line_state, source_state

from engines.engine_changes import candidate_path
from engines.spec_file import file_hash
from inspector.core.errors import ConfigError
from inspector.service.stale_requests import refuse_stale
from inspector.store.requests import Request


@pytest.mark.parametrize("changed", ["engine", "candidate"])
def test_an_engine_or_candidate_that_is_newer_than_the_page_is_refused(
    tmp_path: Path, changed: str
) -> None:
    engine = tmp_path / "cap.onnx"
    candidate = candidate_path(engine)
    engine.write_bytes(b"first")
    candidate.write_bytes(b"second")
    state = line_state(sources=(source_state(engine=str(engine)),))
    expected = {"engine_sha256": file_hash(engine), "candidate_sha256": file_hash(candidate)}
    arguments = {"candidate": str(candidate), "expected": expected}
    request = Request(1, "2026-01-31T12:00:00Z", "accept_engine", arguments, "anna", None)
    assert refuse_stale(request, state).arguments == {"candidate": str(candidate)}
    (engine if changed == "engine" else candidate).write_bytes(b"third")
    with pytest.raises(ConfigError, match=f"the {changed} sha256 changed since this page"):
        refuse_stale(request, state)


def test_thresholds_for_another_recipe_are_refused() -> None:
    arguments = {"source": "main", "image_threshold": 2.0, "expected": {"recipe": "can"}}
    request = Request(1, "2026-01-31T12:00:00Z", "thresholds", arguments, "anna", None)
    with pytest.raises(ConfigError, match="the recipe changed since this page"):
        refuse_stale(request, line_state())
