"""Writes runs for the tests of the report, with the writer of the log."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from output_parts import defect, inspection, run_info

from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.types import Defect, Inspection, Severity, Verdict
from inspector.core.web_place import WebPlace
from inspector.outputs.json_log import JsonLogSink

UTC = "2026-01-31T12:00:00.123Z"
RULE = {
    "rule": "robust",
    "false_alarm_rate": 0.05,
    "normals": 40,
    "folds": 10,
    "interval": [0.0, 0.0881],
    "alarms": 0,
    "promise": 0.0722,
    "block_frames": 1,
    "blocks": None,
}
SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


def scratch(
    number: int, length_mm: float, *, track_id: str | None = None, y_m: float = 0.0, **more: Any
) -> Defect:
    """A defect of a length, in mm at 0.1 mm per px, with u of 2 %. number: sets its severity."""
    base = replace(
        defect(),
        severity=SEVERITIES[number % 4],
        length_mm=length_mm,
        length_px=10 * length_mm,
        length_u_mm=0.02 * length_mm,
        width_u_mm=0.01,
        area_u_mm2=0.01,
        box_px=(4.0, 6.0, 20.0, 16.0),
    )
    web = None if track_id is None else WebPlace(track_id, x_mm=1.5, y_m=y_m)
    return replace(base, web=web, **more)


def frames(
    count: int, defects: dict[int, Sequence[Defect]] | None = None, *, skip: Iterable[int] = ()
) -> list[Inspection]:
    """Frames at 25 per s. Those with defects fail. skip: numbers of dropped frames."""
    result = []
    for frame_id in sorted(set(range(count)) - set(skip)):
        rows = tuple((defects or {}).get(frame_id, ()))
        verdict = Verdict.FAIL if rows else Verdict.PASS
        score = 2.0 if rows else 1.0 + 0.001 * (frame_id % 7)
        result.append(
            inspection(
                frame_id,
                verdict=verdict,
                pts_s=frame_id / 25,
                captured_ns=frame_id * 40_000_000,
                defects=rows,
                score=score,
            )
        )
    return result


def closed(track_id: str, size: Defect, first: int, last: int, best: int, **more: Any) -> Event:
    return DefectClosed(
        wall_time_utc=UTC,
        frame_id=last,
        track_id=track_id,
        first_frame_id=first,
        last_frame_id=last,
        best_frame_id=best,
        sightings=last - first + 1,
        defect=size,
        **more,
    )


def ledger(defects: int, *, low: int | None = None, lost: float = 0.0) -> Event:
    return Ledger(
        wall_time_utc=UTC,
        unit="mm2",
        total=100_000.0,
        inspected_once=2_000.0,
        inspected_more=98_000.0 - lost,
        not_inspected_by_cause={"dropped": lost} if lost else {},
        inspected_by_times={"1": 2_000.0, "2": 98_000.0 - lost},
        length_m=1.25,
        defects=defects,
        defects_low=defects if low is None else low,
        defects_continued=0,
        gap_count=0 if low is None else 1,
        gaps=(),
        frames_by_motion={"known": 10},
    )


def write_log(
    folder: Path,
    content: Iterable[Inspection | Event],
    *,
    calibrated: bool = True,
    source: str = "main",
    live: bool = False,
    **config: Any,
) -> Path:
    """Writes inspections.jsonl. config: sections of the configuration in the header."""
    info = replace(
        run_info(),
        source=replace(run_info().source, live=live),
        engine={"name": "web", "method": "rad", "threshold_rule": RULE},
        config={"verdict": {"rule": "score"}, **config},
        calibration_hash="ca" * 32 if calibrated else None,
        source_name=source,
        version="0.1.0",
        run_id="20260131T120000Z-5d1f03a2",
    )
    sink = JsonLogSink(folder / "inspections.jsonl")
    folder.mkdir(parents=True, exist_ok=True)
    sink.open(info)
    seq = 1
    for item in content:
        numbered = replace(item, seq=seq)
        if isinstance(numbered, Inspection):
            sink.write(numbered, np.zeros(()))  # type: ignore[arg-type]
            seq += 2
        else:
            sink.write_event(numbered)
            seq += 1
    sink.close()
    return folder


def write_summary(folder: Path, rows: Sequence[Inspection], **changes: Any) -> Path:
    """Writes summary.json with the counts of the frames; dropped=3 in changes counts 3 more."""
    counts = {v: sum(row.verdict is v for row in rows) for v in Verdict}
    causes: dict[str, int] = {}
    for row in rows:
        if row.cause is not None:
            causes[row.cause.value] = causes.get(row.cause.value, 0) + 1
    inspected = counts[Verdict.PASS] + counts[Verdict.FAIL]
    dropped = changes.get("dropped", 0)
    summary = {
        "captured": inspected + counts[Verdict.ERROR] + dropped,
        "inspected": inspected,
        "passed": counts[Verdict.PASS],
        "failed": counts[Verdict.FAIL],
        "errored": counts[Verdict.ERROR],
        "missing": 0,
        "dropped_by_cause": {"overrun": dropped},
        "errored_by_cause": causes,
        "missing_by_cause": {},
        "status": "finished",
        "exit_code": 0,
        "error": None,
        "warnings": [],
        "ended_utc": UTC,
        "run_id": "20260131T120000Z-5d1f03a2",
        "dropped": dropped,
    }
    (folder / "summary.json").write_text(json.dumps(summary | changes), encoding="utf-8")
    return folder


def write_run(folder: Path, rows: Sequence[Inspection], **changes: Any) -> Path:
    """A run that ended normally."""
    return write_summary(write_log(folder, rows), rows, **changes)


def tracked_run(folder: Path, count: int, *, ended: bool = True, per_defect: int = 3) -> Path:
    """Defects of which each is in `per_defect` frames, then the ledger. Without an end the last one
    is still open, and there is no ledger."""
    sightings: dict[int, list[Defect]] = {}
    events: dict[int, list[Event]] = {}
    for number in range(count):
        track_id, first = f"run/main/d{number}", 2 * number
        length = 0.5 + (number * 7 % 40) / 4
        size = scratch(number, length, track_id=track_id, y_m=0.01 * number)
        for frame_id in range(first, first + per_defect):
            sightings.setdefault(frame_id, []).append(size)
        last = first + per_defect - 1
        if ended or number < count - 1:
            events.setdefault(last, []).append(closed(track_id, size, first, last, first + 1))
    rows = frames(2 * count + per_defect, {k: tuple(v) for k, v in sightings.items()})
    content: list[Inspection | Event] = []
    for row in rows:
        content += [row, *events.get(row.frame_id, ())]
    tail = [ledger(count)] if ended else []
    write_log(folder, [*content, *tail], tracking={"enabled": True})
    return write_summary(folder, rows) if ended else folder
