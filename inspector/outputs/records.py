"""Turns a run, its inspections and its events into records: plain values for JSON."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.decisions import LimitDecision, VerdictState
from inspector.core.events import Event
from inspector.core.explanation import Explanation
from inspector.core.file_hash import FileState
from inspector.core.records import COVERAGE_FACTOR, FORMAT, event_id
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import Defect, Inspection, RunInfo

Record = dict[str, Any]
"""Keys and units of docs/records.md."""

_POLYGON_DECIMALS: Final = 2
_DIGITS: Final = 7
_IN_ENVELOPE: Final = frozenset(field.name for field in dataclasses.fields(Event))
_EXPANDED: Final = (
    *("length_expanded_u_mm", "width_expanded_u_mm", "area_expanded_u_mm2"),
    *("length_expanded_u_px", "width_expanded_u_px", "area_expanded_u_px"),
)
_RENAMED: Final = frozenset(("source", "source_name", "run_id", "recipe_id", "check"))


def header_record(run: RunInfo) -> Record:
    """The first record of a log: engine, configuration and source of the run."""
    values = {
        field.name: getattr(run, field.name)
        for field in dataclasses.fields(run)
        if field.name not in _RENAMED
    }
    return {
        **_envelope("header", run, 0, wall_time_utc=run.started_utc),
        "format": FORMAT,
        "source_info": dataclasses.asdict(run.source),
        **values,
    }


def inspection_records(run: RunInfo, inspection: Inspection) -> tuple[Record, Record]:
    """The `verdict` and the `measured` record of one frame. Polygons are rounded to 0.01 px."""
    frame = inspection.frame
    shared: dict[str, Any] = {
        "frame_id": frame.frame_id,
        "captured_ns": frame.captured_ns,
        "wall_time_utc": frame.wall_time_utc,
        "part_id": inspection.part_id,
        "trace": inspection.trace,
    }
    judgement = {
        "name": frame.name,
        "pts_s": frame.pts_s,
        "verdict": inspection.verdict.value,
        "score": inspection.score,
        "image_threshold": inspection.image_threshold,
        "error": inspection.error,
        "cause": inspection.cause,
        "judged_ns": inspection.judged_ns,
        "state": VerdictState.FINAL.value,
        "reason": inspection.reason,
    }
    verdict = _envelope("verdict", run, inspection.seq, **shared) | judgement
    measured = _envelope("measured", run, inspection.seq + 1, **shared) | judgement
    measured["pixel_threshold"] = inspection.pixel_threshold
    measured["timings_ms"] = {name: round(ms, 3) for name, ms in inspection.timings_ms.items()}
    refined = inspection.refined_regions
    measured["refined_regions"] = None if refined is None else list(refined)
    measured["defects"] = [_defect(defect) for defect in inspection.defects]
    web = inspection.web
    measured["web"] = None if web is None else dataclasses.asdict(web)
    measured["summary"] = inspection.summary
    return verdict, measured


def event_record(run: RunInfo, event: Event) -> Record:
    """The record of an event, with the fields of its class."""
    fields = [f for f in dataclasses.fields(event) if f.metadata.get("in_record", True)]
    values = {f.name: getattr(event, f.name) for f in fields}
    envelope = _envelope(
        event.type,
        run,
        event.seq,
        frame_id=event.frame_id,
        captured_ns=event.captured_ns,
        wall_time_utc=event.wall_time_utc,
        part_id=event.part_id,
        trace=event.trace,
    )
    fields_of_class = {
        name: _defect(value) if isinstance(value, Defect) else value
        for name, value in values.items()
        if name not in _IN_ENVELOPE
    }
    return envelope | fields_of_class


def json_value(value: Any) -> Any:
    """Converts NumPy scalars, paths, fractions and states of files for json.dumps. Raises TypeError
    for others."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, FileState):
        return value.plain()
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")


def _envelope(
    record_type: str,
    run: RunInfo,
    seq: int,
    *,
    wall_time_utc: str,
    frame_id: int | None = None,
    captured_ns: int | None = None,
    part_id: str | None = None,
    trace: TraceFields = UNTRACED,
) -> Record:
    return {
        "type": record_type,
        "run_id": run.run_id,
        "source": run.source_name,
        "seq": seq,
        "event_id": event_id(run.run_id, run.source_name, seq),
        "chain": None,
        "frame_id": frame_id,
        "captured_ns": captured_ns,
        "wall_time_utc": wall_time_utc,
        "part_id": part_id,
        "recipe_id": run.recipe_id,
        "check": run.check_of(part_id),
        **run.trace_of(trace),
    }


def _defect(defect: Defect) -> Record:
    values = {f.name: _round_floats(getattr(defect, f.name)) for f in dataclasses.fields(defect)}
    values["orientation_deg"] %= 180.0  # rounding may give 180
    values["severity"] = defect.severity.value
    values["decision"] = None if defect.decision is None else defect.decision.value
    values["limits"] = [_limit(limit) for limit in defect.limits]
    values["web"] = None if defect.web is None else dataclasses.asdict(defect.web)
    explanation = defect.explanation
    values["kind"] = None if explanation is None else explanation.kind
    values["explanation"] = None if explanation is None else _explanation(explanation)
    values["shape_figures"] = {
        name: _round_floats(value) for name, value in defect.shape_figures.items()
    }
    values["polygons"] = [
        np.round(polygon, _POLYGON_DECIMALS).tolist() for polygon in defect.polygons
    ]
    for name in _EXPANDED:
        values[name] = _round_floats(getattr(defect, name))
    values["coverage_factor"] = COVERAGE_FACTOR
    return values


def _explanation(explanation: Explanation) -> Record:
    values = {f.name: getattr(explanation, f.name) for f in dataclasses.fields(explanation)}
    figures = {name: _round_floats(value) for name, value in explanation.figures.items()}
    reasons = [
        {f.name: _round_floats(getattr(reason, f.name)) for f in dataclasses.fields(reason)}
        for reason in explanation.reasons
    ]
    return values | {"figures": figures, "reasons": reasons}


def _limit(limit: LimitDecision) -> Record:
    values = {f.name: _round_floats(getattr(limit, f.name)) for f in dataclasses.fields(limit)}
    return values | {"decision": limit.decision.value}


def _round_floats(value: Any) -> Any:
    """Rounds floats, also in tuples, to seven significant digits. Other values do not change."""
    if isinstance(value, tuple):
        return [_round_floats(v) for v in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
