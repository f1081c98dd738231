"""Writes and reads evaluation results: metrics.json for programs, CSV files for tables.

Each file is replaced as a whole: a stop never leaves half a file.
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.provenance import Provenance
from evaluation.results import FORMAT, METRIC_NAMES, ClassResult, DatasetResult, MetricValue
from inspector.core.errors import DataError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.core.tables import csv_row

METRICS: Final = "metrics.json"
TABLE: Final = "metrics.csv"
PICTURES: Final = "pictures.csv"

TableRow = dict[str, Any]


def write_class(folder: Path, result: ClassResult) -> None:
    """Writes pictures.csv and metrics.json of a class. Raises SinkError."""
    rows = [dataclasses.asdict(picture) for picture in result.pictures]
    write_text(folder / PICTURES, _csv(rows))
    # metrics.json marks the class as finished, so it is written last.
    write_json(folder / METRICS, dataclasses.asdict(result))


def write_dataset(folder: Path, result: DatasetResult) -> None:
    """Writes metrics.csv (one row per class, and the mean) and metrics.json (also intervals and
    reasons). Raises SinkError."""
    write_text(folder / TABLE, _csv([*map(_class_row, result.classes), _mean_row(result)]))
    write_json(folder / METRICS, summarize_dataset(result))


def summarize_dataset(result: DatasetResult) -> dict[str, Any]:
    """The content of the metrics.json of a whole data set."""
    return {
        "format": FORMAT,
        "means": [dataclasses.asdict(mean) for mean in result.means],
        "classes": [_summarize_class(class_result) for class_result in result.classes],
        "failures": [dataclasses.asdict(failure) for failure in result.failures],
        "kept": list(result.reused),
    }


def read_class(path: Path) -> ClassResult:
    """Reads the metrics.json of a class. Raises DataError if it is damaged or of another format."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as exc:
        raise DataError(f"result {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"result {path} is not JSON: {exc}") from exc
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise DataError(f"result {path} does not have format {FORMAT}")
    return build(ClassResult, raw, DataError, str(path))


def find_reusable(path: Path, provenance: Provenance) -> ClassResult | None:
    """The earlier result in this file, if engine, pictures and settings are the same; else None."""
    if not os.path.isfile(path):
        return None
    try:
        earlier = read_class(path)
    except DataError:
        return None  # damaged, or of another format: the class is evaluated again
    return earlier if earlier.made_from == provenance else None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Raises SinkError."""
    write_text(path, json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Raises SinkError."""
    # File names that are not UTF-8 hold surrogates; they are written as JSON escapes.
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _summarize_class(result: ClassResult) -> dict[str, Any]:
    parts = {
        name: dataclasses.asdict(getattr(result, name))
        for name in ("engine", "data", "conclusion", "figures", "at_threshold", "latency")
    }
    return {"name": result.name, "made_utc": result.made_utc, "warnings": result.warnings} | parts


def _csv(rows: Sequence[TableRow]) -> str:
    """A column that a later row lacks is empty there."""
    header = list(rows[0]) if rows else []
    cells = [[row.get(column) for column in header] for row in rows]
    table: list[list[Any]] = [header, *cells]
    return "".join(map(csv_row, table)) if rows else ""


def _class_row(result: ClassResult) -> TableRow:
    data, at, latency = result.data, result.at_threshold, result.latency
    row: TableRow = {
        "class": result.name,
        "engine": result.engine.file,
        "method": result.engine.method,
        "good": data.good,
        "defective": data.defective,
        "masked": data.masked,
        "errors": data.errors,
    }
    for name in METRIC_NAMES:
        metric: MetricValue = getattr(result.figures, name)
        low, high = metric.interval or (None, None)
        row |= {name: metric.value, f"{name}_low": low, f"{name}_high": high}
    return row | {
        "image_threshold": result.engine.image_threshold,
        "false_alarms": at.false_alarms,
        "misses": at.misses,
        "false_alarm_rate": at.false_alarm_rate.share,
        "miss_rate": at.miss_rate.share,
        "engine_mb": result.engine.megabytes,
        "latency_p50_ms": latency.total_p50_ms,
        "latency_p99_ms": latency.total_p99_ms,
    }


def _mean_row(result: DatasetResult) -> TableRow:
    return {"class": "mean"} | {mean.name: mean.value for mean in result.means}
