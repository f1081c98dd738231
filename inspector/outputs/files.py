"""Files that are whole after every write: a line is on the disk or not there at all."""

from pathlib import Path

from inspector.core.errors import SinkError


def make_folder(path: Path) -> None:
    """With its parents. Raises SinkError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise SinkError(f"the folder {path} cannot be made: {exc.strerror}") from exc


class LineFile:
    """A text file of which each line goes to the system at once. Replaces an older file.

    Where a line does not fit on the disk, what was written of it is taken away again, so that the
    file ends with its last whole line. Raises SinkError.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        self._end = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as exc:
            raise SinkError(f"{path} cannot be written: {exc.strerror}") from exc

    def write_line(self, line: str) -> None:
        """line: with its line end."""
        # A file name need not be UTF-8: its odd bytes are written as escapes.
        data = line.encode("utf-8", "backslashreplace")
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as exc:
            self._cut()
            raise SinkError(f"{self._path} cannot be written: {exc.strerror}") from exc
        self._end += written

    def close(self) -> None:
        """Callable twice."""
        try:
            self._file.close()
        except OSError as exc:
            raise SinkError(f"{self._path} cannot be closed: {exc.strerror}") from exc

    def _cut(self) -> None:
        try:
            self._file.truncate(self._end)
            self._file.seek(self._end)
        except OSError as exc:
            raise SinkError(f"{self._path} ends in a torn line: {exc.strerror}") from exc
