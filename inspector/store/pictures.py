"""Finds the pictures of an inspection that exist now, with their hashes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.outputs.folder import DEFECT_PICTURES, EXPLAINED, ORIGINALS, SNAPSHOTS
from inspector.store.database import Store
from inspector.store.history import InspectionRow

KINDS: Final = {
    ORIGINALS: "original",
    SNAPSHOTS: "snapshot",
    DEFECT_PICTURES: "defect",
    EXPLAINED: "explained",
}
"""Folder of a run -> what its files show."""


@dataclass(frozen=True, slots=True)
class FramePicture:
    """kind: a value of KINDS. path: below the folder of the run. sha256: in hex, as the log states
    it; None if it does not state it yet."""

    kind: str
    path: Path
    sha256: str | None


def find_pictures(store: Store, row: InspectionRow) -> list[FramePicture]:
    """All pictures and texts of a frame, and with tracking the pictures of its tracks."""
    with store.read() as db:
        rows = db.execute(
            "SELECT f.path, lower(hex(f.sha256)) FROM runs r JOIN files f ON f.run = r.id "
            "WHERE r.run_id = ?1 AND r.source = ?2 AND (f.frame_id = ?3 OR f.path IN "
            "(SELECT ?4 || replace(d.track_id, '/', '_') || '.jpg' FROM defects d "
            "WHERE d.number = ?5))",
            (row.run_id, row.source, row.frame_id, f"{DEFECT_PICTURES}/", row.number),
        ).fetchall()
    hashes: dict[Path, str | None] = dict.fromkeys(
        path for path in (row.original, row.snapshot) if path is not None
    )
    hashes |= {Path(path): digest for path, digest in rows if (row.folder / path).exists()}
    return [
        FramePicture(KINDS[path.parts[0]], path, digest)
        for path, digest in sorted(hashes.items())
        if path.parts[0] in KINDS
    ]
