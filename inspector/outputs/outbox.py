"""A bounded queue of records on the disk, which survives kill -9 and is read again by the next run.

SQLite keeps the records: its write-ahead log (https://sqlite.org/wal.html) makes every append whole
or absent, and costs the appending thread no fsync.
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
"""Bytes of a page of the database; the size limit is counted in pages."""
WAL_PAGES: Final = 4000
"""The write-ahead log is copied to the database at the latest when it has this many pages."""
BATCH: Final = 100
BATCH_BYTES: Final = 256 * 1024
_APPLICATION_ID: Final = 0x4C494F42
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One record that waits for delivery. number: rises by 1 per appended record over all runs.
    body: the record as JSON text, UTF-8, without a line end."""

    number: int
    body: bytes


class Outbox:
    """Records in the order of append(), until confirm() removes them. Safe to use from two threads.

    An appended record survives the death of the process from the moment append() returns. It
    survives a power cut once sync() has been called after it. One outbox belongs to one process at
    a time.

    folder: holds the database; made where it is missing. max_bytes: limit of the database file, at
    least 1 MB; the write-ahead log beside it adds about 32 MB at most. when_full: "drop_oldest"
    removes and counts the oldest records, "stop" refuses the new one with a SinkError.
    After each call: waiting when opened + appended = delivered + dropped + waiting.

    Raises ConfigError where another run uses the folder, and SinkError where the file is damaged,
    is no outbox, or cannot be written.
    """

    def __init__(self, folder: Path, *, max_bytes: int, when_full: str) -> None:
        self.path = folder / FILE
        self.appended = self.delivered = self.dropped = 0
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._lock = Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(sole_writer(folder))
            with self._translated():
                if not self.path.exists():
                    self._create()
                self._db = stack.enter_context(contextlib.closing(_connect(self.path)))
                self._check()
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
                self._db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE}")
                # A connection of its own, so that append() never waits for an fsync of sync().
                self._syncing = stack.enter_context(contextlib.closing(_connect(self.path)))
                self.waiting: int = self._db.execute("SELECT COUNT(*) FROM records").fetchone()[0]
            self._resources = stack.pop_all()

    def append(self, body: bytes) -> None:
        """Raises SinkError where the disk fails, or the outbox is full and may drop nothing."""
        with self._lock:
            with self._transaction():
                self._db.execute(
                    "INSERT INTO records (crc, body) VALUES (?, ?)", (zlib.crc32(body), body)
                )
                dropped = self._make_room()
            self.appended += 1
            self.dropped += dropped
            self.waiting += 1 - dropped

    def oldest(self, most: int = BATCH) -> list[Record]:
        """The records to deliver next: at most `most`, of BATCH_BYTES together or a single larger
        one. Raises SinkError where a record is damaged."""
        records: list[Record] = []
        size = 0
        with self._lock, self._translated():
            rows = self._db.execute(
                "SELECT number, crc, body FROM records ORDER BY number LIMIT ?", (most,)
            )
            for number, crc, body in rows:
                if not isinstance(body, bytes) or zlib.crc32(body) != crc:
                    raise self._damaged(f"record {number} does not match its checksum")
                size += len(body)
                if records and size > BATCH_BYTES:
                    break
                records.append(Record(number, body))
            rows.close()
        return records

    def confirm(self, records: Sequence[Record]) -> None:
        """Removes delivered records: those that oldest() returned last."""
        with self._lock:
            with self._transaction():
                removed = self._db.execute(
                    "DELETE FROM records WHERE number <= ?", (records[-1].number,)
                ).rowcount
            self.delivered += len(records)
            # Some may have been dropped, and counted so, while they were on their way.
            self.dropped -= len(records) - removed
            self.waiting -= removed

    def sync(self) -> None:
        """Brings everything appended before this call to the disk itself (fsync)."""
        with self._translated():
            self._syncing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Callable twice. What waits stays on the disk."""
        with self._lock, self._translated():
            self._resources.close()

    def _create(self) -> None:
        """Under another name first: an outbox that is empty of bytes is then always damage."""
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
            raise self._damaged("it is empty")
        if self._value("application_id") != _APPLICATION_ID:
            raise SinkError(f"{self.path} is a database, but no outbox; choose another folder")
        if (version := self._value("user_version")) != _VERSION:
            raise SinkError(
                f"the outbox {self.path} has format {version}, and this program reads "
                f"{_VERSION}; deliver its records with the version that wrote it"
            )
        if (problem := self._value("quick_check(1)")) != "ok":
            raise self._damaged(" ".join(problem.split()))

    def _make_room(self) -> int:
        """The number of records dropped."""
        dropped = 0
        while self._used_bytes() > self._max_bytes:
            if self._when_full == STOP:
                raise SinkError(
                    f"the outbox {self.path} is full: {self.waiting} records wait in "
                    f"{self._max_bytes / 1e6:g} MB; see to the receiver, or raise queue.max_mb"
                )
            dropped += self._db.execute(
                "DELETE FROM records WHERE number = (SELECT MIN(number) FROM records)"
            ).rowcount
        return dropped

    def _used_bytes(self) -> int:
        used: int = self._value("page_count") - self._value("freelist_count")
        return PAGE * used

    def _value(self, pragma: str) -> Any:
        return self._db.execute(f"PRAGMA {pragma}").fetchone()[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated(), self._db:  # the connection commits, or rolls back on an error
            self._db.execute("BEGIN IMMEDIATE")
            yield

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            # The module's own errors, such as the use of a closed outbox, carry no code.
            if getattr(exc, "sqlite_errorcode", None) in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                raise self._damaged(str(exc)) from exc
            raise SinkError(f"the outbox {self.path} cannot be used: {exc}") from exc

    def _damaged(self, reason: str) -> SinkError:
        return SinkError(
            f"the outbox {self.path} is damaged ({reason}); "
            f"move the folder {self.path.parent} away and start again"
        )


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = NORMAL")
    return db
