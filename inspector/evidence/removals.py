"""Records which files of a run were removed to free the disk, and checks such records.

The record is a chain of lines like the log, and its lines are signed. docs/evidence.md has its
format.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from inspector.core.chain import LINE_SIGNATURE, Chain, link
from inspector.core.files import append_line
from inspector.evidence.log_check import (
    ENVELOPE,
    UNREADABLE,
    RawLine,
    check_path,
    read_lines,
    signature_fits,
)
from inspector.evidence.report import Change
from inspector.evidence.signing import Key, SigningKey

_TYPE: Final = b'{"type":"removed",'


@dataclass(frozen=True, slots=True)
class RunName:
    """Run and source that a record belongs to."""

    run_id: str
    source: str


@dataclass(frozen=True, slots=True)
class RemovedFiles:
    """A line of a record. files: path -> bytes. run_chain: last chain value of a removed run; None
    if the run is still there."""

    name: RunName
    wall_time_utc: str
    reason: str
    files: dict[str, int]
    run_chain: str | None


@dataclass(slots=True)
class Removals:
    """The intact lines of a record. signed: whether the key has signed all of them; None: they were
    not checked. key_id: of the first line; None without a signature."""

    lines: list[RemovedFiles] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    signed: bool | None = None
    key_id: str | None = None

    def doubt(self) -> str | None:
        """Why the record proves nothing; None if it is signed by the key."""
        if self.signed:
            return None
        if self.key_id is None:
            return "it has no signature, so anybody can have written it"
        return "its signature was not checked: use --key"


def append_removal(
    path: Path,
    name: RunName,
    files: Mapping[str, int],
    *,
    reason: str,
    start: str,
    key: SigningKey | None,
    wall_time_utc: str,
    run_chain: str | None = None,
) -> None:
    """Adds a line to a record. files: path -> bytes. start: chain value before the first line.

    Raises OSError.
    """
    value, count = start, 0
    if path.exists():
        for line in read_lines(path):
            value, count = line.value or value, line.number
    record = {
        "type": "removed",
        "run_id": name.run_id,
        "source": name.source,
        "seq": count,
        "wall_time_utc": wall_time_utc,
        "reason": reason,
        "files": dict(files),
        "run_chain": run_chain,
        "key_id": None if key is None else key.key_id,
    }
    chain = Chain(None if key is None else key.sign, value, count)
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=True)
    append_line(path, f"{chain.close_line(text, sign=True)}\n".encode("ascii"))


def read_removals(path: Path, start: str, name: RunName | None, key: Key | None) -> Removals:
    """Checks a record. Lines after one that does not fit are ignored. name: None for any run.

    Raises OSError.
    """
    removals = Removals()
    value = start
    for line in read_lines(path) if path.exists() else ():
        removed, key_id = _parse(line, name)
        if removed is None or line.value is None or link(value, line.content) != line.value:
            removals.changes.append(Change(path.name, "edited", f"line {line.number}"))
            break
        if line.number == 1:
            removals.key_id = key_id
        if key is not None and not signature_fits(value, line.content, LINE_SIGNATURE, key):
            reason = f"it is not signed by the key {key.key_id}"
            place = f"line {line.number}"
            removals.changes.append(Change(path.name, "unsigned", place, reason))
            break
        removals.lines.append(removed)
        value = line.value
    if key is not None and removals.lines:
        removals.signed = True
    return removals


def _parse(line: RawLine, name: RunName | None) -> tuple[RemovedFiles | None, str | None]:
    """The content of a line and its key_id. None if it is no line of a record of this run."""
    match = ENVELOPE.match(line.content)
    if match is None or not line.content.startswith(_TYPE) or line.seq != line.number - 1:
        return None, None
    try:
        record: dict[str, Any] = json.loads(line.content + b"}")
        files = {str(path): int(size) for path, size in record["files"].items()}
        for path in files:
            check_path(path)
        removed = RemovedFiles(
            RunName(str(record["run_id"]), str(record["source"])),
            str(record["wall_time_utc"]),
            str(record["reason"]),
            files,
            None if record["run_chain"] is None else str(record["run_chain"]),
        )
        key_id = record["key_id"]
    except UNREADABLE:
        return None, None
    return (removed if name in (None, removed.name) else None), key_id
