"""Writes inspections and defects as CSV or Parquet tables."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, SinkError
from inspector.core.tables import CsvOptions
from inspector.core.trace import TRACE_FIELDS
from inspector.outputs.files import LineFile, TableFile
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter
from inspector.store.history import InspectionRow, find_defects, find_hash, iterate_inspections

Row = dict[str, Any]

INSPECTIONS: Final = "inspections"
DEFECTS: Final = "defects"

INSPECTION_COLUMNS: Final = (
    *("run_id", "source", "frame_id", "wall_time_utc", "kind", "verdict", "score"),
    *("image_threshold", "pixel_threshold", "cause", "error", "part_id", *TRACE_FIELDS),
    *("recipe_id", "name"),
    *("defects", "worst_length", "size_unit", "feedback", "folder", "snapshot", "original"),
    "original_sha256",
)
DEFECT_COLUMNS: Final = (
    *("run_id", "source", "frame_id", "wall_time_utc", "defect_id", "severity"),
    *("length", "length_u", "width", "width_u", "area", "area_u", "size_unit", "peak_score"),
    *("track_id", "defect_kind"),
)
"""Sizes are in size_unit, areas in its square; *_u: standard uncertainty. wall_time_utc: ISO 8601
in UTC, in Parquet a time with a zone."""

_TYPES: Final = {
    **dict.fromkeys(("frame_id", "defects", "defect_id"), "BIGINT"),
    **dict.fromkeys(("score", "image_threshold", "pixel_threshold", "worst_length"), "DOUBLE"),
    **dict.fromkeys(("length", "length_u", "width", "width_u"), "DOUBLE"),
    **dict.fromkeys(("area", "area_u", "peak_score"), "DOUBLE"),
    "wall_time_utc": "TIMESTAMPTZ",
}
"""Column -> its type in Parquet, if it is not text."""

_TABLES: Final = {INSPECTIONS: INSPECTION_COLUMNS, DEFECTS: DEFECT_COLUMNS}


def write_csv(
    store: Store, filter: HistoryFilter, folder: Path, options: CsvOptions
) -> dict[str, int]:
    """Writes inspections.csv and defects.csv. Returns the number of rows of each table. Raises
    ConfigError for the filter and SinkError for the disk."""
    with contextlib.ExitStack() as stack:
        files = {}
        for name, columns in _TABLES.items():
            files[name] = TableFile(folder / f"{name}.csv", columns, options)
            stack.callback(files[name].close)
        return _write(store, filter, lambda name, row: files[name].write_row(row.values()))


def write_parquet(store: Store, filter: HistoryFilter, folder: Path) -> dict[str, int]:
    """Writes inspections.parquet and defects.parquet. Raises ConfigError, also if duckdb is
    missing, and SinkError for the disk."""
    try:
        import duckdb
    except ImportError as exc:
        raise ConfigError("Parquet needs duckdb: pip install '.[parquet]'") from exc
    with contextlib.ExitStack() as stack:
        files, paths = {}, {}
        for name in _TABLES:
            paths[name] = folder / f"{name}.jsonl.part"
            files[name] = LineFile(paths[name])
            stack.callback(paths[name].unlink)
            stack.callback(files[name].close)
        counts = _write(
            store, filter, lambda name, row: files[name].write_line(json.dumps(row) + "\n")
        )
        for name, columns in _TABLES.items():
            types = ", ".join(f"{column}: '{_TYPES.get(column, 'VARCHAR')}'" for column in columns)
            try:
                duckdb.sql(
                    f"COPY (SELECT * FROM read_json({_quote(paths[name])}, columns = {{{types}}}, "
                    "format = 'newline_delimited')) "
                    f"TO {_quote(folder / f'{name}.parquet')} (FORMAT parquet, COMPRESSION zstd)"
                )
            except duckdb.Error as exc:
                raise SinkError(f"{name}.parquet cannot be written: {exc}") from exc
    return counts


def _write(
    store: Store, filter: HistoryFilter, write: Callable[[str, Row], None]
) -> dict[str, int]:
    counts = dict.fromkeys(_TABLES, 0)
    for row in iterate_inspections(store, filter):
        write(INSPECTIONS, _inspection(store, row))
        counts[INSPECTIONS] += 1
        for defect in _defects(store, row):
            write(DEFECTS, defect)
            counts[DEFECTS] += 1
    return counts


def _inspection(store: Store, row: InspectionRow) -> Row:
    values: Row = {name: getattr(row, name, None) for name in INSPECTION_COLUMNS}
    for name in ("folder", "snapshot", "original"):
        values[name] = None if values[name] is None else str(values[name])
    if row.original is not None:
        values["original_sha256"] = find_hash(store, row, row.original)
    return values


def _defects(store: Store, row: InspectionRow) -> Iterator[Row]:
    frame = {name: getattr(row, name) for name in ("run_id", "source", "frame_id")}
    frame |= {"wall_time_utc": row.wall_time_utc, "size_unit": row.size_unit}
    for defect in find_defects(store, row.run_id, row.source, row.frame_id) if row.defects else ():
        values = frame | defect | {"defect_kind": defect["kind"]}
        yield {name: values[name] for name in DEFECT_COLUMNS}


def _quote(path: Path) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"
