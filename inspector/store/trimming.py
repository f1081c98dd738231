"""Removes the oldest inspections from the store."""

from typing import Final

from inspector.store.database import Store

_BATCH: Final = 5000
"""Inspections that one transaction removes, so that other writers need not wait long."""

_TRACES_OF: Final = "SELECT DISTINCT trace FROM"
_DELETE_UNUSED: Final = (
    "DELETE FROM traces WHERE id = ? AND NOT EXISTS (SELECT 1 FROM inspections WHERE trace = id) "
    "AND NOT EXISTS (SELECT 1 FROM parts WHERE trace = id)"
)


def trim(store: Store, max_inspections: int) -> bool:
    """Removes the oldest inspections, with their defects, so that max_inspections are left; at most
    _BATCH of them. Returns whether there are more to remove.

    Order is that of the store, so a jump of the wall clock makes no difference. Runs whose
    inspections are all removed lose their parts, events and hashes of files. Trace fields that no
    row uses any more are removed, too. Raises SinkError.
    """
    bounds = "SELECT MIN(number), MAX(number) FROM inspections"
    with store.read() as db:
        oldest, newest = db.execute(bounds).fetchone()
    if oldest is None or newest - max_inspections < oldest:
        return False
    last = min(newest - max_inspections, oldest + _BATCH - 1)
    with store.transaction(sync=False) as db:
        traces = set(db.execute(f"{_TRACES_OF} inspections WHERE number <= ?", (last,)))
        for table in ("defects", "inspections"):
            db.execute(f"DELETE FROM {table} WHERE number <= ?", (last,))
        empty = db.execute(
            "UPDATE runs SET first_number = NULL, last_number = NULL, first_ms = NULL, "
            "last_ms = NULL WHERE last_number <= ? AND state != 'open' RETURNING id",
            (last,),
        ).fetchall()
        for run in empty:
            traces.update(db.execute(f"{_TRACES_OF} parts WHERE run = ?", run))
        for table in ("parts", "events", "files"):
            db.executemany(f"DELETE FROM {table} WHERE run = ?", empty)
        db.executemany(_DELETE_UNUSED, traces)
    return last < newest - max_inspections
