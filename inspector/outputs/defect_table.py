"""Writes the table of defects of a run with tracking: one row per defect."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inspector.core.errors import SinkError
from inspector.core.events import DefectClosed, Event
from inspector.core.file_hash import FileHash, FileState
from inspector.core.protocols import Picture
from inspector.core.tables import DEFAULT, CsvOptions, csv_row
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.csv_log import EXPLANATION, HEADER, PICTURE, defect_cells, explanation_cells
from inspector.outputs.files import TableFile

_TRACK: Final = ("first_frame_id", "last_frame_id", "best_frame_id", "sightings", PICTURE)

TABLE_HEADER: Final = (*HEADER, *_TRACK, *EXPLANATION)
"""The columns of sightings.csv, where those of the frame belong to the best frame, and more."""


class DefectTableSink:
    """Writes RFC 4180 CSV in UTF-8, one row when a defect is closed."""

    name = "defect_table"

    def __init__(self, path: Path, options: CsvOptions = DEFAULT) -> None:
        self._path, self._options = path, options
        self._file: TableFile | None = None
        self._run: RunInfo | None = None
        self._hash: FileHash | None = None

    def open(self, run: RunInfo) -> None:
        self._file, self._run = TableFile(self._path, TABLE_HEADER, self._options), run
        self._hash = self._file.hash

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if self._file is None:
            raise SinkError(f"{self._path} cannot be written before it is open")

    def write_event(self, event: Event) -> None:
        if self._file is None or self._run is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        if not isinstance(event, DefectClosed) or event.defect is None or event.best is None:
            return
        self._file.write_line(table_row(self._run, event, self._options))

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {} if self._hash is None else {self._path: self._hash.state()}

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def table_row(run: RunInfo, event: DefectClosed, options: CsvOptions = DEFAULT) -> str:
    """The row of a defect. The event must have its defect and its best inspection."""
    assert event.best is not None
    cells = defect_cells(run, event.best, event.defect)
    track = (getattr(event, name) for name in _TRACK)
    return csv_row([*cells, *track, *explanation_cells(event.defect)], options)
