"""Syncs the results to the disk every second, and notices files that somebody removed."""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import SinkError

PERIOD_S: Final = 1.0
FIRST_S: Final = 0.1
"""Soon after the first inspection, which creates the video."""
_STOP_WAIT_S: Final = 8.0
"""A busy disk may need seconds for an fsync."""

_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP)
"""Errors of a file system that has no fsync."""


class FolderWatch:
    """Watches the result files of one folder on a thread, until stop().

    needed: names of files that exist at the start. expected: files that may appear later.
    find_series: lists files that are written one after the other; only the last two are watched,
    so that the number of open files does not grow. A file or the folder that is removed, moved,
    replaced or shortened is a failure, because later rows would be lost without a word. failure():
    the first failure, None if there is none. Raises SinkError if a needed file is missing at the
    start.
    """

    def __init__(
        self,
        folder: Path,
        needed: Sequence[str],
        expected: Sequence[str],
        find_series: Callable[[Path], Sequence[Path]] = lambda _: (),
    ) -> None:
        self._folder = folder
        self._find_series = find_series
        self._series: list[Path] = []
        self._expected = [folder / name for name in expected]
        self._files: dict[Path, int] = {}
        self._sizes: dict[Path, int] = {}
        self._failure: SinkError | None = None
        self._stopping = threading.Event()
        try:
            for path in (folder, *(folder / name for name in needed)):
                self._open(path)
        except OSError as exc:
            self._close()
            raise SinkError(f"{exc.filename} is not there any more: {exc.strerror}") from exc
        self._thread = threading.Thread(target=self._work, name="folder watch", daemon=True)
        self._thread.start()

    def failure(self) -> SinkError | None:
        return self._failure

    def stop(self) -> None:
        """Checks and syncs a last time. May be called twice."""
        self._stopping.set()
        self._thread.join(_STOP_WAIT_S)
        if self._thread.is_alive():
            logger.warning("{}: the disk does not answer; results may be lost", self._folder)

    def _work(self) -> None:
        with contextlib.suppress(OSError):
            self._sync_parents()
        try:
            wait_s = FIRST_S
            while not self._stopping.wait(wait_s):
                self._inspect()
                wait_s = PERIOD_S
            self._inspect()
        except SinkError as exc:
            self._failure = exc
        finally:
            self._close()

    def _inspect(self) -> None:
        for path in self._expected:
            if path not in self._files:
                with contextlib.suppress(FileNotFoundError):
                    self._open(path)
        self._follow_series()
        for path, descriptor in self._files.items():
            try:
                self._check(path, descriptor)
                os.fsync(descriptor)
            except SinkError:
                raise
            except OSError as exc:
                if exc.errno not in _NO_SYNC:
                    raise SinkError(f"{path} cannot be written: {exc.strerror}") from exc

    def _follow_series(self) -> None:
        """Watches the new files of the series, and no longer those before the last two."""
        try:
            newest = self._find_series(self._folder)[-2:]
        except OSError:  # the folder is gone, which the check of the folder notices
            return
        for path in newest:
            if path not in self._series[-2:]:
                with contextlib.suppress(FileNotFoundError):
                    self._open(path)
                    self._series.append(path)
        while len(self._series) > 2:
            path = self._series.pop(0)
            os.close(self._files.pop(path))
            self._sizes.pop(path, None)

    def _check(self, path: Path, descriptor: int) -> None:
        ours = os.fstat(descriptor)
        try:
            there = os.stat(path)
        except FileNotFoundError:
            raise SinkError(f"{path} was removed or moved during the run") from None
        if not os.path.samestat(ours, there):
            raise SinkError(f"{path} was replaced during the run")
        if path != self._folder and ours.st_size < self._sizes.get(path, 0):
            raise SinkError(f"{path} was shortened by another program")
        self._sizes[path] = ours.st_size

    def _open(self, path: Path) -> None:
        self._files[path] = os.open(path, os.O_RDONLY)

    def _sync_parents(self) -> None:
        """Syncs the entries of new folders, so that a power cut does not lose them."""
        for path in list(self._folder.absolute().parents)[:3]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}
