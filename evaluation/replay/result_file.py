"""Writes the result of a replay as JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from evaluation.replay.changes import Changes
from evaluation.replay.running import ReplayResult
from inspector.core.files import write_whole

NAME: Final = "replay.json"


def write_result(result: ReplayResult) -> Path:
    """Raises SinkError."""
    header = result.run.header
    values = {
        "run": str(result.run.folder),
        "run_id": header.get("run_id"),
        "source": result.run.source_name,
        "frames": result.run.frames,
        "changed": list(result.why),
        "notes": list(result.notes),
        "not_replayed": list(result.not_replayed),
        "log": None if result.log is None else asdict(result.log),
        "changes": None if result.changes is None else _plain(result.changes),
    }
    path = result.out / NAME
    text = json.dumps(values, indent=2, ensure_ascii=False)
    write_whole(path, (text + "\n").encode("utf-8", "backslashreplace"))
    return path


def _plain(changes: Changes) -> dict[str, Any]:
    """Without pictures and scores, which are in the page and in the tables."""
    return {
        "frames": changes.frames,
        "differing": changes.differing,
        "image_thresholds": changes.image_thresholds,
        "verdicts": {f"{old} to {new}": n for (old, new), n in sorted(changes.verdicts.items())},
        "fails": asdict(changes.fails),
        "defects": {
            "old": changes.old_defects,
            "new": changes.new_defects,
            "matched": changes.matched,
            "lost": changes.lost,
            "added": changes.added,
            "clear_sizes": changes.clear,
        },
        "sizes": {name: asdict(size) for name, size in changes.sizes.items()},
        "rank_correlation": changes.correlation,
    }
