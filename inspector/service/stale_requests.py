"""Refuses a request that was made on a page which shows something older than the line has now."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.engine_changes import candidate_path, engine_of
from engines.spec_file import file_hash
from inspector.core.errors import ConfigError
from inspector.service.line_state import LineState
from inspector.store.requests import Request


def refuse_stale(request: Request, state: LineState) -> Request:
    """Returns the request without its argument `expected`, which is optional.

    expected: values that the person saw, of recipe, image_threshold, pixel_threshold,
    candidate_sha256 or engine_sha256. Raises ConfigError if a value is different now, and
    EngineError for a file that cannot be read.
    """
    expected = request.arguments.get("expected")
    if not isinstance(expected, Mapping):
        return request
    arguments = {key: value for key, value in request.arguments.items() if key != "expected"}
    present = _read_present(arguments, state)
    for key, seen in expected.items():
        if key in present and present[key] != seen:
            name = key.replace("_", " ")
            raise ConfigError(f"the {name} changed since this page was loaded: load it again")
    return replace(request, arguments=arguments)


def _read_present(arguments: Mapping[str, Any], state: LineState) -> dict[str, Any]:
    present: dict[str, Any] = {"recipe": state.recipe}
    for source in state.sources:
        if source.name == arguments.get("source"):
            present["recipe"] = source.recipe
            present["image_threshold"] = source.image_threshold
            present["pixel_threshold"] = source.pixel_threshold
    named = arguments.get("candidate") or arguments.get("engine")
    engines = [Path(source.engine).absolute() for source in state.sources if source.engine]
    engine = engine_of(Path(str(named))).absolute() if named else None
    if engine in engines:  # no other file is read
        present["engine_sha256"] = file_hash(engine)
        candidate = candidate_path(engine)
        present["candidate_sha256"] = file_hash(candidate) if candidate.is_file() else None
    return present
