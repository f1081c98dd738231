"""Writes tables of defects: one row per defect and frame, with sizes in mm and px."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import SinkError
from inspector.core.explanation import Explanation
from inspector.core.file_hash import FileHash, FileState
from inspector.core.protocols import Picture
from inspector.core.records import COVERAGE_FACTOR, event_id
from inspector.core.size_text import describe_limits
from inspector.core.tables import DEFAULT, CsvOptions
from inspector.core.trace import TRACE_FIELDS
from inspector.core.types import Defect, Inspection, RunInfo, Verdict
from inspector.core.web_place import WebPlace
from inspector.measure.shape_figures import SHAPE_FIGURES
from inspector.outputs.files import TableFile

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
    "length_mm": lambda d: _round(d.length_mm),
    "length_u_mm": lambda d: _round(d.length_u_mm),
    "length_expanded_u_mm": lambda d: _round(d.length_expanded_u_mm),
    "width_mm": lambda d: _round(d.width_mm),
    "width_u_mm": lambda d: _round(d.width_u_mm),
    "width_expanded_u_mm": lambda d: _round(d.width_expanded_u_mm),
    "area_mm2": lambda d: _round(d.area_mm2),
    "area_u_mm2": lambda d: _round(d.area_u_mm2),
    "area_expanded_u_mm2": lambda d: _round(d.area_expanded_u_mm2),
    "coverage_factor": lambda d: COVERAGE_FACTOR,
    "equivalent_diameter_mm": lambda d: _round(d.equivalent_diameter_mm),
    "centroid_x_mm": lambda d: _round(d.centroid_mm and d.centroid_mm[0]),
    "centroid_y_mm": lambda d: _round(d.centroid_mm and d.centroid_mm[1]),
    "orientation_deg": lambda d: float(f"{d.orientation_deg:.6g}") % 180.0,
    "peak_score": lambda d: _round(d.peak_score),
    "mean_score": lambda d: _round(d.mean_score),
    "length_px": lambda d: _round(d.length_px),
    "width_px": lambda d: _round(d.width_px),
    "area_px": lambda d: _round(d.area_px),
    "centroid_x_px": lambda d: _round(d.centroid_px[0]),
    "centroid_y_px": lambda d: _round(d.centroid_px[1]),
    "box_x0_px": lambda d: _round(d.box_px[0]),
    "box_y0_px": lambda d: _round(d.box_px[1]),
    "box_x1_px": lambda d: _round(d.box_px[2]),
    "box_y1_px": lambda d: _round(d.box_px[3]),
    "map_length_mm": lambda d: _round(d.map_length_mm),
    "map_width_mm": lambda d: _round(d.map_width_mm),
    "map_area_mm2": lambda d: _round(d.map_area_mm2),
    "map_length_px": lambda d: _round(d.map_length_px),
    "map_width_px": lambda d: _round(d.map_width_px),
    "map_area_px": lambda d: _round(d.map_area_px),
}

_RECORD: Final = (
    *("run_id", "source", "seq", "event_id"),
    *("captured_ns", "part_id", "recipe_id", "cause"),
)
"""Columns from the `measured` record of the same frame in the log."""

_WEB: Final[dict[str, Callable[[WebPlace], Any]]] = {
    "track_id": lambda w: w.track_id,
    "web_x_mm": lambda w: _round(w.x_mm),
    "web_y_m": lambda w: None if w.y_m is None else round(w.y_m, 6),
    "web_x_px": lambda w: _round(w.x_px),
    "web_y_px": lambda w: None if w.y_px is None else round(w.y_px, 2),
}
"""Columns of a run with tracking; empty without it."""

_DECISION: Final[dict[str, Callable[[Defect], Any]]] = {
    "length_u_px": lambda d: _round(d.length_u_px),
    "length_expanded_u_px": lambda d: _round(d.length_expanded_u_px),
    "width_u_px": lambda d: _round(d.width_u_px),
    "width_expanded_u_px": lambda d: _round(d.width_expanded_u_px),
    "area_u_px": lambda d: _round(d.area_u_px),
    "area_expanded_u_px": lambda d: _round(d.area_expanded_u_px),
    "severity_by": lambda d: d.severity_by,
    "decision": lambda d: d.decision,
    "decision_note": lambda d: describe_limits(d.limits, d.size_source),
}

_REASON: Final = "reason"
_CHECK: Final = "check"

HEADER: Final[tuple[str, ...]] = (
    *(*_FRAME, *_DEFECT, *SHAPE_FIGURES, *_RECORD),
    *(*_DECISION, _REASON, *_WEB, _CHECK, *TRACE_FIELDS),
)
"""The columns in order, the same for every run. A cell is empty if there is no value: mm without a
calibration, pts_s of a live source, name without a picture file."""


PICTURE: Final = "picture"
"""Column of the table of defects: path of the picture, relative to the folder of the run."""

EXPLANATION: Final[dict[str, Callable[[Explanation], Any]]] = {
    "kind": lambda e: e.kind,
    "kind_confidence": lambda e: e.confidence,
    "place": lambda e: e.place,
    "explanation": lambda e: e.sentence,
}
"""Last columns of the table of defects; empty unless defects are explained."""


class CsvLogSink:
    """Writes RFC 4180 CSV in UTF-8, one row per defect and frame. No defect, no row: only a frame
    that fails without a defect has a row, with the reason and without the cells of a defect.

    defects: the table of defects of a run without tracking. It gets the same rows and the columns
    PICTURE and EXPLANATION.
    """

    name = "csv_log"

    def __init__(
        self, path: Path, options: CsvOptions = DEFAULT, *, defects: Path | None = None
    ) -> None:
        self._path, self._defects, self._options = path, defects, options
        self._files: list[TableFile] = []
        self._hashes: dict[Path, FileHash] = {}
        self._run: RunInfo | None = None

    def open(self, run: RunInfo) -> None:
        self._run = run
        self._add_file(self._path, HEADER)
        if self._defects is not None:
            self._add_file(self._defects, (*HEADER, PICTURE, *EXPLANATION))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if self._run is None or not self._files:
            raise SinkError(f"{self._path} cannot be written before it is open")
        for defect in inspection.defects:
            picture_path = inspection.pictures.get(defect.defect_id)
            more = (picture_path, *explanation_cells(defect))
            self._write(defect_cells(self._run, inspection, defect), more)
        if inspection.verdict is Verdict.FAIL and not inspection.defects:
            more = (None, *explanation_cells(None))
            self._write(defect_cells(self._run, inspection, None), more)

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {path: file_hash.state() for path, file_hash in self._hashes.items()}

    def close(self) -> None:
        files, self._files = self._files, []
        with contextlib.ExitStack() as stack:
            for file in files:
                stack.callback(file.close)

    def _add_file(self, path: Path, columns: Sequence[str]) -> None:
        self._files.append(TableFile(path, columns, self._options))
        self._hashes[path] = self._files[-1].hash

    def _write(self, cells: list[Any], more: Sequence[Any]) -> None:
        """more: the cells that only the table of defects has."""
        sightings, *defects = self._files
        sightings.write_row(cells)
        for file in defects:
            file.write_row([*cells, *more])


def defect_cells(run: RunInfo, inspection: Inspection, defect: Defect | None) -> list[Any]:
    """The cells of HEADER for one defect of a frame, or for a frame without a defect."""
    figures = {} if defect is None else defect.shape_figures
    web = None if defect is None else defect.web
    return [
        *(get(inspection) for get in _FRAME.values()),
        *(None if defect is None else get(defect) for get in _DEFECT.values()),
        *(_round(figures.get(name)) for name in SHAPE_FIGURES),
        *_record_cells(run, inspection),
        *(None if defect is None else get(defect) for get in _DECISION.values()),
        inspection.reason,
        *(None if web is None else get(web) for get in _WEB.values()),
        run.check_of(inspection.part_id),
        *run.trace_of(inspection.trace).values(),
    ]


def explanation_cells(defect: Defect | None) -> list[Any]:
    explanation = None if defect is None else defect.explanation
    return [None if explanation is None else get(explanation) for get in EXPLANATION.values()]


def _record_cells(run: RunInfo, inspection: Inspection) -> list[Any]:
    """The cells of _RECORD."""
    seq = inspection.seq + 1
    return [
        *(run.run_id, run.source_name, seq, event_id(run.run_id, run.source_name, seq)),
        *(inspection.frame.captured_ns, inspection.part_id, run.recipe_id, inspection.cause),
    ]


def _round(value: float | None) -> float | None:
    """Rounds to six significant digits, which is far below any uncertainty."""
    return None if value is None else float(f"{value:.6g}")
