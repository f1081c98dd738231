"""Completes the results of a run that was killed, from its log."""

import csv
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TypeGuard

from calibration.plane import Calibration
from inspector.core.errors import ConfigError
from inspector.core.events import DefectClosed, Event
from inspector.core.files import sole_writer
from inspector.core.quantiles import LogHistogram
from inspector.core.records import FORMAT
from inspector.core.tables import CsvOptions
from inspector.core.types import Inspection, RunInfo
from inspector.measure.defect_summary import DefectSummary
from inspector.outputs.defect_table import table_row
from inspector.outputs.folder import (
    DEFECTS,
    ENCODER,
    LOG,
    PARTS,
    SIGHTINGS,
    SUMMARY,
    VIDEO,
    find_runs,
    find_segments,
)
from inspector.outputs.json_log import iterate_records
from inspector.outputs.part_table import part_row
from inspector.outputs.record_reading import read_inspection, read_run
from inspector.outputs.records import Record
from inspector.outputs.video_list import write_list
from inspector.pipeline.stats import MIN_MS, RunStats, summarize_quantiles
from inspector.recorded_web import RecordedWeb, calibration_of
from inspector.recovered_evidence import RecoveredEvidence, append_lines
from inspector.recovered_parts import MOST_KEPT, RecoveredParts
from inspector.run import summarize_ledger

KILLED: Final = "killed"
KILL_CODE: Final = 137
"""Exit code that a shell shows after kill -9."""

NO_SCORE: Final = "the 4-point score is not computed: `line-inspector roll-map` does that"


def recover(folder: Path) -> dict[Path, list[str]]:
    """Completes a folder of results, or the folders of its sources. Returns what was done in each.

    Raises ConfigError if there is nothing to complete, if a run is still writing there, or if the
    log cannot be used.
    """
    folders = find_runs(folder)
    unfinished = [path for path in folders if not (path / SUMMARY).exists()]
    if not unfinished:
        raise ConfigError(
            f"{folder} has a {SUMMARY}, so its run was not killed: there is nothing to recover"
        )
    done = {path: _recover_source(path) for path in unfinished}
    if folder not in done:
        with sole_writer(folder):
            sentence = _cut_incomplete_line(folder / PARTS)
        done |= {folder: [sentence]} if sentence else {}
    return done


def _recover_source(folder: Path) -> list[str]:
    with sole_writer(folder):
        done = [
            sentence
            for name in (LOG, SIGHTINGS, DEFECTS, PARTS, ENCODER)
            if (sentence := _cut_incomplete_line(folder / name))
        ]
        log = _KilledRun(folder)
        log.read()
        done += log.write()
        return done


