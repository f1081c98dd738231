"""Writes copies of the checkpoints into a folder on another disk or machine."""

import json
import os
import threading
from collections import deque
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import ConfigError, SinkError
from inspector.core.events import Checkpoint, Event
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.lines import RecordLines

END_WAIT_S: Final = 5.0
"""Longest wait for the folder at the end of a run."""
RETRY_S: Final = 2.0
MOST_WAITING: Final = 10_000
"""Number of lines that wait while the folder is away; then the oldest are dropped."""


class CheckpointCopies:
    """A sink that appends the header, every checkpoint and the end of a run to FOLDER/NAME.jsonl.

    A thread writes, so a share that hangs does not stop the run. While the folder cannot be
    written, the lines wait. lines: makes the lines that this sink shares with the log. Raises
    ConfigError if the folder does not exist, because a share that is not mounted must be noticed.
    """

    name = "checkpoint copies"

    def __init__(self, folder: Path, lines: RecordLines) -> None:
        if not folder.is_dir():
            raise ConfigError(f"evidence.checkpoint_dir: {folder} is not a folder: create it")
        self._folder = folder
        self._lines = lines
        self._path = folder
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._changed = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._warned = False

    def open(self, run: RunInfo) -> None:
        self._path = self._folder / f"{run.run_id}_{run.source_name}.jsonl"
        self._put(self._lines.start(run).text)
        self._thread.start()

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Does nothing, because only checkpoints are copied."""

    def write_event(self, event: Event) -> None:
        if isinstance(event, Checkpoint):
            self._put(self._lines.event(event).text)

    def close(self) -> None:
        """Does nothing, because finish() follows when summary.json is written."""

    def finish(self, run: RunInfo, lines: int, chain: str) -> None:
        """Adds the end of the run, and waits END_WAIT_S for the folder. chain: of summary.json."""
        end = {"type": "end", "run_id": run.run_id, "source": run.source_name}
        self._put(json.dumps(end | {"lines": lines, "chain": chain}))
        self._ending.set()
        self._changed.set()
        if self._thread.ident is not None:
            self._thread.join(END_WAIT_S)
        if self._waiting:
            logger.warning("{}: {} lines could not be written", self._path, len(self._waiting))

    def _put(self, text: str) -> None:
        self._waiting.append(f"{text}\n".encode())
        self._changed.set()

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            ending = self._ending.is_set()
            if self._write_waiting() and ending:
                return
            if self._waiting and self._ending.wait(RETRY_S):
                # The last attempts, as long as finish() waits.
                threading.Event().wait(RETRY_S / 4)
            if self._waiting:
                self._changed.set()

    def _write_waiting(self) -> bool:
        """Whether all lines are in the file and on the disk."""
        lines = list(self._waiting)
        try:
            if not self._folder.is_dir():
                raise SinkError(f"the folder {self._folder} is gone")
            with self._path.open("ab") as file:
                # After an attempt that failed, the file may end in a part of a line.
                file.write(b"\n" * self._warned + b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            if not self._warned:
                logger.warning("evidence: {} cannot be written now: {}", self._path, exc)
            self._warned = True
            return False
        for line in lines:
            if self._waiting and self._waiting[0] is line:
                self._waiting.popleft()
        return not self._waiting
