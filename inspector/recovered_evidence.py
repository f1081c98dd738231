"""Continues the evidence of a killed run: chain of the log, hashes of the files, summary."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inspector.core.chain import START
from inspector.core.errors import ConfigError
from inspector.core.events import Event
from inspector.core.file_hash import FileState, hash_file, plain_states
from inspector.core.types import RunInfo
from inspector.evidence.signing import SigningKey, load_signing_key
from inspector.outputs.folder import (
    DERIVED,
    GENERATED,
    LOG,
    REMOVED,
    RESULTS,
    SUMMARY,
    find_segments,
    write_summary,
)
from inspector.outputs.lines import RecordLines
from inspector.outputs.records import Record


class RecoveredEvidence:
    """The evidence of a killed run. warnings: sentences about what it does not prove.

    The summary has the hashes that the files have now. A change between the last checkpoint and
    the recovery cannot be noticed.
    """

    def __init__(self, folder: Path, run: RunInfo, header: Record) -> None:
        self.warnings: list[str] = []
        self._folder, self._run = folder, run
        self._key = self._load_key(run.config.get("evidence", {}).get("key_file"))
        self._value: str | None = header["chain"]
        self._count = 1
        self._heads: dict[str, int] = {}
        """Path of each file in a checkpoint -> number of its first bytes that have no hash."""
        self._lines = RecordLines(sign=None if self._key is None else self._key.sign)

    def add(self, record: Record) -> None:
        """Adds a line of the log."""
        self._value = record["chain"]
        self._count += 1
        if record["type"] == "checkpoint":
            for name, state in record["files"].items():
                self._heads[name] = 0 if state is None else len(state.get("head", "")) // 2

    def chain(self, events: Sequence[Event]) -> list[str]:
        """The lines of these events."""
        self._lines.resume(self._run, self._value or START, self._count)
        return [f"{self._lines.event(event).text}\n" for event in events]

    def write_summary(self, values: dict[str, Any]) -> None:
        """Raises SinkError."""
        if self._lines.end[0] < self._count:  # no line was added
            self._lines.resume(self._run, self._value or START, self._count)
        lines, last = self._lines.end
        evidence = {
            "lines": lines,
            "chain": last,
            "files": plain_states(self._states()),
            "key_id": None if self._key is None else self._key.key_id,
        }
        sign = None if self._key is None else self._key.sign
        write_summary(self._folder, values | {"evidence": evidence}, last, sign)

    def _load_key(self, path: str | None) -> SigningKey | None:
        if path is None:
            return None
        try:
            return load_signing_key(Path(path), "evidence.key_file")
        except ConfigError as exc:
            self.warnings.append(f"the completed part is not signed: {exc}")
            return None

    def _states(self) -> dict[str, FileState | None]:
        """The present files, and None for those of a checkpoint that are gone. The hashes cover the
        same bytes as in the checkpoints, so that they can be compared."""
        states: dict[str, FileState | None] = dict.fromkeys(sorted(self._heads))
        return states | {
            name: hash_file(self._folder / name, self._heads.get(name, 0))
            for name in self._present()
        }

    def _present(self) -> Iterator[str]:
        for name in RESULTS:
            path = self._folder / name
            if path.is_dir():
                yield from (f"{name}/{file.name}" for file in sorted(path.iterdir()))
            elif path.exists() and name not in (LOG, SUMMARY, GENERATED, REMOVED, *DERIVED):
                yield name
        yield from (path.name for path in find_segments(self._folder))


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """lines: each with its line end."""
    with path.open("ab") as file:
        file.write("".join(lines).encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())
