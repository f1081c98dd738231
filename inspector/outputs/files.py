"""Writes text files line by line, so that a file never ends in a part of a line."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inspector.core.errors import SinkError
from inspector.core.file_hash import FileHash
from inspector.core.tables import CsvOptions, csv_head, csv_row


def make_folder(path: Path) -> None:
    """Creates a folder and its parents. Raises SinkError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise SinkError(f"the folder {path} cannot be created: {exc.strerror}") from exc


class LineFile:
    """A text file that passes each line to the system at once. It replaces an older file. hash: of
    everything that was written.

    If the disk is full, the written part of a line is removed, so the file ends with a complete
    line. Raises SinkError.
    """

    def __init__(self, path: Path) -> None:
        self.hash = FileHash()
        make_folder(path.parent)
        self._path = path
        self._end = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as exc:
            raise SinkError(f"{path} cannot be written: {exc.strerror}") from exc

    def write_line(self, line: str) -> None:
        """line: ends with its line end."""
        if os.fstat(self._file.fileno()).st_size != self._end:
            raise SinkError(f"{self._path} was shortened or written by another program")
        # A file name may contain bytes that are not UTF-8; they are written as escapes.
        data = line.encode("utf-8", "backslashreplace")
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as exc:
            self._cut_last_line()
            raise SinkError(f"{self._path} cannot be written: {exc.strerror}") from exc
        self._end += written
        self.hash.append(data)

    def close(self) -> None:
        """May be called twice."""
        try:
            self._file.close()
        except OSError as exc:
            raise SinkError(f"{self._path} cannot be closed: {exc.strerror}") from exc

    def _cut_last_line(self) -> None:
        try:
            self._file.truncate(self._end)
            self._file.seek(self._end)
        except OSError as exc:
            raise SinkError(f"{self._path} ends in an incomplete line: {exc.strerror}") from exc


class TableFile(LineFile):
    """A CSV file whose first row has the names of the columns. Raises SinkError."""

    def __init__(self, path: Path, columns: Iterable[str], options: CsvOptions) -> None:
        super().__init__(path)
        self._options = options
        self.write_line(csv_head(columns, options))

    def write_row(self, values: Iterable[Any]) -> None:
        self.write_line(csv_row(values, self._options))
