"""Reads the answers of a language model about the defects of a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspector.core.errors import ConfigError
from inspector.outputs.folder import GENERATED
from inspector.report.run_log import Record, ReportDefect

Key = tuple[str, int | None]


def attach_generated(folder: Path, defects: list[ReportDefect]) -> None:
    """Gives each defect its last valid answer. Does nothing without a file of answers.

    The end of a file whose writer was killed may be incomplete. Raises ConfigError for any other
    line that is no answer.
    """
    path = folder / GENERATED
    if not path.is_file():
        return
    answers: dict[Key, Record] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            answer = _parse(line, f"line {number} of {path}")
            if answer["error"] is None:
                answers[_make_key(answer, answer["event_id"])] = answer
    for defect in defects:
        values = {"track_id": defect.track_id, "defect_id": defect.values.get("defect_id")}
        defect.generated = answers.get(_make_key(values, defect.event_id))


def _parse(line: bytes, place: str) -> Record:
    try:
        answer: Any = json.loads(line)
    except ValueError as exc:
        raise ConfigError(f"{place} is not JSON: {exc}; remove the file") from exc
    names = ("event_id", "track_id", "defect_id", "model", "kind", "confidence", "description")
    if not isinstance(answer, dict) or any(name not in answer for name in (*names, "error")):
        raise ConfigError(f"{place} is no answer of a model; remove the file")
    return answer


def _make_key(values: Mapping[str, Any], event_id: str) -> Key:
    """With tracking an answer belongs to a track, otherwise to a defect of a frame."""
    if values["track_id"] is not None:
        return str(values["track_id"]), None
    return event_id, values["defect_id"]
