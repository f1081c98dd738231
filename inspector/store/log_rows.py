"""Turns lines of a log into rows of the store."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from inspector.core.chain import LINE_TAIL_BYTES
from inspector.core.clock import utc_ms
from inspector.core.records import FORMAT
from inspector.core.trace import TRACE_FIELDS
from inspector.store.schema import HOUR_MS

PRODUCTION: Final = "production"
CHECK: Final = "check"

VERDICTS: Final = ("PASS", "FAIL", "ERROR")
"""The number of a verdict in the store is its place here."""

_VERDICT: Final = b'{"type":"verdict",'
_MEASURED: Final = b'{"type":"measured",'
_FRAME_FILE: Final = re.compile(r"(?:^|/)frame_(\d{8,15})[_.]")
_ENVELOPE: Final = frozenset(
    (
        *("type", "run_id", "source", "seq", "event_id", "chain", "frame_id", "captured_ns"),
        *("wall_time_utc", "part_id", "recipe_id", "check"),
    )
)
_OUTLINES: Final = ("polygons", "explanation", "shape_figures", "limits")
"""Fields of a defect that are long; they stay in the log."""

Row = tuple[Any, ...]


@dataclass(slots=True)
class RunFacts:
    """What the lines of one log have in common. key: its row in `runs`. frame_id: of the last
    inspection; -1 before the first. tail: the last bytes before offset, by which the log is
    recognised."""

    key: int
    run_id: str
    source: str
    offset: int
    tail: bytes
    unit: str
    image_threshold: float | None
    pixel_threshold: float | None
    frame_id: int


@dataclass(slots=True)
class Batch:
    """Rows of some lines, in order. The last value of inspections and parts are their trace fields.
    files: path -> row, None for a file that was removed. counts: start of an hour, whether the
    frames belong to a check -> number of each verdict. offset, tail, frame_id: as in RunFacts,
    after these lines. problem: about the first line that is damaged."""

    offset: int
    tail: bytes
    frame_id: int
    inspections: list[Row] = field(default_factory=list)
    defects: list[Row] = field(default_factory=list)
    parts: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    files: dict[str, Row | None] = field(default_factory=dict)
    counts: dict[tuple[int, bool], list[int]] = field(default_factory=dict)
    problem: str | None = None


def header_row(line: bytes) -> dict[str, Any]:
    """Columns of `runs` from the first line of a log. Raises ValueError, KeyError, TypeError or
    AttributeError for another line."""
    record = json.loads(line)
    if record.get("type") != "header" or record.get("format") != FORMAT:
        raise ValueError(f"it is not a log of format {FORMAT}")
    return {
        "kind": PRODUCTION if record.get("check") is None else CHECK,
        "run_id": str(record["run_id"]),
        "source": str(record["source"]),
        "started_ms": utc_ms(record["started_utc"]),
        "recipe": _text(record.get("recipe_id")),
        "rule": _text(record["config"].get("verdict", {}).get("rule")),
        "image_threshold": _number(record["image_threshold"]),
        "pixel_threshold": _number(record["pixel_threshold"]),
        "unit": "px" if record["calibration_hash"] is None else "mm",
        "shown_unit": str(record["unit"]),
        "source_id": _text(record["source_info"]["source_id"]),
        "engine_hash": _text(record["engine_hash"]),
        "config_hash": _text(record["config_hash"]),
        "version": _text(record.get("version")),
    }


def read_lines(data: bytes, run: RunFacts, first_number: int, *, is_last: bool) -> Batch:
    """The rows of complete lines that begin at run.offset.

    first_number: of the first inspection. A `verdict` line is used only if the `measured` line of
    its frame is missing, as after a kill. At the end it stays unread, unless the data is_last. A
    damaged line is left out and described.
    """
    batch = Batch(run.offset, run.tail, run.frame_id)
    at = run.offset
    verdict: tuple[bytes, int] | None = None
    for line in data.splitlines(keepends=True):
        is_verdict = line.startswith(_VERDICT)
        if verdict is not None and not line.startswith(_MEASURED):
            _add_line(batch, *verdict, run, first_number)
        verdict = (line, at) if is_verdict else None
        if not is_verdict:
            _add_line(batch, line, at, run, first_number)
        at += len(line)
    if verdict is not None and is_last:
        _add_line(batch, *verdict, run, first_number)
    batch.offset = at if verdict is None or is_last else verdict[1]
    batch.tail = (run.tail + data[: batch.offset - run.offset])[-LINE_TAIL_BYTES:]
    return batch


def file_row(run: RunFacts, path: str, state: Mapping[str, Any]) -> Row:
    """Row of `files`. state: as in a checkpoint. Raises KeyError, TypeError or ValueError."""
    match = _FRAME_FILE.search(path)
    frame_id = int(match[1]) if match else None
    return (run.key, path, frame_id, int(state["bytes"]), bytes.fromhex(state["sha256"]))


def _add_line(batch: Batch, line: bytes, at: int, run: RunFacts, first_number: int) -> None:
    try:
        record = json.loads(line)
        kind = record["type"]
        if kind in ("measured", "verdict"):
            number = first_number + len(batch.inspections)
            _add_inspection(batch, record, at, run, number)
        elif kind == "checkpoint":
            for path, state in record["files"].items():
                batch.files[path] = None if state is None else file_row(run, path, state)
        elif kind == "part":
            batch.parts.append(_part_row(record, at, run))
        else:
            batch.events.append(_event_row(record, at, run))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        if batch.problem is None:
            batch.problem = f"the line at byte {at} cannot be used: {type(exc).__name__}: {exc}"


def _add_inspection(
    batch: Batch, record: Mapping[str, Any], at: int, run: RunFacts, number: int
) -> None:
    frame_id = int(record["frame_id"])
    if frame_id <= batch.frame_id:
        raise ValueError(f"frame {frame_id} follows frame {batch.frame_id}")
    size = f"length_{run.unit}"
    defects = record["defects"] if record["type"] == "measured" else ()
    rows = [_defect_row(defect, run, number) for defect in defects]
    lengths = [defect[size] for defect in defects if defect[size] is not None]
    ms, verdict = utc_ms(record["wall_time_utc"]), VERDICTS.index(record["verdict"])
    check = _text(record.get("check"))
    row = (
        *(number, run.key, frame_id, ms, verdict, _number(record["score"])),
        _differing(_number(record["image_threshold"]), run.image_threshold),
        _differing(_number(record.get("pixel_threshold")), run.pixel_threshold),
        *(_text(record["cause"]), _text(record["error"]), _text(record["part_id"])),
        *(_text(record["name"]), len(rows), _number(max(lengths, default=None)), at),
        check,
        _trace(record),
    )
    batch.inspections.append(row)
    batch.defects += rows
    place = ms // HOUR_MS * HOUR_MS, check is not None
    batch.counts.setdefault(place, [0, 0, 0])[verdict] += 1
    batch.frame_id = frame_id


def _defect_row(defect: Mapping[str, Any], run: RunFacts, number: int) -> Row:
    unit, square = ("px", "px") if run.unit == "px" else ("mm", "mm2")
    track = (defect.get("web") or {}).get("track_id")
    return (
        number,
        int(defect["defect_id"]),
        str(defect["severity"]),
        _number(defect[f"length_{unit}"]),
        _number(defect[f"length_u_{unit}"]),
        _number(defect[f"width_{unit}"]),
        _number(defect[f"width_u_{unit}"]),
        _number(defect[f"area_{square}"]),
        _number(defect[f"area_u_{square}"]),
        _number(defect["peak_score"]),
        _text(track and str(track).removeprefix(f"{run.run_id}/{run.source}/")),
        _text(defect.get("kind")),
    )


def _part_row(record: Mapping[str, Any], at: int, run: RunFacts) -> Row:
    return (
        run.key,
        utc_ms(record["wall_time_utc"]),
        str(record["part_id"]),
        VERDICTS.index(record["verdict"]),
        _without_envelope(record),
        at,
        _text(record.get("check")),
        _trace(record),
    )


def _event_row(record: Mapping[str, Any], at: int, run: RunFacts) -> Row:
    frame_id = record["frame_id"]
    if isinstance(record.get("defect"), dict):
        short = {key: v for key, v in record["defect"].items() if key not in _OUTLINES}
        record = {**record, "defect": short}
    return (
        run.key,
        utc_ms(record["wall_time_utc"]),
        str(record["type"]),
        None if frame_id is None else int(frame_id),
        _without_envelope(record),
        at,
    )


def _without_envelope(record: Mapping[str, Any]) -> str:
    values = {key: value for key, value in record.items() if key not in _ENVELOPE}
    return json.dumps(values, separators=(",", ":"))


def _trace(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The trace fields, which the reader replaces by a row of `traces`; None if none is known."""
    values = tuple(_text(record.get(name)) or "" for name in TRACE_FIELDS)
    return values if any(values) else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _differing(value: Any, usual: Any) -> Any:
    """Null stands for the value of the run, so that most rows are short."""
    return None if value == usual else value
