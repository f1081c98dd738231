"""Reads checkpoints that were kept elsewhere: copies of checkpoint lines, or of a summary.json."""

import json
from dataclasses import dataclass
from pathlib import Path

from inspector.core.chain import LINE_TAIL
from inspector.core.errors import ConfigError
from inspector.evidence.log_check import UNREADABLE
from inspector.evidence.summary_check import parse_summary


@dataclass(frozen=True, slots=True)
class Claims:
    """Chain values that a run must have. path: of the file. source: "" for a whole session.

    lines: number of a line of the log -> its chain value. summary: value of summary.json; None if
    the file does not have it.
    """

    path: Path
    run_id: str
    source: str
    lines: dict[int, str]
    summary: str | None = None


def read_claims(path: Path) -> Claims:
    """Reads a copy of summary.json, or a file of `evidence.checkpoint_dir`. Raises ConfigError."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"--checkpoint: cannot read {path}: {exc.strerror}") from exc
    summary = parse_summary(content)
    if summary is None or not summary.record:
        return _from_lines(path, content)
    lines = {} if summary.end is None else {summary.end[0]: summary.end[1]}
    source = str(summary.record.get("source_name", ""))
    return Claims(path, str(summary.record.get("run_id")), source, lines, summary.chain)


def _from_lines(path: Path, content: bytes) -> Claims:
    """Ignores a line that is incomplete, because the run was killed or the folder was away."""
    lines: dict[int, str] = {}
    run_id = source = None
    summary = None
    for line in content.splitlines(keepends=True):
        try:
            record = json.loads(line)
            run_id, source = str(record["run_id"]), str(record["source"])
            if LINE_TAIL.search(line):
                lines[int(record["seq"]) + 1] = record["chain"]
            elif record["type"] == "end":
                summary = str(record["chain"])
        except UNREADABLE:
            continue
    if run_id is None or source is None or not (lines or summary):
        raise ConfigError(f"--checkpoint: {path} has no checkpoint of a run")
    return Claims(path, run_id, source, lines, summary)
