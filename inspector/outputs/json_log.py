"""Writes the log, one JSON line per record, in format 2. Reads formats 1 and 2."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import SinkError
from inspector.core.events import Event
from inspector.core.protocols import Picture
from inspector.core.records import FORMAT
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import LineFile
from inspector.outputs.records import (
    Record,
    event_record,
    header_record,
    inspection_records,
    json_value,
)

READABLE: Final = (1, FORMAT)
"""Formats that read_log and read_records can read."""

INSPECTION_TYPES: Final = ("inspection", "measured")
"""Type of the record with the complete inspection, in format 1 and in format 2."""


class JsonLogSink:
    """Writes JSON lines in UTF-8. Raises SinkError for a value that is not finite."""

    name = "json_log"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: LineFile | None = None
        self._run: RunInfo | None = None

    def open(self, run: RunInfo) -> None:
        self._file, self._run = LineFile(self._path), run
        self._file.write_line(self._line(header_record(run)))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        file, run = self._require_open()
        verdict, measured = inspection_records(run, inspection)
        # One write for both lines, because a system call takes longer than a line.
        file.write_line(self._line(verdict) + self._line(measured))

    def write_event(self, event: Event) -> None:
        file, run = self._require_open()
        file.write_line(self._line(event_record(run, event)))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _require_open(self) -> tuple[LineFile, RunInfo]:
        if self._file is None or self._run is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        return self._file, self._run

    def _line(self, record: Record) -> str:
        try:
            text = json.dumps(record, allow_nan=False, separators=(",", ":"), default=json_value)
        except (TypeError, ValueError) as exc:
            where = f"record {record['type']} of frame {record['frame_id']}"
            raise SinkError(f"{self._path}: {where} cannot be written: {exc}") from exc
        return text + "\n"


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
            record = _parse(path, number, line)
            if number == 1:
                _check_header(path, record)
            yield record
    if number == 0:
        raise ValueError(f"{path} does not begin with a header line")


def _parse(path: Path, number: int, line: bytes) -> Record:
    try:
        record: Any = json.loads(line)
    except ValueError as exc:
        raise ValueError(f"line {number} of {path} is not JSON: {exc}") from exc
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise ValueError(f"line {number} of {path} is not a record: it has no type")
    return record


def _check_header(path: Path, record: Record) -> None:
    if record["type"] != "header":
        raise ValueError(f"{path} does not begin with a header line")
    log_format = record.get("format")
    if log_format not in READABLE:
        newer = isinstance(log_format, int) and log_format > FORMAT
        hint = "a newer version of this program wrote it" if newer else "this format is unknown"
        raise ValueError(f"{path} has format {log_format}, but this program reads 1 and 2: {hint}")
