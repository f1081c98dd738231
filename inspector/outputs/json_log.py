"""The full record: a header line, then one JSON object per inspection."""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.errors import SinkError
from inspector.core.protocols import Picture
from inspector.core.types import Defect, Inspection, RunInfo
from inspector.outputs.files import LineFile

FORMAT: Final = 1
_POLYGON_DECIMALS: Final = 2
_DIGITS: Final = 7


class JsonLogSink:
    """JSON lines, UTF-8; the keys are the field names of the core types, in the units of their
    names. A value that is not finite is a SinkError, never NaN in the file."""

    name = "json_log"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: LineFile | None = None

    def open(self, run: RunInfo) -> None:
        self._file = LineFile(self._path)
        self._line(header(run))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._line(record(inspection))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _line(self, values: dict[str, Any]) -> None:
        if self._file is None:
            raise SinkError(f"{self._path} is written before it is open")
        try:
            text = json.dumps(values, allow_nan=False, separators=(",", ":"), default=_plain)
        except (TypeError, ValueError) as exc:
            what = values.get("frame_id", "the header")
            raise SinkError(f"{self._path}: frame {what} cannot be written: {exc}") from exc
        self._file.write_line(text + "\n")


def header(run: RunInfo) -> dict[str, Any]:
    """The first line of the log."""
    values = {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
    values["source"] = dataclasses.asdict(run.source)
    return {"type": "header", "format": FORMAT, **values}


def record(inspection: Inspection) -> dict[str, Any]:
    """One inspection as plain values; polygons are rounded to 0.01 px."""
    frame = inspection.frame
    return {
        "type": "inspection",
        "frame_id": frame.frame_id,
        "source_id": frame.source_id,
        "name": frame.name,
        "pts_s": frame.pts_s,
        "wall_time_utc": frame.wall_time_utc,
        "captured_ns": frame.captured_ns,
        "verdict": inspection.verdict.value,
        "score": inspection.score,
        "image_threshold": inspection.image_threshold,
        "pixel_threshold": inspection.pixel_threshold,
        "error": inspection.error,
        "timings_ms": {name: round(ms, 3) for name, ms in inspection.timings_ms.items()},
        "defects": [_defect(defect) for defect in inspection.defects],
    }


def read_log(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the inspections of a log. A last line without its end, as a killed process
    leaves it, is dropped; anything else that is not a log raises ValueError with the line."""
    lines = path.read_bytes().split(b"\n")[:-1]
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as exc:
            raise ValueError(f"line {number} of {path} is not JSON: {exc}") from exc
    if not records or records[0].get("type") != "header":
        raise ValueError(f"{path} does not begin with a header line")
    if records[0].get("format") != FORMAT:
        raise ValueError(f"{path} has format {records[0].get('format')}; known: {FORMAT}")
    return records[0], records[1:]


def _defect(defect: Defect) -> dict[str, Any]:
    values = {f.name: _rounded(getattr(defect, f.name)) for f in dataclasses.fields(defect)}
    values["severity"] = defect.severity.value
    values["polygons"] = [
        np.round(polygon, _POLYGON_DECIMALS).tolist() for polygon in defect.polygons
    ]
    return values


def _rounded(value: Any) -> Any:
    """Floats to seven significant digits, within tuples too; anything else as it is."""
    if isinstance(value, tuple):
        return [_rounded(v) for v in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise TypeError(f"{type(value).__name__} has no JSON form")
