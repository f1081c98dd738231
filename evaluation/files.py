"""Results as files: metrics.json for programs, CSV for tables, each written whole or not at all."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.given import Provenance
from evaluation.results import FIGURES, FORMAT, ClassResult, DatasetResult, Figure, PictureResult
from inspector.core.errors import DataError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.core.tables import csv_row

METRICS: Final = "metrics.json"
TABLE: Final = "metrics.csv"
PICTURES: Final = "pictures.csv"

Row = dict[str, Any]


def write_class(folder: Path, result: ClassResult) -> None:
    """The class's metrics.json and pictures.csv. Raises SinkError."""
    rows = [_picture_row(one) for one in result.pictures]
    write_text(folder / PICTURES, _csv(rows))
    # Last, because it is what says that the class is done.
    write_json(folder / METRICS, dataclasses.asdict(result))


def write_dataset(folder: Path, result: DatasetResult) -> None:
    """metrics.csv, one row per class and their mean, and metrics.json, the same with intervals and
    reasons. Each class's own metrics.json lies in the folder of its name. Raises SinkError."""
    write_text(folder / TABLE, _csv([*map(_class_row, result.classes), _mean_row(result)]))
    write_json(folder / METRICS, summary(result))


def summary(result: DatasetResult) -> dict[str, Any]:
    """What metrics.json of a whole data set holds: format, means by figure, classes, failures."""
    return {
        "format": FORMAT,
        "means": [dataclasses.asdict(mean) for mean in result.means],
        "classes": [_shown(one) for one in result.classes],
        "failures": [dataclasses.asdict(one) for one in result.failures],
        "kept": list(result.kept),
    }


def _shown(result: ClassResult) -> dict[str, Any]:
    parts = {
        name: dataclasses.asdict(getattr(result, name))
        for name in ("engine", "data", "figures", "at_threshold", "latency")
    }
    return {"name": result.name, "made_utc": result.made_utc, "warnings": result.warnings} | parts


def read_class(path: Path) -> ClassResult:
    """A class's metrics.json. Raises DataError where it is not a whole one of this format."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as exc:
        raise DataError(f"result {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"result {path} is not JSON: {exc}") from exc
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise DataError(f"result {path} is not of format {FORMAT}")
    return build(ClassResult, raw, DataError, str(path))


def kept(path: Path, made_from: Provenance) -> ClassResult | None:
    """An earlier result of the same engine, pictures and settings; None where there is none."""
    if not os.path.isfile(path):
        return None
    try:
        found = read_class(path)
    except DataError:
        return None  # of another version, or damaged: it is made anew
    return found if found.made_from == made_from else None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all. Raises SinkError."""
    write_text(path, json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Whole or not at all. Raises SinkError."""
    # Halves of surrogate pairs, from names that are not UTF-8, become JSON's own escapes.
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _csv(rows: Sequence[Row]) -> str:
    """A column that a later row lacks is empty there."""
    header = list(rows[0]) if rows else []
    cells = [[row.get(column) for column in header] for row in rows]
    table: list[list[Any]] = [header, *cells]
    return "".join(map(csv_row, table)) if rows else ""


def _class_row(result: ClassResult) -> Row:
    data, at, latency = result.data, result.at_threshold, result.latency
    row: Row = {
        "class": result.name,
        "engine": result.engine.file,
        "method": result.engine.method,
        "good": data.good,
        "defective": data.defective,
        "masked": data.masked,
        "errors": data.errors,
    }
    for name in FIGURES:
        figure: Figure = getattr(result.figures, name)
        low, high = figure.interval or (None, None)
        row |= {name: figure.value, f"{name}_low": low, f"{name}_high": high}
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


def _mean_row(result: DatasetResult) -> Row:
    return {"class": "mean"} | {mean.name: mean.value for mean in result.means}


def _picture_row(picture: PictureResult) -> Row:
    return dataclasses.asdict(picture)
