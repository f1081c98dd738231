"""Queries the hashes of the files of a run, as its log states them."""

from pathlib import Path

from inspector.store.database import Store


def find_file_hash(store: Store, run_id: str, source: str, path: Path) -> str | None:
    """sha256 in hex; None if the log does not state it, or not yet. path: below the folder of the
    run."""
    with store.read() as db:
        row = db.execute(
            "SELECT f.sha256 FROM files f JOIN runs r ON r.id = f.run "
            "WHERE r.run_id = ? AND r.source = ? AND f.path = ?",
            (run_id, source, path.as_posix()),
        ).fetchone()
    return None if row is None else bytes(row[0]).hex()
