"""The output folder: what it may hold, when it may be used, and its summary."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, SinkError
from inspector.core.files import sole_writer, write_whole
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo

VIDEO: Final = "annotated.mp4"
SIGHTINGS: Final = "sightings.csv"
DEFECTS: Final = "defects.csv"
LOG: Final = "inspections.jsonl"
SUMMARY: Final = "summary.json"
SNAPSHOTS: Final = "snapshots"
RESULTS: Final = (VIDEO, SIGHTINGS, DEFECTS, LOG, SUMMARY, SNAPSHOTS)


def check_folder(folder: Path, *, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Changes nothing. Raises ConfigError where a run may not write into the folder, and where it
    would remove what it reads: `inputs`."""
    for path in inputs:
        for name in RESULTS:
            if path.resolve().is_relative_to((folder / name).resolve()):
                raise ConfigError(f"{path} lies in {folder / name}, which this run would replace")
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
    when everything else is ready. Other files in it are left alone. No two runs share a folder."""

    name = "output folder"

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self._folder = folder
        self._overwrite = overwrite
        self._lock = contextlib.ExitStack()

    def open(self, run: RunInfo) -> None:
        """Raises ConfigError, for nothing has run yet."""
        self._lock.enter_context(sole_writer(self._folder))
        try:
            check_folder(self._folder, overwrite=self._overwrite)
            for name in _held(self._folder):
                path = self._folder / name
                linked = path.is_symlink() or not path.is_dir()
                path.unlink() if linked else shutil.rmtree(path)
        except OSError as exc:
            reason = exc.strerror or exc
            raise ConfigError(f"cannot use the output folder {self._folder}: {reason}") from exc

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """The other sinks write."""

    def close(self) -> None:
        """Lets another run have the folder."""
        self._lock.close()


def _held(folder: Path) -> list[str]:
    return [n for n in RESULTS if (folder / n).exists() or (folder / n).is_symlink()]


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Writes summary.json whole or not at all. Raises SinkError."""
    path = folder / SUMMARY
    try:
        text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    except ValueError as exc:
        raise SinkError(f"{path} cannot be written: {exc}") from exc
    write_whole(path, (text + "\n").encode("utf-8", "backslashreplace"))
