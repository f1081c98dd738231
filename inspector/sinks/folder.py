"""The output folder: what it may hold, when it may be used, and its summary."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, SinkError

VIDEO: Final = "annotated.mp4"
CSV: Final = "defects.csv"
LOG: Final = "inspections.jsonl"
SUMMARY: Final = "summary.json"
SNAPSHOTS: Final = "snapshots"
RESULTS: Final = (VIDEO, CSV, LOG, SUMMARY, SNAPSHOTS)


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Makes the folder. Results of an earlier run are refused, or removed with `overwrite`; other
    files in it are left alone. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = [name for name in RESULTS if (folder / name).exists()]
        if held and not overwrite:
            raise ConfigError(
                f"{folder} already holds results ({', '.join(held)}): "
                "name another --output, or --overwrite them"
            )
        for name in held:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as exc:
        raise ConfigError(f"cannot use the output folder {folder}: {exc.strerror}") from exc


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes summary.json whole or not at all. Raises SinkError."""
    path, part = folder / SUMMARY, folder / (SUMMARY + ".part")
    try:
        text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise SinkError(f"cannot write {path}: {exc.strerror}") from exc
