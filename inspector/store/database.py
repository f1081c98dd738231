"""Opens the store and brings it to the current format."""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from inspector.core.database_file import DatabaseFile
from inspector.core.errors import ConfigError, SinkError
from inspector.store.schema import CHANGES, FORMAT

_APPLICATION_ID: Final = 0x4C495354


class Store:
    """The store. Any thread may use it, and several processes at the same time.

    path: the file; it is created if missing. Its folder is the place to which the paths of run
    folders are relative. thorough: read the whole file, to find damage anywhere in it; 5 million
    inspections take about a second. read_only: the file must exist, and is not changed.

    Raises ConfigError if the file is damaged, is not a store, has a newer format, or cannot be
    created; with read_only also for an older format.
    """

    def __init__(self, path: Path, *, thorough: bool = False, read_only: bool = False) -> None:
        self.path = path.absolute()
        advice = (
            "move it away and start again: the inspections are then read from the logs again, but "
            "feedback, alarms and the audit trail are only in this file, so restore a copy of it"
            " if you have one"
        )
        opening = DatabaseFile(self.path, "store", _APPLICATION_ID, advice, ConfigError)
        self._file = dataclasses.replace(opening, error=SinkError)
        self._read_only = read_only
        self._writing = Lock()
        self._idle: list[sqlite3.Connection] = []
        """Connections for reading that nobody uses now."""
        with contextlib.ExitStack() as stack:
            with opening.translate_errors():
                if read_only and not self.path.is_file():
                    raise ConfigError(f"there is no store {path}")
                try:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as exc:
                    raise ConfigError(f"cannot create {path.parent}: {exc.strerror}") from exc
                if not self.path.exists():
                    opening.create([s for change in CHANGES for s in change], FORMAT)
                self._db = stack.enter_context(
                    contextlib.closing(opening.connect(read_only=read_only))
                )
                version = opening.check(self._db)
                if thorough:
                    opening.check_content(self._db)
            if version < FORMAT and read_only:
                raise ConfigError(
                    f"the store {self.path} has format {version}, but only format {FORMAT} can be "
                    "read without changing it: `line-inspector run` with store.path brings the "
                    "store, or a copy of it, to this format"
                )
            if version < FORMAT:
                self._migrate(opening)
            elif version > FORMAT:
                raise ConfigError(
                    f"the store {self.path} has format {version}, but this program reads formats "
                    f"up to {FORMAT}: open it with the version that wrote it, or set store.path to "
                    "another file"
                )
            self._resources = stack.pop_all()

    @contextlib.contextmanager
    def transaction(self, *, sync: bool = True) -> Iterator[sqlite3.Connection]:
        """Changes the store: everything in the block, or nothing after an error. Only one thread of
        all processes is in such a block at a time.

        sync: the change also survives a power cut. Raises SinkError if the disk fails.
        """
        with self._writing, self._file.translate_errors():
            self._db.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
            with self._file.transaction(self._db):
                yield self._db

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Reads the store. All queries of the block see the same state of it. Waits for nobody.
        Raises SinkError."""
        with self._file.translate_errors():
            db = self._take_reader()
            try:
                db.execute("BEGIN")
                yield db
            finally:
                db.rollback()
                self._idle.append(db)

    def close(self) -> None:
        """May be called twice. No other thread may use the store then."""
        with self._writing, self._file.translate_errors():
            while self._idle:
                self._idle.pop().close()
            self._resources.close()

    def shorten(self, folder: Path) -> str:
        """The text by which the store names a folder. It stays right if all folders move."""
        folder = folder.absolute()
        with contextlib.suppress(ValueError):
            folder = folder.relative_to(self.path.parent)
        return str(folder)

    def locate(self, folder: str) -> Path:
        """The folder of a text of shorten()."""
        return self.path.parent / folder

    def _take_reader(self) -> sqlite3.Connection:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        db = self._file.connect(read_only=self._read_only)
        db.execute("PRAGMA query_only = ON")
        return db

    def _migrate(self, file: DatabaseFile) -> None:
        """Each format becomes the next in one transaction, together with the number of it."""
        for version, change in enumerate(CHANGES, 1):
            with file.transaction(self._db):
                # Another process may have done it in the meantime.
                if self._db.execute("PRAGMA user_version").fetchone()[0] >= version:
                    continue
                for statement in change:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {version}")
