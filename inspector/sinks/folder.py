"""The output folder: what it may hold, when it may be used, and its summary."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, SinkError
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo

VIDEO: Final = "annotated.mp4"
CSV: Final = "defects.csv"
LOG: Final = "inspections.jsonl"
SUMMARY: Final = "summary.json"
SNAPSHOTS: Final = "snapshots"
RESULTS: Final = (VIDEO, CSV, LOG, SUMMARY, SNAPSHOTS)


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Changes nothing. Raises ConfigError where a run may not write into the folder."""
    held = _held(folder)
    if held and not overwrite:
        raise ConfigError(
            f"{folder} already holds results ({', '.join(held)}): "
            "name another --output, or --overwrite them"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"cannot use the output folder {folder}: it is a file")


class ResultFolder:
    """The first of the sinks: makes the folder, and removes the results of an earlier run from it,
    when everything else is ready. Other files in it are left alone."""

    name = "output folder"

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self._folder = folder
        self._overwrite = overwrite

    def open(self, run: RunInfo) -> None:
        """Raises ConfigError, for nothing has run yet."""
        check_folder(self._folder, overwrite=self._overwrite)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in _held(self._folder):
                path = self._folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as exc:
            reason = exc.strerror
            raise ConfigError(f"cannot use the output folder {self._folder}: {reason}") from exc

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """The other sinks write."""

    def close(self) -> None:
        """Nothing is held open."""


def _held(folder: Path) -> list[str]:
    return [name for name in RESULTS if (folder / name).exists()]


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
