"""Selects the inspections whose original picture and outlines still exist, and copies pictures."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engines.picture_header import read_header
from inspector.core.errors import DataError, SinkError
from inspector.core.files import write_whole
from inspector.store.database import Store
from inspector.store.feedback import FINE, MISSED
from inspector.store.filters import HistoryFilter
from inspector.store.history import InspectionRow, find_hash, iterate_inspections, read_measured

NO_ORIGINAL: Final = "have no original picture (output.originals keeps them)"
NO_VERDICT: Final = "are ERROR, so nothing is known about their product"
NOT_OUTLINED: Final = "have the answer 'missed', and their defects have no outline"
NO_LOG: Final = "have defects, but their log was removed or replaced"
CHANGED: Final = "have an original picture that differs from its hash in the log"
DAMAGED: Final = "have an original picture that cannot be read"


@dataclass(frozen=True, slots=True)
class ExportedPicture:
    """An inspection with its original picture.

    defects: lines of its defects from the log; empty if a person said that the product is fine.
    name: of the picture among all pictures of the store, such as r1_left_frame_00000012.png. hw:
    height and width in px. content: of the file.
    """

    row: InspectionRow
    defects: Sequence[dict[str, Any]]
    name: str
    hw: tuple[int, int]
    content: bytes

    @property
    def is_fine(self) -> bool:
        """A person has confirmed that the product is good."""
        return self.row.feedback == FINE

    @property
    def path(self) -> Path:
        assert self.row.original is not None
        return self.row.folder / self.row.original

    def write(self, folder: Path, *, link: bool) -> None:
        """Copies the picture, or makes a symbolic link to it. Raises SinkError."""
        target = folder / self.name
        if not link:
            write_whole(target, self.content, sync=False)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.symlink(self.path.resolve(), target)
        except OSError as exc:
            raise SinkError(f"{target} cannot be made: {exc.strerror}") from exc


def select_pictures(
    store: Store, filter: HistoryFilter, skipped: Counter[str]
) -> Iterator[ExportedPicture]:
    """The inspections of which picture and outlines are known, the oldest first. skipped: counts
    the others by their reason. Raises ConfigError for the filter."""
    for row in iterate_inspections(store, filter):
        picture = _read(store, row)
        if isinstance(picture, str):
            skipped[picture] += 1
        else:
            yield picture


def _read(store: Store, row: InspectionRow) -> ExportedPicture | str:
    """The picture, or the reason why the inspection is left out."""
    if row.original is None:
        return NO_ORIGINAL
    if row.verdict == "ERROR" and row.feedback is None:
        return NO_VERDICT
    if row.feedback == MISSED:
        return NOT_OUTLINED
    defects: Sequence[dict[str, Any]] = ()
    if row.defects and row.feedback != FINE:
        record = read_measured(row)
        if record is None:
            return NO_LOG
        defects = record["defects"]
    try:
        content = (row.folder / row.original).read_bytes()
        hw = read_header(content).hw
    except (OSError, DataError):
        return DAMAGED
    expected = find_hash(store, row, row.original)
    if expected is not None and expected != hashlib.sha256(content).hexdigest():
        return CHANGED
    name = f"{row.run_id}_{row.source}_{row.original.name}"
    return ExportedPicture(row, defects, name, hw, content)
