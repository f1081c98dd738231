"""Writes the log, one chained JSON line per record, in format 2. Reads formats 1 and 2."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from inspector.core.chain import START
from inspector.core.errors import SinkError
from inspector.core.events import Event
from inspector.core.protocols import Picture
from inspector.core.records import FORMAT
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import LineFile
from inspector.outputs.lines import Line, RecordLines
from inspector.outputs.records import Record

T = TypeVar("T")

READABLE: Final = (1, FORMAT)
"""Formats that read_log and read_records can read."""

INSPECTION_TYPES: Final = ("inspection", "measured")
"""Type of the record with the complete inspection, in format 1 and in format 2."""


class JsonLogSink:
    """Writes JSON lines. Raises SinkError for a value that is not finite.

    lines: makes the lines, for this log and other sinks; None: for this log alone. end: number of
    written lines, and chain value of the last one.
    """

    name = "json_log"

    def __init__(self, path: Path, *, lines: RecordLines | None = None) -> None:
        self.end: tuple[int, str] = (0, START)
        self._path = path
        self._lines = RecordLines() if lines is None else lines
        self._file: LineFile | None = None

    def open(self, run: RunInfo) -> None:
        self._file = LineFile(self._path)
        self.end = (0, START)
        self._write([self._lines.start(run)])

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._write(self._make(partial(self._lines.inspection, inspection)))

    def write_event(self, event: Event) -> None:
        self._write([self._make(partial(self._lines.event, event))])

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _make(self, make: Callable[[], T]) -> T:
        if self._file is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        try:
            return make()
        except SinkError as exc:
            raise SinkError(f"{self._path}: {exc}") from exc

    def _write(self, lines: Sequence[Line]) -> None:
        assert self._file is not None
        # One write for all lines, because a system call takes longer than a line.
        self._file.write_line("".join(f"{line.text}\n" for line in lines))
        self.end = (self.end[0] + len(lines), lines[-1].record["chain"])


def read_log(path: Path) -> tuple[Record, list[Record]]:
    """Reads the header of a log and its inspections, one record per frame.

    A log of format 1 lacks the fields that format 2 added, such as `cause`. Raises ValueError like
    read_records().
    """
    header, *others = read_records(path)
    return header, [record for record in others if record["type"] in INSPECTION_TYPES]


def read_records(path: Path) -> list[Record]:
    """Reads every record of a log, the header first. Raises ValueError like iterate_records()."""
    return list(iterate_records(path))


def iterate_records(path: Path) -> Iterator[Record]:
    """Reads the records of a log one after the other, the header first, so that a long log needs no
    memory.

    Drops an incomplete last line, which a killed process leaves. Raises ValueError for a log of
    another format, and with the line number for any other line that is not a record.
    """
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            record = parse_record(line, f"line {number} of {path}")
            if number == 1:
                _check_header(path, record)
            yield record
    if number == 0:
        raise ValueError(f"{path} does not begin with a header line")


def parse_record(line: bytes, place: str) -> Record:
    """place: of the line, for messages. Raises ValueError for a line that is not a record."""
    try:
        record: Any = json.loads(line)
    except ValueError as exc:
        raise ValueError(f"{place} is not JSON: {exc}") from exc
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise ValueError(f"{place} is not a record: it has no type")
    return record


def _check_header(path: Path, record: Record) -> None:
    if record["type"] != "header":
        raise ValueError(f"{path} does not begin with a header line")
    log_format = record.get("format")
    if log_format not in READABLE:
        newer = isinstance(log_format, int) and log_format > FORMAT
        hint = "a newer version of this program wrote it" if newer else "this format is unknown"
        raise ValueError(f"{path} has format {log_format}, but this program reads 1 and 2: {hint}")
