"""Reads the log of one source of a run into the store, from where the store stopped reading it."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any, BinaryIO, Final

from inspector.core.chain import LINE_TAIL_BYTES
from inspector.core.clock import utc_ms
from inspector.core.errors import SinkError
from inspector.outputs.folder import LOG, SUMMARY
from inspector.store.database import Store
from inspector.store.log_rows import RunFacts, file_row, header_row, read_lines
from inspector.store.log_writer import (
    load_run,
    next_number,
    subtract_counts,
    write_batch,
    write_files,
)

MOST_BYTES: Final = 1 << 20
"""Bytes of a log that one transaction reads, so that other writers need not wait long."""

OPEN: Final = "open"
COMPLETE: Final = "complete"
MISSING: Final = "missing"
REPLACED: Final = "replaced"


class LogReader:
    """Reads new lines of folder/inspections.jsonl. The rows of the lines and the place up to which
    the log is read are stored in one transaction, so a kill loses nothing and doubles nothing.

    is_ended: nothing more will come from this folder. note: a
    sentence about a log that cannot be used; None if all is well.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self.folder = folder
        self.is_ended = False
        self.note: str | None = None
        self._store = store
        self._run: RunFacts | None = None

    def read_new(self) -> bool:
        """Reads at most MOST_BYTES. Returns whether there may be more to read now.

        Raises SinkError if the store cannot be written.
        """
        path = self.folder / LOG
        # A run writes its summary when its log is complete, so this must be asked first.
        has_ended = (self.folder / SUMMARY).exists()
        try:
            with path.open("rb") as file:
                return self._read(file, has_ended=has_ended)
        except FileNotFoundError:
            if self._run is not None or has_ended:
                self._end(MISSING, f"{path} was removed before it was read to its end")
        except SinkError:  # of the store
            raise
        except OSError as exc:
            self._end(MISSING, f"{path} cannot be read: {exc.strerror}")
        return False

    def _read(self, file: BinaryIO, *, has_ended: bool) -> bool:
        if self._run is None and not self._begin(file, has_ended=has_ended):
            return False
        run = self._run
        assert run is not None
        if not _continues(file, run):
            self._read_again(file, run)
            return not self.is_ended
        file.seek(run.offset)
        data = file.read(MOST_BYTES)
        if len(data) == MOST_BYTES and b"\n" not in data:
            data += file.readline()
        is_last = has_ended and len(data) < MOST_BYTES
        data = data[: data.rfind(b"\n") + 1]
        if data and self._store_lines(data, run, is_last=is_last):
            return True
        if has_ended:
            self._complete(run)
        return False

    def _store_lines(self, data: bytes, run: RunFacts, *, is_last: bool) -> bool:
        """Returns whether the place in the log has changed."""
        with self._store.transaction(sync=False) as db:
            row = db.execute("SELECT offset FROM runs WHERE id = ?", (run.key,)).fetchone()
            if row != (run.offset,):  # another program follows the same log
                self._run = load_run(db, run.run_id, run.source)
                return True
            batch = read_lines(data, run, next_number(db), is_last=is_last)
            if batch.offset > run.offset:
                write_batch(db, run, batch)
        if batch.problem is not None:
            self.note = f"{self.folder / LOG}: {batch.problem}"
        is_moved = batch.offset > run.offset
        run.offset, run.tail, run.frame_id = batch.offset, batch.tail, batch.frame_id
        return is_moved

    def _begin(self, file: BinaryIO, *, has_ended: bool) -> bool:
        """Reads the header. Returns whether the log can be followed now."""
        line = file.readline()
        if not line.endswith(b"\n"):
            if has_ended:
                self._end(MISSING, f"{file.name} has no header")
            return False
        try:
            values = header_row(line)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            self._end(MISSING, f"{file.name} cannot be read: {exc}")
            return False
        folder = self._store.shorten(self.folder)
        with self._store.transaction(sync=False) as db:
            row = db.execute(
                "SELECT id, folder FROM runs WHERE run_id = ? AND source = ?",
                (values["run_id"], values["source"]),
            ).fetchone()
            other = None if row is None else self._store.locate(row[1])
            if other is None:
                db.execute(
                    "UPDATE runs SET state = ?, note = ? WHERE folder = ?",
                    (REPLACED, "a later run replaced its log", folder),
                )
                values |= {"folder": folder, "offset": len(line)}
                values |= {"tail": line[-LINE_TAIL_BYTES:]}
                names, marks = ", ".join(values), ", ".join("?" * len(values))
                db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(values.values()))
            elif row[1] == folder or not (other / LOG).exists():
                db.execute("UPDATE runs SET folder = ? WHERE id = ?", (folder, row[0]))
            else:
                self._end(MISSING, f"{self.folder} is a copy of {other}: it is not read")
                return False
            run = load_run(db, values["run_id"], values["source"])
        self._run = run
        return True

    def _read_again(self, file: BinaryIO, run: RunFacts) -> None:
        """The log is not the one that was read: it is that of another run, or it lost its end, for
        example in a power cut. Then the rows of the lost lines are removed."""
        file.seek(0)
        if not _is_header_of(file.readline(), run):
            self._set_state(run, REPLACED, "another log replaced the log of this run")
            self._run = None
            return
        size = os.fstat(file.fileno()).st_size
        with self._store.transaction(sync=False) as db:
            offset = _last_common_byte(db, file, run.key, size)
            subtract_counts(db, run, offset)
            lost = "number IN (SELECT number FROM inspections WHERE run = ? AND at >= ?)"
            db.execute(f"DELETE FROM defects WHERE {lost}", (run.key, offset))
            for table in ("inspections", "parts", "events"):
                db.execute(f"DELETE FROM {table} WHERE run = ? AND at >= ?", (run.key, offset))
            file.seek(max(0, offset - LINE_TAIL_BYTES))
            tail = file.read(min(offset, LINE_TAIL_BYTES))
            self.note = (
                f"{self.folder / LOG} lost its lines from byte {offset} on after they were read; "
                "they were removed from the store"
            )
            db.execute(
                "UPDATE runs SET offset = ?, tail = ?, note = ? WHERE id = ?",
                (offset, tail, self.note, run.key),
            )
            self._run = load_run(db, run.run_id, run.source)

    def _complete(self, run: RunFacts) -> None:
        """Reads summary.json, which has the counts and the files since the last checkpoint."""
        path = self.folder / SUMMARY
        try:
            values: Any = json.loads(path.read_bytes())
            files = values.get("evidence", {}).get("files", {})
            ended = values.get("ended_utc")
            row = (values["status"], None if ended is None else utc_ms(ended))
            counts = tuple(int(values[name]) for name in ("captured", "dropped", "missing"))
            changes = {
                name: None if state is None else file_row(run, name, state)
                for name, state in files.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            self._end(COMPLETE, f"{path} cannot be used: {type(exc).__name__}: {exc}")
            return
        with self._store.transaction(sync=False) as db:
            db.execute(
                "UPDATE runs SET status = ?, ended_ms = ?, captured = ?, dropped = ?, missing = ? "
                "WHERE id = ?",
                (*row, *counts, run.key),
            )
            write_files(db, run, changes)
        self._end(COMPLETE, self.note)

    def _end(self, state: str, note: str | None) -> None:
        if self._run is not None:
            self._set_state(self._run, state, note)
        self.note, self.is_ended = note, True

    def _set_state(self, run: RunFacts, state: str, note: str | None) -> None:
        with self._store.transaction(sync=False) as db:
            db.execute("UPDATE runs SET state = ?, note = ? WHERE id = ?", (state, note, run.key))


def _is_header_of(line: bytes, run: RunFacts) -> bool:
    try:
        values = header_row(line)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return (values["run_id"], values["source"]) == (run.run_id, run.source)


def _continues(file: BinaryIO, run: RunFacts) -> bool:
    """Whether the bytes before run.offset are those that were read. They end in the hash of the
    whole log, so a few are enough."""
    file.seek(max(0, run.offset - LINE_TAIL_BYTES))
    return file.read(min(run.offset, LINE_TAIL_BYTES)) == run.tail


def _last_common_byte(db: sqlite3.Connection, file: BinaryIO, key: int, size: int) -> int:
    """End of the last line that was read and is still in the log."""
    rows = db.execute(
        "SELECT at, frame_id FROM inspections WHERE run = ? AND at < ? ORDER BY number DESC",
        (key, size),
    )
    for at, frame_id in rows:
        file.seek(at)
        line = file.readline()
        if line.endswith(b"\n") and f'"frame_id":{frame_id},'.encode() in line:
            return at + len(line)
    file.seek(0)
    return len(file.readline())
