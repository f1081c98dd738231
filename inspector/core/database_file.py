"""Creates, checks and opens SQLite files with a write-ahead log (https://sqlite.org/wal.html)."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import InspectorError

PAGE: Final = 4096
"""Bytes per page of the database."""
WAL_PAGES: Final = 4000
"""Number of pages of the write-ahead log at which SQLite copies it to the database."""
WAIT_S: Final = 10.0
"""Longest wait for the lock of another connection."""


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """A SQLite file of one kind.

    label: what it is, for messages, such as "outbox". application_id: number in the file that marks
    files of this kind. if_damaged: what the user should do then, for messages. error: class of all
    errors.
    """

    path: Path
    label: str
    application_id: int
    if_damaged: str
    error: type[InspectorError]

    def create(self, statements: Sequence[str], version: int) -> None:
        """Creates the file under another name first, so that an empty file always means damage.
        Does nothing if the file exists."""
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            part.unlink(missing_ok=True)
            part.touch()
        except OSError as exc:
            place = self.path.parent
            raise self.error(f"the folder {place} cannot be written: {exc.strerror}") from exc
        with contextlib.closing(self.connect(part)) as db:
            db.execute(f"PRAGMA page_size = {PAGE}")
            db.execute("BEGIN")
            db.execute(f"PRAGMA application_id = {self.application_id}")
            db.execute(f"PRAGMA user_version = {version}")
            for statement in statements:
                db.execute(statement)
            db.execute("COMMIT")
        try:
            # A rename would replace the file that another process created in the meantime.
            os.link(part, self.path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            part.replace(self.path)
        part.unlink(missing_ok=True)

    def connect(self, path: Path | None = None, *, read_only: bool = False) -> sqlite3.Connection:
        """Commits are written without fsync until `PRAGMA synchronous` changes that."""
        place = f"{(path or self.path).absolute().as_uri()}{'?mode=ro' if read_only else ''}"
        db = sqlite3.connect(place, WAIT_S, isolation_level=None, check_same_thread=False, uri=True)
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def check(self, db: sqlite3.Connection) -> int:
        """Checks that the file is of this kind, and starts its write-ahead log. Returns the format
        of the file (`user_version`)."""
        if os.path.getsize(self.path) == 0:
            raise self.damage_error("it is empty")
        if read_pragma(db, "application_id") != self.application_id:
            raise self.error(
                f"{self.path} is a database, but not {_with_article(self.label)}; "
                "choose another place"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * PAGE}")
        version: int = read_pragma(db, "user_version")
        return version

    def check_content(self, db: sqlite3.Connection) -> None:
        """Reads the whole file and raises an error if it is damaged."""
        if (problem := read_pragma(db, "quick_check(1)")) != "ok":
            raise self.damage_error(" ".join(problem.split()))

    @contextlib.contextmanager
    def transaction(self, db: sqlite3.Connection) -> Iterator[None]:
        """Commits everything, or nothing after an error."""
        with self.translate_errors(), db:
            db.execute("BEGIN IMMEDIATE")
            yield

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            # Errors of the Python module, such as the use of a closed file, have no code.
            if getattr(exc, "sqlite_errorcode", None) in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                raise self.damage_error(str(exc)) from exc
            raise self.error(f"the {self.label} {self.path} cannot be used: {exc}") from exc

    def damage_error(self, reason: str) -> InspectorError:
        return self.error(f"the {self.label} {self.path} is damaged ({reason}); {self.if_damaged}")


def read_pragma(db: sqlite3.Connection, pragma: str) -> Any:
    return db.execute(f"PRAGMA {pragma}").fetchone()[0]


def _with_article(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
