"""Writes the table of parts: one row per part."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import SinkError
from inspector.core.events import Event, Part
from inspector.core.file_hash import FileHash, FileState
from inspector.core.protocols import Picture
from inspector.core.tables import DEFAULT, CsvOptions, csv_row
from inspector.core.trace import TRACE_FIELDS
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import TableFile

_CELLS: Final[dict[str, Callable[[Part], Any]]] = {
    "part_id": lambda p: p.part_id,
    "verdict": lambda p: p.verdict.value,
    "rule": lambda p: p.rule,
    "cause": lambda p: p.cause,
    "error": lambda p: p.error,
    "wall_time_utc": lambda p: p.wall_time_utc,
    "sources": lambda p: " ".join(p.sources),
    "first_frame_id": lambda p: p.first_frame_id,
    "last_frame_id": lambda p: p.last_frame_id,
    "frames": lambda p: p.frames,
    "frames_failed": lambda p: p.frames_failed,
    "frames_errored": lambda p: p.frames_errored,
    "frames_dropped": lambda p: p.frames_dropped,
    "defects": lambda p: p.defects,
    "sightings": lambda p: p.sightings,
    "score": lambda p: None if p.score is None else float(f"{p.score:.6g}"),
    "worst_frame_id": lambda p: p.worst_frame_id,
    "views": lambda p: "; ".join(map(_describe_view, p.views)),
}

PART_HEADER: Final = ("run_id", *_CELLS, "recipe_id", "summary", "check", *TRACE_FIELDS)
"""The columns in order. A cell is empty if there is no value."""


class PartTable:
    """A CSV file (RFC 4180, UTF-8) with one row per part. Raises SinkError."""

    def __init__(self, path: Path, run: RunInfo, options: CsvOptions = DEFAULT) -> None:
        self._run = run
        self._file = TableFile(path, PART_HEADER, options)
        self.hash = self._file.hash

    def write(self, part: Part) -> None:
        self._file.write_row(_cells(self._run, part))

    def close(self) -> None:
        self._file.close()


class PartTableSink:
    """Writes the parts of one source. If sources are joined, the session writes the table."""

    name = "part_table"

    def __init__(self, path: Path, options: CsvOptions = DEFAULT) -> None:
        self._path, self._options = path, options
        self._table: PartTable | None = None
        self._hash: FileHash | None = None

    def open(self, run: RunInfo) -> None:
        self._table = PartTable(self._path, run, self._options)
        self._hash = self._table.hash

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._require_open()

    def write_event(self, event: Event) -> None:
        table = self._require_open()
        if isinstance(event, Part):
            table.write(event)

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {} if self._hash is None else {self._path: self._hash.state()}

    def close(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            table.close()

    def _require_open(self) -> PartTable:
        if self._table is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        return self._table


def part_row(run: RunInfo, part: Part, options: CsvOptions = DEFAULT) -> str:
    """The row of a part with its line end."""
    return csv_row(_cells(run, part), options)


def _cells(run: RunInfo, part: Part) -> list[Any]:
    values = [get(part) for get in _CELLS.values()]
    of_run = (run.recipe_id, part.summary, run.check_of(part.part_id))
    return [run.run_id, *values, *of_run, *run.trace_of(part.trace).values()]


def _describe_view(view: Mapping[str, Any]) -> str:
    """Such as `left: frames 3 to 8, FAIL`."""
    if view["first_frame_id"] is None:
        return f"{view['source']}: no frame, {view['verdict']}"
    span = f"frames {view['first_frame_id']} to {view['last_frame_id']}"
    return f"{view['source']}: {span}, {view['verdict']}"
