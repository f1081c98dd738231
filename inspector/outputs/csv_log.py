"""The table of defects: one row per defect, mm and pixels in columns of their own."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import SinkError
from inspector.core.protocols import Picture
from inspector.core.types import Defect, Inspection, RunInfo
from inspector.outputs.files import LineFile

_FRAME: Final[dict[str, Callable[[Inspection], Any]]] = {
    "frame_id": lambda i: i.frame_id,
    "pts_s": lambda i: None if i.frame.pts_s is None else round(i.frame.pts_s, 6),
    "wall_time_utc": lambda i: i.frame.wall_time_utc,
    "source_id": lambda i: i.frame.source_id,
    "name": lambda i: i.frame.name,
    "verdict": lambda i: i.verdict.value,
    "score": lambda i: i.score,
    "image_threshold": lambda i: i.image_threshold,
}

_DEFECT: Final[dict[str, Callable[[Defect], Any]]] = {
    "defect_id": lambda d: d.defect_id,
    "severity": lambda d: d.severity.value,
    "size_source": lambda d: d.size_source,
    "size_note": lambda d: d.size_note,
    "truncated": lambda d: "true" if d.truncated else "false",
    "length_mm": lambda d: _rounded(d.length_mm),
    "length_u_mm": lambda d: _rounded(d.length_u_mm),
    "width_mm": lambda d: _rounded(d.width_mm),
    "width_u_mm": lambda d: _rounded(d.width_u_mm),
    "area_mm2": lambda d: _rounded(d.area_mm2),
    "area_u_mm2": lambda d: _rounded(d.area_u_mm2),
    "equivalent_diameter_mm": lambda d: _rounded(d.equivalent_diameter_mm),
    "centroid_x_mm": lambda d: _rounded(d.centroid_mm and d.centroid_mm[0]),
    "centroid_y_mm": lambda d: _rounded(d.centroid_mm and d.centroid_mm[1]),
    "orientation_deg": lambda d: _rounded(d.orientation_deg),
    "peak_score": lambda d: _rounded(d.peak_score),
    "mean_score": lambda d: _rounded(d.mean_score),
    "length_px": lambda d: _rounded(d.length_px),
    "width_px": lambda d: _rounded(d.width_px),
    "area_px": lambda d: _rounded(d.area_px),
    "centroid_x_px": lambda d: _rounded(d.centroid_px[0]),
    "centroid_y_px": lambda d: _rounded(d.centroid_px[1]),
    "box_x0_px": lambda d: _rounded(d.box_px[0]),
    "box_y0_px": lambda d: _rounded(d.box_px[1]),
    "box_x1_px": lambda d: _rounded(d.box_px[2]),
    "box_y1_px": lambda d: _rounded(d.box_px[3]),
    "map_length_mm": lambda d: _rounded(d.map_length_mm),
    "map_width_mm": lambda d: _rounded(d.map_width_mm),
    "map_area_mm2": lambda d: _rounded(d.map_area_mm2),
    "map_length_px": lambda d: _rounded(d.map_length_px),
    "map_width_px": lambda d: _rounded(d.map_width_px),
    "map_area_px": lambda d: _rounded(d.map_area_px),
}

HEADER: Final[tuple[str, ...]] = (*_FRAME, *_DEFECT)
"""The columns, in order; the same for every run, whatever the unit and the calibration. Empty
where there is no value: no calibration, a live source (pts_s), no picture's name."""


class CsvLogSink:
    """RFC 4180, UTF-8, one row per defect; frames without a defect give no row."""

    name = "csv_log"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: LineFile | None = None

    def open(self, run: RunInfo) -> None:
        self._file = LineFile(self._path)
        self._file.write_line(_row(HEADER))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if self._file is None:
            raise SinkError(f"{self._path} is written before it is open")
        if not inspection.defects:
            return
        frame = [get(inspection) for get in _FRAME.values()]
        for defect in inspection.defects:
            self._file.write_line(_row([*frame, *(get(defect) for get in _DEFECT.values())]))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _row(values: list[Any] | tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _rounded(value: float | None) -> float | None:
    """Six significant digits: far below any uncertainty, and no noise of the last bits."""
    return None if value is None else float(f"{value:.6g}")
