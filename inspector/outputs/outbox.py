"""Stores records in a bounded queue on the disk, which survives kill -9 and a restart.

It uses SQLite: the write-ahead log (https://sqlite.org/wal.html) stores a record completely or not
at all, and append() needs no fsync.
"""

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

from inspector.core.errors import SinkError
from inspector.core.files import sole_writer

FILE: Final = "records.sqlite"
DROP_OLDEST: Final = "drop_oldest"
STOP: Final = "stop"
PAGE: Final = 4096
"""Bytes per page of the database. The size limit is counted in pages."""
WAL_PAGES: Final = 4000
"""Number of pages of the write-ahead log at which SQLite copies it to the database."""
BATCH: Final = 100
BATCH_BYTES: Final = 256 * 1024
_APPLICATION_ID: Final = 0x4C494F42
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """A record that waits for delivery.

    number: rises by 1 for every appended record of all runs. body: the record as JSON text in
    UTF-8, without a line end.
    """

    number: int
    body: bytes


class Outbox:
    """Stores records in the order of append() until confirm() removes them. Two threads may use it.

    After append() a record survives the end of the process. After sync() it also survives a power
    cut. Only one process at a time can use an outbox. After each call:
    waiting_at_start + appended = delivered + dropped + waiting.

    folder: contains the database; it is created if missing. max_bytes: limit of the database file,
    at least 1 MB; the write-ahead log adds about 32 MB at most. when_full: "drop_oldest" removes
    and counts the oldest records, "stop" refuses the new record with a SinkError.

    Raises ConfigError if another run uses the folder, and SinkError if the file is damaged, is not
    an outbox, or cannot be written.
    """

    def __init__(self, folder: Path, *, max_bytes: int, when_full: str) -> None:
        self.path = folder / FILE
        self.appended = self.delivered = self.dropped = 0
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._lock = Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(sole_writer(folder))
            with self._translate_errors():
                if not self.path.exists():
                    self._create()
                self._db = stack.enter_context(contextlib.closing(_connect(self.path)))
                self._check()
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
                self._db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE}")
                # A separate connection, so that append() never waits for an fsync of sync().
                self._syncing = stack.enter_context(contextlib.closing(_connect(self.path)))
                self.waiting: int = self._db.execute("SELECT COUNT(*) FROM records").fetchone()[0]
                self.waiting_at_start = self.waiting
            self._resources = stack.pop_all()

    def append(self, body: bytes) -> None:
        """Raises SinkError if the disk fails, or if the outbox is full and when_full is "stop"."""
        with self._lock:
            with self._transaction():
                self._db.execute(
                    "INSERT INTO records (crc, body) VALUES (?, ?)", (zlib.crc32(body), body)
                )
                dropped = self._make_room()
            self.appended += 1
            self.dropped += dropped
            self.waiting += 1 - dropped

    def oldest(self, most: int = BATCH) -> list[QueuedRecord]:
        """Returns the records to deliver next: at most `most` records and BATCH_BYTES, but at least
        one record. Raises SinkError if a record is damaged."""
        records: list[QueuedRecord] = []
        size = 0
        with self._lock, self._translate_errors():
            rows = self._db.execute(
                "SELECT number, crc, body FROM records ORDER BY number LIMIT ?", (most,)
            )
            for number, crc, body in rows:
                if not isinstance(body, bytes) or zlib.crc32(body) != crc:
                    raise self._damage_error(f"record {number} does not match its checksum")
                size += len(body)
                if records and size > BATCH_BYTES:
                    break
                records.append(QueuedRecord(number, body))
            rows.close()
        return records

    def confirm(self, records: Sequence[QueuedRecord]) -> None:
        """Removes delivered records: those that oldest() returned last."""
        with self._lock:
            with self._transaction():
                removed = self._db.execute(
                    "DELETE FROM records WHERE number <= ?", (records[-1].number,)
                ).rowcount
            self.delivered += len(records)
            # Some may have been dropped and counted as dropped during the delivery.
            self.dropped -= len(records) - removed
            self.waiting -= removed

    def sync(self) -> None:
        """Syncs everything appended before this call to the disk (fsync)."""
        with self._translate_errors():
            self._syncing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """May be called twice. Waiting records stay on the disk."""
        with self._lock, self._translate_errors():
            self._resources.close()

    def _create(self) -> None:
        """Creates the file under another name first, so that an empty file always means damage."""
        part = self.path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with contextlib.closing(_connect(part)) as db:
            db.execute(f"PRAGMA page_size = {PAGE}")
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {_VERSION}")
            # AUTOINCREMENT: a number is never used twice, so confirm() cannot hit a new record.
            db.execute(
                "CREATE TABLE records (number INTEGER PRIMARY KEY AUTOINCREMENT, "
                "crc INTEGER NOT NULL, body BLOB NOT NULL)"
            )
        part.replace(self.path)

    def _check(self) -> None:
        """quick_check reads the whole file, so damage stops a run before its first frame."""
        if os.path.getsize(self.path) == 0:
            raise self._damage_error("it is empty")
        if self._read_pragma("application_id") != _APPLICATION_ID:
            raise SinkError(f"{self.path} is a database, but not an outbox; choose another folder")
        if (version := self._read_pragma("user_version")) != _VERSION:
            raise SinkError(
                f"the outbox {self.path} has format {version}, but this program reads "
                f"{_VERSION}; deliver its records with the version that wrote it"
            )
        if (problem := self._read_pragma("quick_check(1)")) != "ok":
            raise self._damage_error(" ".join(problem.split()))

    def _make_room(self) -> int:
        """Drops the oldest records above the size limit and returns their number."""
        dropped = 0
        while self._used_bytes() > self._max_bytes:
            if self._when_full == STOP:
                raise SinkError(
                    f"the outbox {self.path} is full: {self.waiting} records wait in "
                    f"{self._max_bytes / 1e6:g} MB; check the receiver, or raise queue.max_mb"
                )
            dropped += self._db.execute(
                "DELETE FROM records WHERE number = (SELECT MIN(number) FROM records)"
            ).rowcount
        return dropped

    def _used_bytes(self) -> int:
        used: int = self._read_pragma("page_count") - self._read_pragma("freelist_count")
        return PAGE * used

    def _read_pragma(self, pragma: str) -> Any:
        return self._db.execute(f"PRAGMA {pragma}").fetchone()[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with (
            self._translate_errors(),
            self._db,
        ):  # the connection commits, or rolls back on an error
            self._db.execute("BEGIN IMMEDIATE")
            yield

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            # Errors of the Python module, such as the use of a closed outbox, have no code.
            if getattr(exc, "sqlite_errorcode", None) in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                raise self._damage_error(str(exc)) from exc
            raise SinkError(f"the outbox {self.path} cannot be used: {exc}") from exc

    def _damage_error(self, reason: str) -> SinkError:
        return SinkError(
            f"the outbox {self.path} is damaged ({reason}); "
            f"move the folder {self.path.parent} away and start again"
        )


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = NORMAL")
    return db
