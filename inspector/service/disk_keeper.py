"""Works beside the sessions of a line: removes old results, and raises alarms of a full disk."""

import threading
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import ConfigError, SinkError
from inspector.evidence.signing import SigningKey, load_signing_key
from inspector.outputs.run_folder import base_folder
from inspector.service.disk_guard import CONDITIONS, TEXTS
from inspector.service.line import Line
from inspector.service.retention.age_clock import Moment
from inspector.service.retention.removing import Retention
from inspector.store.alarms import raise_alarm
from inspector.store.feedback import find_answered

PERIOD_S: Final = 5.0
RETENTION_EVERY: Final = 12
"""Periods between two calls of the retention."""
_STOP_WAIT_S: Final = 10.0
STOPPED: Final = "disk_keeper"
"""Kind of the alarm after an error of this program."""


class DiskKeeper:
    """An attendant of a line, with a thread. Each run that is being written is locked, so the
    retention leaves it out. Raises ConfigError for a key that cannot be used."""

    def __init__(self, line: Line, period_s: float = PERIOD_S) -> None:
        self._line = line
        base = line.config.base
        self._folder = base_folder(base.output.dir)
        self._retention = Retention(
            self._folder,
            base.retention,
            self._load_key(),
            find_answered=lambda: find_answered(line.store.store),
        )
        self._period_s = period_s
        self._level = 0
        self._due = 0
        """Level whose alarm must be raised; 0 for none."""
        self._refused = False
        """Whether the log says already that the store refuses alarms."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="disk keeper", daemon=True)
        self._thread.start()

    def turn(self) -> None:
        """Does nothing: the thread works, because files are removed slowly."""

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_STOP_WAIT_S)

    def _work(self) -> None:
        try:
            self._repeat()
        finally:
            if not self._stopping.is_set():
                logger.error("the disk is not watched: an error ended its thread")
                text = (
                    "an error of the program ended the retention and the alarms of the disk; start "
                    "the program again"
                )
                self._raise_alarm(STOPPED, text)

    def _repeat(self) -> None:
        periods = 0
        while not self._stopping.wait(self._period_s):
            self._check_level()
            if periods % RETENTION_EVERY == 0:
                self._clean()
            periods += 1

    def _check_level(self) -> None:
        levels = [run.disk.level for run in self._line.runs if run.disk is not None]
        level = max(levels, default=0)
        if level > self._level:
            self._due = level
        self._level = level
        if self._due and self._raise_alarm(CONDITIONS[self._due], TEXTS[self._due]):
            self._due = 0

    def _raise_alarm(self, kind: str, text: str) -> bool:
        """Whether the alarm is in the store, which may be on the full disk."""
        try:
            raise_alarm(self._line.store.store, kind=kind, text=text)
        except SinkError as exc:
            if not self._refused:
                logger.warning("the alarm {} is raised later: {}", kind, exc)
            self._refused = True
            return False
        self._refused = False
        return True

    def _load_key(self) -> SigningKey | None:
        path = self._line.config.base.evidence.key_file
        return None if path is None else load_signing_key(Path(path), "evidence.key_file")

    def _clean(self) -> None:
        """Uses limits and key of the present configuration, which may have been loaded again."""
        self._retention.options = self._line.config.base.retention
        if not self._retention.options.enabled:
            return
        try:
            self._retention.key = self._load_key()
            self._retention.apply(Moment.now())
        except (ConfigError, SinkError) as exc:
            logger.warning("retention: nothing is removed: {}", exc)
        except OSError as exc:
            logger.warning("retention: {} cannot be read: {}", self._folder, exc)
