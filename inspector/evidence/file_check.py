"""Compares the files of a run with their hashes in the checkpoints and in summary.json."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.file_hash import FileState
from inspector.evidence.report import Change

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Stage:
    """The state of a file at one checkpoint. frame_id: None for the end of the run."""

    state: FileState
    frame_id: int | None


def check_file(folder: Path, name: str, stages: Sequence[Stage], *, growing: bool) -> Change | None:
    """Compares a file with its states, the last of which is the newest.

    growing: the run was cut, so the file may be longer now, and its head may be newer. Raises
    OSError.
    """
    path, last = folder / name, stages[-1].state
    if path.is_symlink() or not path.is_file():
        return Change(name, "missing")
    size = path.stat().st_size
    if size < last.bytes:
        return Change(name, "shorter", "", f"it has {size} bytes, the run wrote {last.bytes}")
    head = b"" if last.head is None else bytes.fromhex(last.head)
    with path.open("rb") as file:
        if file.read(len(head)) != head and not growing:
            return Change(name, "changed", f"bytes 1 to {len(head)}")
        at, rows = len(head), 0
        sha256 = hashlib.sha256()
        before = Stage(FileState(at, ""), None)
        rows_before = 0
        for stage in stages:
            while at < stage.state.bytes:
                data = file.read(min(_CHUNK, stage.state.bytes - at))
                if not data:
                    return Change(name, "shorter", "", f"it ends at byte {at}")
                sha256.update(data)
                at, rows = at + len(data), rows + data.count(b"\n")
            if sha256.hexdigest() != stage.state.sha256:
                place = _describe_place(name, before, stage, rows_before, rows)
                return Change(name, "changed", place)
            before, rows_before = stage, rows
    if size > last.bytes and not growing:
        return Change(name, "longer", "", f"it has {size} bytes, the run wrote {last.bytes}")
    return None


def _describe_place(name: str, before: Stage, stage: Stage, rows_before: int, rows: int) -> str:
    """Which part of a file differs: rows of a table, otherwise bytes, and the frames."""
    if "/" in name:
        return ""
    place = f"bytes {before.state.bytes + 1} to {stage.state.bytes}"
    if name.endswith(".csv"):
        place = f"lines {rows_before + 1} to {rows}"
    first = "the start" if before.frame_id is None else f"frame {before.frame_id}"
    last = "the end" if stage.frame_id is None else f"frame {stage.frame_id}"
    return f"{place}, written between {first} and {last}"
