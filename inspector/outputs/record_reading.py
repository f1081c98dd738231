"""Turns records of a log back into the objects from which they were written."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.decisions import Decision, LimitDecision
from inspector.core.explanation import Explanation, Reason
from inspector.core.trace import read_trace
from inspector.core.types import (
    BadFrame,
    Cause,
    Defect,
    Frame,
    Inspection,
    RunInfo,
    Severity,
    SourceInfo,
    Verdict,
)
from inspector.core.web_place import FrameOnWeb, WebPlace
from inspector.outputs.records import Record

_WITHOUT_PICTURE: Final = (Cause.DECODE, Cause.STALE, Cause.SIZE)
"""Causes of ERROR frames whose picture is damaged, old, or of another size."""


def read_lines(path: Path, start: int = 0) -> Iterator[bytes]:
    """The complete lines of a file from a byte on. The end of a killed run may be incomplete."""
    with path.open("rb") as file:
        file.seek(start)
        yield from (line for line in file if line.endswith(b"\n"))


def read_run(header: Record) -> RunInfo:
    """The run of a header record of format 2."""
    names = {field.name for field in dataclasses.fields(RunInfo)} - {"source", "source_name"}
    source = dict(header["source_info"])
    source["frame_hw"] = source["frame_hw"] and tuple(source["frame_hw"])
    source["time_base"] = source["time_base"] and Fraction(source["time_base"])
    source["path"] = source["path"] and Path(source["path"])
    values = {name: header[name] for name in names & header.keys()}
    values["output_dir"] = Path(header["output_dir"])
    return RunInfo(source=SourceInfo(**source), source_name=header["source"], **values)


def read_inspection(record: Record, source_id: str, frame_hw: tuple[int, int]) -> Inspection:
    """The inspection of a `measured` record, with an empty picture of the size frame_hw if the
    frame had a picture of the product."""
    cause = None if record["cause"] is None else Cause(record["cause"])
    facts = {key: record[key] for key in ("frame_id", "captured_ns", "pts_s", "wall_time_utc")}
    facts |= {"source_id": source_id, "name": record["name"]}
    image = np.broadcast_to(np.uint8(0), (*frame_hw, 3))
    frame: Frame | BadFrame = Frame(image=image, **facts)
    if cause in _WITHOUT_PICTURE:
        frame = BadFrame(error=record["error"], cause=cause, **facts)
    web = record.get("web")
    refined = record["refined_regions"]
    return Inspection(
        frame=frame,
        verdict=Verdict(record["verdict"]),
        image_threshold=record["image_threshold"],
        pixel_threshold=record["pixel_threshold"],
        score=record["score"],
        error=record["error"],
        defects=tuple(map(read_defect, record["defects"])),
        timings_ms=record["timings_ms"],
        cause=cause,
        judged_ns=record["judged_ns"],
        seq=record["seq"] - 1,
        part_id=record.get("part_id"),
        reason=record["reason"],
        refined_regions=None if refined is None else tuple(refined),
        web=None if web is None else FrameOnWeb(**web),
        summary=record.get("summary"),
        trace=read_trace(record),
    )


def read_defect(record: Record) -> Defect:
    """One entry of `defects`. Polygons have 0.01 px, other values seven digits."""
    names = {field.name for field in dataclasses.fields(Defect)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record.items()
        if name in names
    }
    values["polygons"] = tuple(np.array(p, np.float64) for p in record["polygons"])
    values["severity"] = Severity(record["severity"])
    values["decision"] = record["decision"] and Decision(record["decision"])
    values["limits"] = tuple(map(_read_limit, record["limits"]))
    values["web"] = record.get("web") and WebPlace(**record["web"])
    values["explanation"] = _read_explanation(record.get("explanation"))
    return Defect(**values)


def _read_explanation(record: Record | None) -> Explanation | None:
    if record is None:
        return None
    return Explanation(**(record | {"reasons": tuple(Reason(**r) for r in record["reasons"])}))


def _read_limit(record: Record) -> LimitDecision:
    return LimitDecision(**(record | {"decision": Decision(record["decision"])}))
