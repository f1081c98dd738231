"""Follows the logs of all runs and writes them into the store, on a thread."""

import threading
from collections import deque
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.database_file import WAIT_S
from inspector.core.errors import ConfigError
from inspector.core.files import sole_writer
from inspector.store.database import Store
from inspector.store.followed_folder import (
    FollowedFolder,
    close_folder,
    find_logs,
    read_folders,
)
from inspector.store.trimming import trim

_SLOW: Final = 20
"""Passes between two looks at the logs of runs that were killed; recovering completes them."""


class Follower:
    """Reads new lines of the logs about every interval_s seconds.

    It is not connected to the pipeline: it only reads the files, so it never slows or stops an
    inspection, and after a kill it goes on where the store ends. max_inspections: see
    StoreOptions. failure: why the store cannot be written now; None if it can.
    """

    def __init__(self, store: Store, interval_s: float = 0.5, *, max_inspections: int = 0) -> None:
        self.failure: str | None = None
        self._store = store
        self._interval_s = interval_s
        self._max_inspections = max_inspections
        self._new: deque[Path] = deque()
        self._left: deque[Path | None] = deque()
        self._bases: deque[Path] = deque()
        self._watched: dict[Path, FollowedFolder] = {}
        self._waiting: dict[Path, FollowedFolder] = {}
        """Those of an earlier process."""
        self._passes = 0
        self._end_ns = 0
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    def watch(self, run_folder: Path) -> None:
        """Follows the logs of a run, in the folder itself or in the folders of its sources. They
        may be missing yet. Returns at once."""
        self._new.append(run_folder.absolute())
        self._wake.set()

    def catch_up(self, base: Path | None = None) -> None:
        """Reads the runs that an earlier process did not read to their end, and all runs below
        `base` that the store does not know. Returns at once. base: None for the folder of the
        store."""
        self._bases.append((base or self._store.path.parent).absolute())
        self._wake.set()

    def leave(self, run_folder: Path | None) -> None:
        """Reads the logs of a run that has ended once more, and then follows them no longer, also
        without a summary. The next start looks at them again. Returns at once. run_folder: None for
        all runs that an earlier process left, except those that a process writes."""
        self._left.append(None if run_folder is None else run_folder.absolute())
        self._wake.set()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Reads everything that was written until now, and ends the thread. After timeout_s it
        leaves the rest to the next start."""
        self._end_ns = now_ns() + int(timeout_s * 1e9)
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout_s + WAIT_S)

    def _work(self) -> None:
        finished = False
        try:
            while not self._ending.is_set():
                self._wake.clear()
                self._pass()
                self._wake.wait(self._interval_s)
            self._pass()
            finished = True
        finally:
            if not finished:
                self.failure = "the thread that reads the logs ended with an error"

    def _pass(self) -> None:
        try:
            left = list(self._left)  # before _new, so that each of them is followed already
            while self._new:
                folder = self._new[0]
                self._waiting.pop(folder, None)
                self._watched[folder] = FollowedFolder(self._store, folder)
                self._new.popleft()
            self._read(self._watched)
            if self._bases:
                self._scan(self._bases[0])
                self._bases.popleft()
                self._passes = 0
            if self._passes % _SLOW == 0 or self._ending.is_set() or None in left:
                self._read(self._waiting)
            for path in left:
                self._forget(path)
                self._left.popleft()
            if self._max_inspections:
                trim(self._store, self._max_inspections)
            self._passes += 1
            self.failure = None
        except OSError as exc:  # also SinkError of the store
            if self.failure is None:
                logger.warning("{}; inspecting continues, and the logs are complete", exc)
            self.failure = str(exc)

    def _forget(self, path: Path | None) -> None:
        if path is None:
            self._waiting = {p: folder for p, folder in self._waiting.items() if _is_written(p)}
        elif self._watched.pop(path, None) is not None:
            logger.warning("store: {} ended without a summary", path)

    def _read(self, folders: dict[Path, FollowedFolder]) -> None:
        for path, folder in list(folders.items()):
            while folder.read_new():
                if self._ending.is_set() and now_ns() > self._end_ns:
                    logger.warning("store: {} is not read to its end yet", path)
                    return
                # The logs of this process come before those of earlier ones.
                if folders is self._waiting:
                    self._read(self._watched)
            if folder.is_ended:
                del folders[path]

    def _scan(self, base: Path) -> None:
        known = read_folders(self._store)
        unfinished = [path for path, is_closed in known.items() if not is_closed]
        new = (path for path in find_logs(base) if not {path, path.parent} & known.keys())
        for path in (*unfinished, *new):
            if {path, path.parent} & self._watched.keys():
                continue
            if path.exists():
                self._waiting[path] = FollowedFolder(self._store, path, is_complete=True)
            else:
                close_folder(self._store, path, f"{path} was removed")


def _is_written(folder: Path) -> bool:
    """Whether a process writes into the folder of a run now."""
    if not folder.is_dir():
        return False
    try:
        with sole_writer(folder):
            return False
    except ConfigError:
        return True