class _KilledRun:
    """The log of a killed run, and what can be computed from it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = _records(folder / LOG)
        header = next(self._lines)
        if header["format"] != FORMAT:
            raise ConfigError(f"{folder / LOG} has format {header['format']}, not {FORMAT}")
        self._run: RunInfo = read_run(header)
        self._evidence = RecoveredEvidence(folder, self._run, header)
        self._csv = CsvOptions(**self._run.config["output"].get("csv", {}))
        self._last: Record = header
        self._stats, self._latency = RunStats(), LogHistogram(smallest=MIN_MS)
        self._first_ns: int | None = None
        self._logged: set[str] = set()
        """Ids of the closed defects in the log; "" if it has the ledger of the web."""
        self._replayed: deque[DefectClosed] = deque(maxlen=MOST_KEPT)
        self._sentences = list(self._evidence.warnings)
        if self._run.config["output"].get("four_points", {}).get("enabled"):
            self._sentences.append(NO_SCORE)
        self._calibration: Calibration | None = None
        self._web = self._follow_again()
        self._parts = RecoveredParts(self._run, self._web)
        self._defects = DefectSummary(calibrated=self._run.calibration_hash is not None)

    def read(self) -> None:
        for record in self._lines:
            self._last = record
            self._evidence.add(record)
            self._parts.add(record)
            if record["type"] == "measured":
                self._add(record)
            elif record["type"] == "defect_closed":
                self._logged.add(record["track_id"])
            elif record["type"] == "ledger" and record["unit"] != "parts":
                self._logged.add("")

    def write(self) -> list[str]:
        """Appends to log and table, and writes the summary. Returns sentences about it."""
        ended = self._last["wall_time_utc"]
        sentences = self._sentences
        events = [] if self._web is None else self._web.stage.flush()
        new = [event for event in events if not self._is_logged(event)]
        rolls = self._parts.flush(events)
        self._append_events([*new, *rolls])
        if self._web is not None:
            self._append_defects([e for e in [*self._replayed, *events] if _is_closed(e)])
            count = sum(map(_is_closed, new))
            sentences.append(
                f"open defects that are closed now, from their frames in the log: {count}"
            )
        self._append_parts()
        sentences += self._parts.sentences(len(rolls))
        last = self._stats.received - 1
        sentences.append(
            f"frames that were captured after frame {last} are lost: they were not written yet"
            if last >= 0
            else "the run wrote no frame"
        )
        segments = find_segments(self._folder)
        if segments:
            write_list(self._folder)
        videos = [name for name in (VIDEO,) if (self._folder / name).exists()]
        for name in [*videos, *(path.name for path in segments[-1:])]:
            sentences.append(f"{name} may lack the last second")
        self._evidence.write_summary(self._summary(ended))
        return sentences

    def _follow_again(self) -> RecordedWeb | None:
        if not self._run.config["tracking"]["enabled"]:
            return None
        try:
            self._calibration = calibration_of(self._run, self._run.config)
            return RecordedWeb(self._run, self._calibration)
        except ConfigError as exc:
            self._sentences.append(f"open defects and the ledger are not completed: {exc}")
            return None

    def _add(self, record: Record) -> None:
        events: Sequence[Event] = ()
        if self._web is not None:
            inspection, events = self._web.see(record)
        else:
            hw = self._run.source.frame_hw or (1, 1)
            inspection = read_inspection(record, self._run.source.source_id, hw)
        self._parts.see(inspection, events)
        self._replayed += [e for e in events if isinstance(e, DefectClosed)]
        self._count(inspection)

    def _count(self, inspection: Inspection) -> None:
        self._stats.count_inspection(inspection, output_ms=MIN_MS)
        self._stats.received = inspection.frame_id + 1
        self._latency.add(inspection.timings_ms["latency"])
        self._defects.add(inspection)
        if self._first_ns is None:
            self._first_ns = inspection.frame.captured_ns

    def _is_logged(self, event: Event) -> bool:
        return (event.track_id if isinstance(event, DefectClosed) else "") in self._logged

    def _append_events(self, events: Sequence[Event]) -> None:
        seq = self._last["seq"]
        numbered = [replace(event, seq=number) for number, event in enumerate(events, seq + 1)]
        append_lines(self._folder / LOG, self._evidence.chain(numbered))

    def _append_defects(self, closed: Sequence[DefectClosed]) -> None:
        """closed: all that must be at the end of the table, in order."""
        expected = len(self._logged.difference(("",)) | {event.track_id for event in closed})
        rows = [table_row(self._run, event, self._csv) for event in closed]
        self._append_rows(DEFECTS, rows, expected)

    def _append_parts(self) -> None:
        if self._parts.count is not None:
            rows = [part_row(self._run, part, self._csv) for part in self._parts.newest]
            self._append_rows(PARTS, rows, self._parts.count)

    def _append_rows(self, name: str, newest: Sequence[str], expected: int) -> None:
        """Appends the last rows that a table lacks. expected: number of all its rows."""
        path = self._folder / name
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = sum(1 for _ in csv.reader(file, delimiter=self._csv.separator)) - 1
        missing = max(0, expected - rows)
        append_lines(path, newest[len(newest) - missing :] if missing else [])

    def _summary(self, ended_utc: str) -> dict[str, Any]:
        run, stats = self._run, self._stats
        stats.dropped_live = stats.received - stats.inspected - stats.errored
        values = stats.as_dict()
        values["stages_ms"].pop("output", None)
        seconds = 0.0
        if self._first_ns is not None and self._last["captured_ns"] is not None:
            seconds = (self._last["captured_ns"] - self._first_ns) / 1e9
        frames = stats.inspected + stats.errored
        return values | {
            "seconds": round(seconds, 3),
            "throughput_per_s": round(frames / seconds, 2) if seconds > 0 else 0.0,
            "cpu_ms_per_frame": None,
            "latency_ms": summarize_quantiles(self._latency),
            "status": KILLED,
            "exit_code": KILL_CODE,
            "error": "the program was killed, or the power failed; the log gave these values",
            "peak_memory_mb": None,
            "warnings": self._sentences,
            "run_id": run.run_id,
            "source_name": run.source_name,
            "check": run.check,
            "output_dir": str(self._folder),
            "started_utc": run.started_utc,
            "ended_utc": ended_utc,
            "source": run.source.source_id,
            "live": run.source.live,
            "decoder": run.source.decoder,
            "video_encoder": run.video_encoder,
            "image_threshold": run.image_threshold,
            "pixel_threshold": run.pixel_threshold,
            "defects": self._defects.as_dict(),
            "tracking": summarize_ledger(None if self._web is None else self._web.stage),
            "four_points": None,
            **self._parts.summary(),
            "health": None,
            "disk": None,
            "background": None,
            "outputs": {},
            "engine": run.engine
            | {"sha256": run.engine_hash, "running_on": run.judged_by.get("running_on", "")},
            "parity": run.parity,
            "judged_by": run.judged_by,
            "calibration": None if self._calibration is None else asdict(self._calibration),
            "calibration_hash": run.calibration_hash,
            "config": run.config,
            "config_hash": run.config_hash,
        }


def _is_closed(event: Event) -> TypeGuard[DefectClosed]:
    return isinstance(event, DefectClosed)


def _records(path: Path) -> Iterator[Record]:
    try:
        yield from iterate_records(path)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def _cut_incomplete_line(path: Path) -> str | None:
    """Removes the end of a file that is no complete line. Returns a sentence if there was one."""
    if not path.exists():
        return None
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            end = start if newline < 0 else start + newline + 1
            if newline >= 0:
                break
        file.truncate(end)
    return (
        f"{size - end} bytes of an incomplete line were removed from {path.name}"
        if size > end
        else None
    )
