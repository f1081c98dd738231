"""Compares result files apart from times and ids."""

import json
import re
from pathlib import Path
from typing import Any, Final

import onnx

CHANGING: Final = frozenset(
    (
        *("run_id", "started_utc", "ended_utc", "created_utc", "made_utc", "chain", "signature"),
        *("latency", "stage_ms", "timings", "timings_ms", "peak_memory_mb", "running_on"),
        *("seconds", "evidence", "output_dir", "config_hash", "dir", "engine_sha256", "sha256"),
    )
)
"""Keys whose values are times, ids, or hashes of files with times."""

_TIMED: Final = re.compile(r".*_(ms|ns|s|utc|mb)(_per_\w+)?$")


_ID: Final = re.compile(
    r"\d{8}T\d{6}Z-[0-9a-f]{8}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|\b\d{12,}\b"
)
"""Ids of runs, times of day, and monotonic times in ns."""


def without_ids(text: str) -> str:
    """The text without ids and times."""
    return _ID.sub("ID", text)


def without_times(value: Any) -> Any:
    """The value without CHANGING keys and times, at every depth."""
    if isinstance(value, dict):
        return {
            key: without_times(item)
            for key, item in value.items()
            if key not in CHANGING and not _TIMED.match(key)
        }
    if isinstance(value, list):
        return [without_times(item) for item in value]
    return without_ids(value) if isinstance(value, str) else value


def engine_content(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The graph with its weights as bytes, and the spec without times."""
    model = onnx.load(path)
    spec = {each.key: each.value for each in model.metadata_props}["inspector_spec"]
    return model.graph.SerializeToString(), without_times(json.loads(spec))


def json_content(path: Path) -> Any:
    """A JSON file, or the lines of a JSON lines file, without times."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [without_times(json.loads(line)) for line in text.splitlines()]
    return without_times(json.loads(text))
