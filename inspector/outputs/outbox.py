"""Stores records in a bounded queue on the disk, which survives kill -9 and a restart.

It uses SQLite: the write-ahead log (https://sqlite.org/wal.html) stores a record completely or not
at all, and append() needs no fsync.
"""

import contextlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from inspector.core.database_file import PAGE, DatabaseFile, read_pragma
from inspector.core.errors import SinkError
from inspector.core.files import sole_writer

FILE: Final = "records.sqlite"
DROP_OLDEST: Final = "drop_oldest"
STOP: Final = "stop"
BATCH: Final = 100
BATCH_BYTES: Final = 256 * 1024
_APPLICATION_ID: Final = 0x4C494F42
_VERSION: Final = 1
# AUTOINCREMENT: a number is never used twice, so confirm() cannot hit a new record.
_TABLE: Final = (
    "CREATE TABLE records (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    "crc INTEGER NOT NULL, body BLOB NOT NULL)"
)


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
    waiting_at_start + appended = delivered + refused + dropped + waiting.

    folder: contains the database; it is created if missing. max_bytes: limit of the database file,
    at least 1 MB; the write-ahead log adds about 32 MB at most. when_full: "drop_oldest" removes
    and counts the oldest records, "stop" refuses the new record with a SinkError.

    Raises ConfigError if another run uses the folder, and SinkError if the file is damaged, is not
    an outbox, or cannot be written.
    """

    def __init__(self, folder: Path, *, max_bytes: int, when_full: str) -> None:
        self.path = folder / FILE
        advice = f"move the folder {folder} away and start again"
        self._file = DatabaseFile(self.path, "outbox", _APPLICATION_ID, advice, SinkError)
        self.appended = self.delivered = self.refused = self.dropped = 0
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._lock = Lock()
        with contextlib.ExitStack() as stack:
            stack.enter_context(sole_writer(folder))
            with self._file.translate_errors():
                if not self.path.exists():
                    self._file.create([_TABLE], _VERSION)
                self._db = stack.enter_context(contextlib.closing(self._file.connect()))
                self._check()
                # A separate connection, so that append() never waits for an fsync of sync().
                self._syncing = stack.enter_context(contextlib.closing(self._file.connect()))
                self.waiting: int = self._db.execute("SELECT COUNT(*) FROM records").fetchone()[0]
                self.waiting_at_start = self.waiting
            self._resources = stack.pop_all()

    def append(self, body: bytes) -> None:
        """Raises SinkError if the disk fails, or if the outbox is full and when_full is "stop"."""
        with self._lock:
            with self._file.transaction(self._db):
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
        with self._lock, self._file.translate_errors():
            rows = self._db.execute(
                "SELECT number, crc, body FROM records ORDER BY number LIMIT ?", (most,)
            )
            for number, crc, body in rows:
                if not isinstance(body, bytes) or zlib.crc32(body) != crc:
                    raise self._file.damage_error(f"record {number} does not match its checksum")
                size += len(body)
                if records and size > BATCH_BYTES:
                    break
                records.append(QueuedRecord(number, body))
            rows.close()
        return records

    def confirm(self, records: Sequence[QueuedRecord], *, refused: bool = False) -> None:
        """Removes delivered records: those that oldest() returned last. refused: the receiver will
        never take them."""
        with self._lock:
            with self._file.transaction(self._db):
                removed = self._db.execute(
                    "DELETE FROM records WHERE number <= ?", (records[-1].number,)
                ).rowcount
            if refused:
                self.refused += len(records)
            else:
                self.delivered += len(records)
            # Some may have been dropped and counted as dropped during the delivery.
            self.dropped -= len(records) - removed
            self.waiting -= removed

    def sync(self) -> None:
        """Syncs everything appended before this call to the disk (fsync)."""
        with self._file.translate_errors():
            self._syncing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """May be called twice. Waiting records stay on the disk."""
        with self._lock, self._file.translate_errors():
            self._resources.close()

    def _check(self) -> None:
        if (version := self._file.check(self._db)) != _VERSION:
            raise SinkError(
                f"the outbox {self.path} has format {version}, but this program reads "
                f"{_VERSION}; deliver its records with the version that wrote it"
            )
        # It reads the whole file, so damage stops a run before its first frame.
        self._file.check_content(self._db)

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
        used: int = read_pragma(self._db, "page_count") - read_pragma(self._db, "freelist_count")
        return PAGE * used
