"""Writes the table of defects of a run with tracking: one row per defect."""

from pathlib import Path
from typing import Final

from inspector.core.errors import SinkError
from inspector.core.events import DefectClosed, Event
from inspector.core.protocols import Picture
from inspector.core.tables import csv_row
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.csv_log import HEADER, defect_cells
from inspector.outputs.files import LineFile

_TRACK: Final = ("first_frame_id", "last_frame_id", "best_frame_id", "sightings")

TABLE_HEADER: Final = (*HEADER, *_TRACK)
"""The columns of sightings.csv, where those of the frame belong to the best frame, and four more.
"""


class DefectTableSink:
    """Writes RFC 4180 CSV in UTF-8, one row when a defect is closed."""

    name = "defect_table"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: LineFile | None = None
        self._run: RunInfo | None = None

    def open(self, run: RunInfo) -> None:
        self._file, self._run = LineFile(self._path), run
        self._file.write_line(csv_row(TABLE_HEADER))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if self._file is None:
            raise SinkError(f"{self._path} cannot be written before it is open")

    def write_event(self, event: Event) -> None:
        if self._file is None or self._run is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        if not isinstance(event, DefectClosed) or event.defect is None or event.best is None:
            return
        self._file.write_line(table_row(self._run, event))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def table_row(run: RunInfo, event: DefectClosed) -> str:
    """The row of a defect. The event must have its defect and its best inspection."""
    assert event.best is not None
    cells = defect_cells(run, event.best, event.defect)
    return csv_row([*cells, *(getattr(event, name) for name in _TRACK)])
