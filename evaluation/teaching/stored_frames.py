"""Finds the original pictures of a store: those with answers of people, and the newest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engines.spec_file import file_hash
from evaluation.teaching.comparison import StoredPicture
from inspector.core.errors import DataError
from inspector.store.database import Store
from inspector.store.feedback import FINE, MISSED
from inspector.store.filters import HistoryFilter
from inspector.store.history import InspectionRow, find_hash, find_inspections

PAGE: Final = 500
"""Inspections that are read at once."""

MOST_ROWS: Final = 20_000
"""Inspections in which the newest pictures are searched."""


@dataclass(frozen=True, slots=True)
class StoredFrames:
    """fine, missed: pictures with these answers. newest: the last pictures, with and without an
    answer. gone: labels of frames with an answer whose original is not stored."""

    fine: tuple[StoredPicture, ...]
    missed: tuple[StoredPicture, ...]
    newest: tuple[StoredPicture, ...]
    gone: tuple[str, ...]

    @property
    def all(self) -> list[StoredPicture]:
        """Each picture once; those with an answer first."""
        pictures = {each.path: each for each in (*self.newest, *self.fine, *self.missed)}
        answered = [each for each in pictures.values() if each.answer is not None]
        return answered + [each for each in pictures.values() if each.answer is None]


def find_stored_frames(
    store: Store, engine_hashes: Sequence[str], runs: Sequence[str], *, newest: int
) -> StoredFrames:
    """engine_hashes: of the engine file and its former versions; only runs with these count. runs:
    run ids that are used instead, with any engine. newest: how many pictures at most.

    Raises DataError for an original with an answer that differs from its hash in the log.
    """
    usual = HistoryFilter(kind="production")
    filters = [replace(usual, run_id=run) for run in runs] or [
        replace(usual, engine_hashes=tuple(engine_hashes))
    ]
    answered = [row for each in filters for row in _rows(store, replace(each, feedback="any"))]
    for row in answered:
        _check_hash(store, row)
    pictures = [_picture(row) for row in answered if row.original is not None]
    return StoredFrames(
        tuple(each for each in pictures if each.answer == FINE),
        tuple(each for each in pictures if each.answer == MISSED),
        tuple(_newest(store, filters, newest)),
        tuple(_label(row) for row in answered if row.original is None),
    )


def _newest(store: Store, filters: Sequence[HistoryFilter], count: int) -> Iterator[StoredPicture]:
    read = 0
    for each in filters:
        for row in _rows(store, each):
            if not count or read == MOST_ROWS:
                return
            read += 1
            if row.original is not None:
                count -= 1
                yield _picture(row)


def _rows(store: Store, filter: HistoryFilter) -> Iterator[InspectionRow]:
    """The newest first."""
    before = None
    while rows := find_inspections(store, filter, before=before, limit=PAGE):
        yield from rows
        before = rows[-1].number


def _picture(row: InspectionRow) -> StoredPicture:
    assert row.original is not None
    return StoredPicture(row.folder / row.original, _label(row), row.feedback)


def _label(row: InspectionRow) -> str:
    return f"{row.run_id} {row.source} frame {row.frame_id}"


def _check_hash(store: Store, row: InspectionRow) -> None:
    if row.original is None:
        return
    expected = find_hash(store, row, row.original)
    path = row.folder / row.original
    if expected is not None and file_hash(path) != expected:
        raise DataError(
            f"the original {path} is not the picture that was inspected: its hash differs"
        )
