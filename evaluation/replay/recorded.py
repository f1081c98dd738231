"""Reads a recorded run: its header, its records in order, and how it ended."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import DataError
from inspector.core.events import ConfigChanged, HealthChanged
from inspector.core.types import SINGLE
from inspector.interruption import CONDITION, InterruptionStage
from inspector.outputs.folder import LOG, ORIGINALS, SUMMARY, find_runs
from inspector.outputs.json_log import INSPECTION_TYPES, READABLE, parse_record
from inspector.recovery import KILLED
from inspector.run_link import RecordedLink, RunLink, SettingChange

Record = dict[str, Any]

WHOLE_LINES: Final = 2
"""First format whose lines can be compared as a whole."""

_MOST_BEFORE: Final = 100
"""Records at the beginning of a log, among which are all events of its first frame."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The run of one source.

    header: first record of the log. frames: number of frames in the log. last_frame_id: of the last
    frame with all its records; -1 without a frame. status: of the summary; None without a summary.
    counted: number of frames in the summary; None if the log may end before the run did.
    """

    folder: Path
    header: Record
    frames: int
    last_frame_id: int
    status: str | None
    counted: int | None

    @property
    def cut(self) -> bool:
        """Whether frames and events may be missing at the end of the log, because the process was
        killed or the run failed."""
        return self.counted is None

    @property
    def log(self) -> Path:
        return self.folder / LOG

    @property
    def originals(self) -> Path:
        return self.folder / ORIGINALS

    @property
    def source_name(self) -> str:
        return str(self.header.get("source", SINGLE)) if self.format >= WHOLE_LINES else SINGLE

    @property
    def source_info(self) -> Record:
        info: Record = self.header["source_info" if self.format >= WHOLE_LINES else "source"]
        return info

    @property
    def live(self) -> bool:
        return bool(self.source_info["live"])

    @property
    def format(self) -> int:
        return int(self.header["format"])

    @property
    def link(self) -> RunLink:
        """Recipe and changes of a run of a line."""
        continues = self.header.get("continues")
        keys = [field.name for field in fields(SettingChange)]
        changes = tuple(
            SettingChange(**{key: record[key] for key in keys})
            for record in (self.records() if continues else ())
            if record["type"] == ConfigChanged.type
        )
        recorded = RecordedLink(continues, changes)
        return RunLink(
            self.header.get("recipe_id"),
            interruptions=self._interruptions(),
            check=self.header.get("check"),
            recorded=recorded,
        )

    def _interruptions(self) -> dict[str, InterruptionStage]:
        """The event that says how long nothing was inspected before the run, if it has one."""
        events = [
            (record["message"], record["value"])
            for record in islice(self.records(), _MOST_BEFORE)
            if record["type"] == HealthChanged.type and record["condition"] == CONDITION
        ]
        return {self.header["source"]: InterruptionStage(lambda _: events[0])} if events else {}

    def records(self) -> Iterator[Record]:
        """All records, the header first."""
        return read_lines(self.log)

    def inspections(self) -> Iterator[Record]:
        """The record of each frame that has its sizes."""
        return (record for record in self.records() if record["type"] in INSPECTION_TYPES)


def read_runs(folder: Path) -> list[RecordedRun]:
    """The runs of all sources in the folder of a run. folder: may also be the log of a run. Raises
    ConfigError if there is none, and DataError like read_run()."""
    if folder.name == LOG and folder.is_file():
        folder = folder.parent
    return [read_run(path) for path in find_runs(folder)]


def read_run(folder: Path) -> RecordedRun:
    """Raises DataError for a log that cannot be read."""
    records = read_lines(folder / LOG)
    header = next(records, None)
    if header is None or header["type"] != "header" or header.get("format") not in READABLE:
        raise DataError(
            f"{folder / LOG} cannot be replayed: its first line is not a header of format "
            f"{' or '.join(map(str, READABLE))}, which this version reads"
        )
    frames, last = 0, -1
    for record in records:
        if record["type"] in INSPECTION_TYPES:
            frames, last = frames + 1, record["frame_id"]
    return RecordedRun(folder, header, frames, last, *_read_summary(folder))


def read_lines(path: Path, run_id: str | None = None) -> Iterator[Record]:
    """Reads a log line by line. Drops an incomplete last line, which a killed process leaves.

    run_id: is replaced by RUN everywhere, also inside ids of tracks. Raises DataError with the
    number of a line that is not a record.
    """
    hidden = (run_id or "").encode()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    plain = line.replace(hidden, b"RUN") if hidden else line
                    yield parse_record(plain, f"line {number} of {path}")
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise DataError(str(exc)) from exc


def _read_summary(folder: Path) -> tuple[str | None, int | None]:
    """Status, and the number of frames that the log must have; None if it may end early."""
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
        status = str(summary["status"])
        dropped = summary.get("dropped_by_cause") or {}
        if status in ("failed", KILLED) or dropped.get("abort"):
            return status, None
        return status, int(summary["inspected"]) + int(summary["errored"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None
