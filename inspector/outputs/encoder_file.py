"""Writes the position of the line at each frame, so that the run can be repeated."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inspector.core.errors import SinkError
from inspector.core.file_hash import FileHash, FileState
from inspector.core.protocols import Picture
from inspector.core.tables import csv_row
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import LineFile

ENCODER_HEADER: Final = ("time_s", "position_mm", "u_mm", "motion", "frame_id")


class EncoderFileSink:
    """Writes CSV that `tracking.motion: encoder` can read, one row for each frame."""

    name = "encoder_file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: LineFile | None = None
        self._hash: FileHash | None = None
        self._rows: deque[tuple[float, float, float, str, int]] = deque()

    def open(self, run: RunInfo) -> None:
        self._file = LineFile(self._path)
        self._hash = self._file.hash
        self._file.write_line(csv_row(ENCODER_HEADER))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Writes the rows up to this frame."""
        if self._file is None:
            raise SinkError(f"{self._path} cannot be written before it is open")
        while self._rows and self._rows[0][-1] <= inspection.frame_id:
            self._file.write_line(csv_row(self._rows.popleft()))

    def add_row(
        self, frame_id: int, time_s: float, position_mm: float, u_mm: float, motion: str
    ) -> None:
        """Adds the row of a frame; write() writes it with its frame. May be called on another
        thread. time_s: since the first frame. u_mm: standard uncertainty of the motion since the
        last frame. motion: known, assumed or unknown."""
        self._rows.append((time_s, position_mm, u_mm, motion, frame_id))

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {} if self._hash is None else {self._path: self._hash.state()}

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
