"""Reads the log and the summary of a run for its report."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.file_hash import hash_file
from inspector.outputs.folder import LOG, REPORT, REPORT_PDF, RESULTS, SUMMARY, find_runs
from inspector.outputs.json_log import INSPECTION_TYPES, iterate_records
from inspector.report.defects import DefectCollector
from inspector.report.generated import attach_generated
from inspector.report.run_log import VERDICTS, FrameTable, Record, RunLog

DEEPEST: Final = 3
"""Levels of folders below output.dir: source, run, segment."""

_COUNTS: Final = (("passed", "PASS"), ("failed", "FAIL"), ("errored", "ERROR"))
_HASHED: Final = tuple(name for name in RESULTS if name not in (LOG, REPORT, REPORT_PDF))
"""Those that are files."""

_EVENTS: Final = ("part", "roll", "health", "config_changed", "ledger")
"""Types of the events that a report shows."""


def read_summary(folder: Path) -> Record | None:
    """Content of summary.json; None if there is none. Raises ConfigError."""
    try:
        summary: Any = json.loads((folder / SUMMARY).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{folder / SUMMARY} cannot be read: {exc}") from exc
    if not isinstance(summary, dict):
        raise ConfigError(f"{folder / SUMMARY} cannot be read: it is not an object")
    return summary


def read_run(folder: Path) -> RunLog:
    """Reads one run. Raises ConfigError if its log cannot be read."""
    path = folder / LOG
    try:
        # The hash comes first: a log that is still written is then longer than what was hashed.
        hashes = {LOG: hash_file(path)}
        log = _collect(folder, path)
        grows = path.stat().st_size != hashes[LOG].bytes
        log.torn = _ends_torn(path)
        names = [name for name in _HASHED if (folder / name).is_file()]
        hashes |= {name: hash_file(folder / name) for name in names}
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise ConfigError(f"{path} cannot be read: {reason}") from exc
    except KeyError as exc:
        raise ConfigError(f"{path} cannot be read: a record lacks {exc}") from exc
    log.hashes = hashes
    log.summary = read_summary(folder)
    log.problems = [*_find_problems(log), *(["problem_grows"] if grows else [])]
    return log


def _ends_torn(path: Path) -> bool:
    """Whether the last line is incomplete, as after a kill."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _collect(folder: Path, path: Path) -> RunLog:
    frames, defects = FrameTable(), DefectCollector()
    events: dict[str, list[tuple[int, Record]]] = {}
    header: Record = {}
    waiting: tuple[int, Record] | None = None
    number, record = 0, header
    for number, record in enumerate(iterate_records(path), 1):
        kind = record["type"]
        if kind == "header":
            header = header or record
        elif kind == "verdict":
            waiting = number, record
        elif kind in INSPECTION_TYPES:
            waiting = None
            _add_frame(frames, number, record)
            defects.see(number, record)
        elif kind == "defect_closed":
            defects.close(number, record)
        elif kind in _EVENTS:
            events.setdefault(kind, []).append((number, record))
    if waiting is not None:
        _add_frame(frames, *waiting)
    tracked = bool((header.get("config") or {}).get("tracking", {}).get("enabled"))
    rows = defects.finish(frames, tracked=tracked)
    attach_generated(folder, rows)
    return RunLog(
        folder=folder,
        header=header,
        frames=frames,
        defects=rows,
        tracked=tracked,
        events=events,
        summary=None,
        hashes={},
        repeated=defects.repeated,
        lines=number,
        unmeasured=waiting is not None,
        chain=record.get("chain"),
    )


def _add_frame(frames: FrameTable, line: int, record: Record) -> None:
    index = len(frames)
    frames.frame_ids.append(record["frame_id"])
    frames.seqs.append(record.get("seq", -1))
    frames.lines.append(line)
    frames.verdicts.append(VERDICTS.index(record["verdict"]))
    score = record.get("score")
    frames.scores.append(math.nan if score is None else score)
    frames.times_s.append(_seconds(frames, record))
    frames.defect_counts.append(len(record.get("defects", ())))
    if record["verdict"] == "ERROR":
        cause = record.get("cause") or "unknown"
        frames.causes[index] = (cause, record.get("error") or "")
    if record.get("name") is not None:
        frames.names[index] = record["name"]


def _seconds(frames: FrameTable, record: Record) -> float:
    """Time of the source; for a live source the time of the capture."""
    if record.get("pts_s") is not None:
        return float(record["pts_s"])
    captured = record.get("captured_ns")
    if captured is None:
        return math.nan
    frames.first_ns = captured if frames.first_ns is None else frames.first_ns
    return (captured - frames.first_ns) / 1e9


def _find_problems(log: RunLog) -> Iterator[str]:
    """Keys of texts about what the report must say first."""
    if log.summary is None:
        yield "problem_no_summary"
    else:
        counts = {name: log.frames.count(verdict) for name, verdict in _COUNTS}
        if any(log.summary.get(name, count) != count for name, count in counts.items()):
            yield "problem_counts_differ"
        if log.summary.get("run_id") not in (None, log.header.get("run_id")):
            yield "problem_other_run"
    if log.torn:
        yield "problem_torn"
    if log.unmeasured:
        yield "problem_unmeasured"


def read_runs(folders: Sequence[Path]) -> list[RunLog]:
    """Reads the runs in the folders, with all their sources. Raises ConfigError."""
    return [read_run(path) for folder in folders for path in find_runs(folder, DEEPEST)]
