"""Follows the logs in the folder of one run, and finds the folders with logs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.outputs.folder import DEFECT_PICTURES, EXPLAINED, LOG, ORIGINALS, SNAPSHOTS, SUMMARY
from inspector.store.database import Store
from inspector.store.log_reader import MISSING, OPEN, LogReader

_DEEPEST: Final = 6
"""Levels of folders that are searched."""
_WITHOUT_LOGS: Final = frozenset((DEFECT_PICTURES, EXPLAINED, ORIGINALS, SNAPSHOTS))


class FollowedFolder:
    """The logs of a run, in the folder itself or in the folders of its sources.

    is_complete: whether all its logs are there already. is_ended: nothing more will come.
    """

    def __init__(self, store: Store, folder: Path, *, is_complete: bool = False) -> None:
        self.is_ended = False
        self._is_complete = is_complete
        self._store = store
        self._folder = folder
        self._is_stored = False
        self._readers: dict[Path, LogReader] = {}

    def read_new(self) -> bool:
        """Returns whether there may be more to read now. Raises SinkError if the store cannot be
        written."""
        if not self._is_stored:
            self._remember()
        has_ended = (self._folder / SUMMARY).exists()
        for log in (self._folder / LOG, *self._folder.glob(f"*/{LOG}")):
            if log.parent not in self._readers and log.exists():
                self._readers[log.parent] = LogReader(self._store, log.parent)
        more = False
        for reader in self._readers.values():
            note = reader.note
            if not reader.is_ended:
                more = reader.read_new() or more
            if reader.note not in (None, note):
                logger.warning("store: {}", reader.note)
        if all(reader.is_ended for reader in self._readers.values()):
            is_complete = self._is_complete and bool(self._readers)
            self.is_ended = has_ended or is_complete or self._folder in self._readers
        if self.is_ended:
            notes = [reader.note for reader in self._readers.values() if reader.note is not None]
            close_folder(self._store, self._folder, "; ".join(notes) or None)
        return more

    def _remember(self) -> None:
        with self._store.transaction(sync=False) as db:
            db.execute(
                "INSERT INTO folders (folder) VALUES (?) "
                "ON CONFLICT (folder) DO UPDATE SET closed = 0, note = NULL",
                (self._store.shorten(self._folder),),
            )
        self._is_stored = True


def close_folder(store: Store, folder: Path, note: str | None) -> None:
    """Stores that nothing more will come from a folder. Runs that are still open have lost their
    log. note: a sentence about its logs, or None. Raises SinkError."""
    text = store.shorten(folder)
    with store.transaction(sync=False) as db:
        db.execute("UPDATE folders SET closed = 1, note = ? WHERE folder = ?", (note, text))
        db.execute(
            "UPDATE runs SET state = ?1, note = COALESCE(note, ?2) WHERE state = ?3 "
            "AND (folder = ?4 OR substr(folder, 1, length(?4) + 1) = ?4 || '/')",
            (MISSING, note, OPEN, text),
        )


def read_folders(store: Store) -> dict[Path, bool]:
    """Folder -> whether nothing more will come from it."""
    with store.read() as db:
        rows = db.execute("SELECT folder, closed FROM folders").fetchall()
    return {store.locate(folder): bool(closed) for folder, closed in rows}


def find_logs(base: Path, depth: int = _DEEPEST) -> Iterator[Path]:
    """The folders with a log below a folder. Folders of pictures are not searched."""
    try:
        with os.scandir(base) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        logger.warning("store: {} cannot be searched for logs: {}", base, exc.strerror)
        return
    if any(entry.name == LOG for entry in listed):
        yield base
    elif depth > 0:
        for entry in listed:
            if entry.is_dir(follow_symlinks=False) and entry.name not in _WITHOUT_LOGS:
                yield from find_logs(Path(entry.path), depth - 1)
