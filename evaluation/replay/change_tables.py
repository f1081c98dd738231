"""Writes the frames and the defects that differ as CSV tables, row by row."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from evaluation.replay.matching import FrameChange
from evaluation.replay.recorded import Record
from inspector.core.errors import SinkError
from inspector.core.tables import csv_row

FRAMES: Final = "changed_frames.csv"
DEFECTS: Final = "changed_defects.csv"

_FRAME_COLUMNS: Final = (
    *("frame_id", "name", "pts_s", "old_verdict", "new_verdict", "old_score", "new_score"),
    *("old_defects", "new_defects", "lost", "added", "clear_sizes"),
)
_DEFECT_FIELDS: Final = (
    *("defect_id", "length_mm", "width_mm", "area_mm2", "length_px", "width_px", "area_px"),
    *("length_expanded_u_mm", "length_expanded_u_px", "peak_score", "severity", "size_source"),
)


class ChangeTables:
    """Opens both files at the first frame that differs, or at close(). Raises SinkError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._files: tuple[TextIO, TextIO] | None = None

    def write(self, change: FrameChange) -> None:
        frames, defects = self._open()
        old, new = change.old, change.new
        shared = (change.frame_id, old.get("name"), old.get("pts_s"))
        with _named_errors(self._folder):
            frames.write(
                csv_row(
                    (
                        *shared,
                        *(old["verdict"], new["verdict"], old["score"], new["score"]),
                        *(len(old["defects"]), len(new["defects"])),
                        *(len(change.lost), len(change.added), len(change.clear_pairs)),
                    )
                )
            )
            rows: list[tuple[str, Record, Record]] = [
                *(("lost", defect, {}) for defect in change.lost),
                *(("added", {}, defect) for defect in change.added),
                *(("size", pair.old, pair.new) for pair in change.clear_pairs),
            ]
            for kind, before, after in rows:
                values: list[Any] = [
                    value
                    for name in _DEFECT_FIELDS
                    for value in (before.get(name), after.get(name))
                ]
                defects.write(csv_row((*shared, kind, *values)))

    def close(self) -> None:
        self._open()
        with _named_errors(self._folder):
            self._stack.close()

    def _open(self) -> tuple[TextIO, TextIO]:
        if self._files is None:
            pairs = [f"{side}_{name}" for name in _DEFECT_FIELDS for side in ("old", "new")]
            with _named_errors(self._folder):
                frames, defects = (
                    self._stack.enter_context(
                        (self._folder / name).open(
                            "x", newline="", encoding="utf-8", errors="backslashreplace"
                        )
                    )
                    for name in (FRAMES, DEFECTS)
                )
                frames.write(csv_row(_FRAME_COLUMNS))
                defects.write(csv_row(("frame_id", "name", "pts_s", "change", *pairs)))
            self._files = frames, defects
        return self._files


@contextlib.contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SinkError(f"the tables in {folder} cannot be written: {exc.strerror}") from exc
