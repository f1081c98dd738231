"""Finds what an earlier process of a line left when it was killed.

The file line.json beside the store names the runs of the line while it inspects. The line removes
it when it ends in order. So neither a kill nor a power cut nor a jump of the clock hides that the
line was interrupted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import ConfigError
from inspector.core.files import read_small, write_whole
from inspector.interruption import LastFrame
from inspector.outputs.folder import LOG, SUMMARY, find_runs
from inspector.outputs.json_log import parse_record
from inspector.outputs.records import Record
from inspector.outputs.run_folder import find_run_folders

FILE: Final = "line.json"


@dataclass(frozen=True, slots=True)
class MarkedRun:
    """folder: of the run of one source. boot_id: of the machine when it ran; None if unknown."""

    folder: Path
    boot_id: str | None


_LONGEST_TAIL: Final = 64 * 1024 * 1024


def write_marker(folder: Path, runs: Mapping[str, MarkedRun]) -> None:
    """Says that the line inspects. folder: of the store. runs: name of a source -> its last run
    with frames. Raises SinkError."""
    values = {name: [str(run.folder.absolute()), run.boot_id] for name, run in runs.items()}
    write_whole(folder / FILE, json.dumps({"runs": values}).encode())


def remove_marker(folder: Path) -> None:
    """Says that the line does not inspect any more."""
    (folder / FILE).unlink(missing_ok=True)


def read_marker(folder: Path) -> dict[str, MarkedRun]:
    """As written by write_marker(), if the process before did not end in order. folder: of the
    store."""
    path = folder / FILE
    try:
        values = json.loads(read_small(path))
        return {
            str(name): MarkedRun(Path(run), boot_id)
            for name, (run, boot_id) in values["runs"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        logger.warning(
            "{} cannot be read, so the time without inspection is unknown: {}", path, exc
        )
        return {}


def find_interruption(runs: Mapping[str, MarkedRun]) -> dict[str, LastFrame]:
    """The last frame of each source. It reads the beginning and the end of the logs only."""
    last = {name: read_last_frame(run.folder, run.boot_id) for name, run in runs.items()}
    return {name: frame for name, frame in last.items() if frame is not None}


def read_last_frame(run: Path, boot_id: str | None = None) -> LastFrame | None:
    """The last frame in a log; None if there is no log or no header. run: folder of the run of one
    source."""
    try:
        with (run / LOG).open("rb") as file:
            header = parse_record(file.readline(), "line 1")
            last = _find_last(run / LOG)
    except (OSError, ValueError):
        return None
    if last is None:
        return LastFrame(header["run_id"], None, header["wall_time_utc"], None, boot_id)
    return LastFrame(
        *(header["run_id"], last["frame_id"], last["wall_time_utc"], last["captured_ns"], boot_id)
    )


def _find_last(path: Path) -> Record | None:
    """The last record of an inspection. Raises OSError or ValueError."""
    size, length = path.stat().st_size, 65536
    while True:
        with path.open("rb") as file:
            file.seek(max(0, size - length))
            lines = file.read(length).split(b"\n")
        # The first line may lack its beginning, and the last one its end.
        for line in reversed(lines[1:-1]):
            if b'"type":"measured"' in line[:200]:
                return parse_record(line, "a line")
        if length >= min(size, _LONGEST_TAIL):
            return None
        length *= 16


def find_unfinished(output_dir: str) -> list[Path]:
    """The folders of runs, or of all sources of a run, that were killed: they have a log but no
    summary. output_dir: a pattern. Call it before a new run begins."""
    return [folder for folder in find_run_folders(output_dir) if _is_unfinished(folder)]


def _is_unfinished(folder: Path) -> bool:
    try:
        runs = find_runs(folder)
    except ConfigError:  # no log, or no folder
        return False
    # A log without a complete line has nothing that could be completed.
    return any(not (run / SUMMARY).exists() and read_last_frame(run) is not None for run in runs)
