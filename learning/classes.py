"""One engine for each class of a data set, going on where an earlier call was stopped."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loguru import logger

from engines.spec_file import file_hash
from inspector.core.errors import DataError, InspectorError
from inspector.core.files import sole_writer, write_whole
from inspector.core.schema import build
from learning.datasets.fingerprint import pictures_hash
from learning.datasets.types import ClassData
from learning.finishing import Fitted

RECORD: Final = "fit.json"
"""Beside the engines: what each was made from, so that it is not made twice."""

FitOne = Callable[[ClassData, Path], Fitted]


@dataclass(frozen=True, slots=True)
class Row:
    """One class. request: sha256 of options and pictures. engine_sha256: of the file that came of
    them. error: why there is none, then the figures are 0."""

    name: str
    request: str = ""
    engine_sha256: str = ""
    pictures: int = 0
    suspects: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    image_threshold: float = 0.0
    error: str = ""


def fit_classes(
    data: tuple[ClassData, ...], out: Path, options: Mapping[str, Any], fit_one: FitOne
) -> list[Row]:
    """Engines OUT/<class>.onnx. A class whose engine was made from the same options and pictures
    is kept; one that cannot be fitted is named and the others go on. Raises ConfigError where
    another run writes to OUT."""
    with sole_writer(out):
        return _each(data, out, options, fit_one)


def _each(
    data: tuple[ClassData, ...], out: Path, options: Mapping[str, Any], fit_one: FitOne
) -> list[Row]:
    known = {row.name: row for row in _read(out / RECORD)}
    rows = []
    for one in data:
        request = _request(one, options)
        path = out / f"{one.name}.onnx"
        before = known.get(one.name)
        if before is not None and before.request == request and _is(path, before.engine_sha256):
            logger.info("class {}: kept, made from the same options and pictures", one.name)
            rows.append(before)
            continue
        row = _fitted(one, path, request, fit_one)
        rows.append(row)
        if not row.error:
            known[one.name] = row
            _write(out / RECORD, list(known.values()))
    return rows


def _fitted(one: ClassData, path: Path, request: str, fit_one: FitOne) -> Row:
    started = time.monotonic()
    try:
        fitted = fit_one(one, path)
    except InspectorError as exc:
        logger.error("class {}: {}", one.name, exc)
        return Row(one.name, error=str(exc))
    trained = fitted.spec.trained_on
    return Row(
        name=one.name,
        request=request,
        engine_sha256=file_hash(path),
        pictures=trained["count"],
        suspects=len(trained["suspects"]),
        seconds=round(time.monotonic() - started, 3),
        megabytes=round(fitted.file_bytes / 1e6, 3),
        image_threshold=fitted.spec.image_threshold,
    )


def _request(one: ClassData, options: Mapping[str, Any]) -> str:
    held = [sample for sample in one.validation() if not sample.defective]
    pictures = [pictures_hash(samples) for samples in (one.normals(), held)]
    text = json.dumps([dict(options), pictures], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and file_hash(path) == sha256


def _read(path: Path) -> list[Row]:
    """Rows of an earlier call; none where there was no call."""
    if not path.exists():
        return []
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} cannot be read: {exc}; delete it to fit all classes anew") from exc
    if not isinstance(raw, list):
        raise DataError(f"{path} is no list of classes; delete it to fit all classes anew")
    return [build(Row, row, DataError, f"{path}[{index}]") for index, row in enumerate(raw)]


def _write(path: Path, rows: list[Row]) -> None:
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
    write_whole(path, text.encode())


def table(rows: list[Row]) -> str:
    """For people: a line for each class, errors below."""
    width = max(len("class"), *(len(row.name) for row in rows))
    head = f"{'class':{width}}{'pictures':>10}{'stand out':>11}{'threshold':>11}{'MB':>8}{'s':>8}"
    lines = [head]
    for row in rows:
        if row.error:
            lines.append(f"{row.name:{width}}  not fitted: {row.error}")
            continue
        lines.append(
            f"{row.name:{width}}{row.pictures:10}{row.suspects:11}{row.image_threshold:11.4f}"
            f"{row.megabytes:8.1f}{row.seconds:8.1f}"
        )
    return "\n".join(lines)


def refuse_failed(rows: list[Row]) -> None:
    """Raises DataError naming the classes that could not be fitted."""
    failed = [row.name for row in rows if row.error]
    if failed:
        raise DataError(
            f"{len(failed)} of {len(rows)} classes could not be fitted: {', '.join(failed)}"
        )
