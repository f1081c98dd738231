"""Fits one engine for each class of a data set; a second call skips the classes that are done."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loguru import logger

from engines.spec_file import file_hash
from inspector.core.errors import ConfigError, DataError, InspectorError
from inspector.core.files import sole_writer, write_whole
from inspector.core.reading import READING, Reading
from inspector.core.schema import build
from learning.datasets.fingerprint import pictures_hash
from learning.datasets.kind_names import explain_no_good
from learning.datasets.splits import Fractions, load_or_make
from learning.datasets.types import ClassData
from learning.distinct import keep_distinct
from learning.job import EngineResult
from learning.normals import SPARE, Normals, Size, from_pictures
from learning.thresholds.folds import Scheme

RECORD: Final = "fit.json"
"""File beside the engines. It says what each engine was made from, so that none is made twice."""

MAX_PROBLEMS: Final = 5
"""Problems of a class that are printed."""

FitClass = Callable[[ClassData, Path], EngineResult]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Result for one class. request: sha256 of options and pictures. engine_sha256: of the engine
    file, empty while it is made. error: why there is no engine; the figures are 0 then."""

    name: str
    request: str = ""
    engine_sha256: str = ""
    pictures: int = 0
    suspects: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    image_threshold: float = 0.0
    error: str = ""


def divide_classes(data: tuple[ClassData, ...], place: Path, seed: int) -> tuple[ClassData, ...]:
    """The classes, with their pictures divided into fitting, thresholds and testing.

    place: JSON file of the division, or the folder of one file per class; it is drawn with the seed
    if it does not exist. Raises ConfigError for a file and several classes.
    """
    if len(data) > 1 and place.suffix:
        raise ConfigError(f"--split {place} must be a folder: there are {len(data)} classes")
    return tuple(_divide(item, place, seed) if item.samples else item for item in data)


def read_class(
    data: ClassData,
    scheme: Scheme,
    *,
    size: Size | None,
    max_pictures: int,
    reading: Reading = READING,
    keep_similar: bool = False,
) -> tuple[Normals, Scheme]:
    """The good pictures of a class. Good validation pictures, if there are any, are held out to
    choose the thresholds. Raises ConfigError if the scheme asks for another way, and DataError for
    a class without good pictures. keep_similar: see learning.fit."""
    validation = tuple(sample for sample in data.validation() if not sample.defective)
    named = [(sample.name, sample.path) for sample in (*data.normals(), *validation)]
    if not named:
        raise DataError(explain_no_good(data))
    # Fitting needs no test pictures.
    problems = [text for text in data.problems if not text.startswith(f"class {data.name} has no")]
    for problem in problems[:MAX_PROBLEMS]:
        logger.warning("{}", problem)
    most = max_pictures + (SPARE if scheme == Scheme() and not validation else 0)
    normals = keep_distinct(
        from_pictures(data.name, named, input_hw=size, max_pictures=most, reading=reading),
        keep_similar=keep_similar,
    )
    names = set(normals.names)
    held_out = tuple(sample.name for sample in validation if sample.name in names)
    if held_out and scheme != Scheme():
        raise ConfigError(
            f"class {data.name} has {len(held_out)} good validation pictures that choose its "
            "thresholds: leave out --folds and --hold-out"
        )
    return normals, Scheme(held_out=held_out) if held_out else scheme


def _divide(data: ClassData, place: Path, seed: int) -> ClassData:
    path = place if place.suffix else place / f"{data.name}.json"
    return load_or_make(path, data, seed=seed, fractions=Fractions()).apply(data)


def fit_classes(
    data: tuple[ClassData, ...],
    out: Path,
    options: Mapping[str, Any],
    fit_class: FitClass,
    *,
    overwrite: bool = False,
) -> list[ClassRow]:
    """Writes the engines OUT/<class>.onnx. The engine of a class is kept if it was made from the
    same options and pictures. A class that cannot be fitted gets a row with the error, and the
    others are fitted.

    overwrite: replace engines that something else changed or made. Raises ConfigError for such
    engines otherwise, and if another run writes to OUT.
    """
    with sole_writer(out):
        return _fit_all(data, out, options, fit_class, overwrite)


def _fit_all(
    data: tuple[ClassData, ...],
    out: Path,
    options: Mapping[str, Any],
    fit_class: FitClass,
    overwrite: bool,
) -> list[ClassRow]:
    known = {row.name: row for row in _read(out / RECORD)}
    requests = {item.name: _request(item, options) for item in data}
    done = {
        name: known[name]
        for name, request in requests.items()
        if name in known
        and known[name].request == request
        and _has_hash(out / f"{name}.onnx", known[name].engine_sha256)
    }
    if not overwrite:
        _refuse_changed(out, [item.name for item in data], known)
    rows = []
    for item in data:
        if item.name in done:
            logger.info("class {}: kept, made from the same options and pictures", item.name)
            rows.append(done[item.name])
            continue
        known[item.name] = ClassRow(item.name, requests[item.name])
        _write(out / RECORD, list(known.values()))
        row = _fit(item, out / f"{item.name}.onnx", requests[item.name], fit_class)
        rows.append(row)
        if not row.error:
            known[item.name] = row
            _write(out / RECORD, list(known.values()))
    return rows


def _refuse_changed(out: Path, names: Sequence[str], known: Mapping[str, ClassRow]) -> None:
    """Refuses engines that this command did not write, such as one with thresholds set by hand."""
    for name in names:
        path, row = out / f"{name}.onnx", known.get(name)
        # A row without a hash was written before fitting, by a run that was stopped then.
        unfinished = row is not None and not row.engine_sha256
        if (
            path.exists()
            and not unfinished
            and (row is None or file_hash(path) != row.engine_sha256)
        ):
            raise ConfigError(
                f"{path} exists already and was changed after it was fitted, or was made by "
                "another command; give --overwrite or another --out"
            )


def _fit(data: ClassData, path: Path, request: str, fit_class: FitClass) -> ClassRow:
    started = time.monotonic()
    try:
        result = fit_class(data, path)
    except InspectorError as exc:
        logger.error("class {}: {}", data.name, exc)
        return ClassRow(data.name, error=str(exc))
    trained = result.spec.trained_on
    return ClassRow(
        name=data.name,
        request=request,
        engine_sha256=file_hash(path),
        pictures=trained["count"],
        suspects=len(trained["suspects"]),
        seconds=round(time.monotonic() - started, 3),
        megabytes=round(result.file_bytes / 1e6, 3),
        image_threshold=result.spec.image_threshold,
    )


def _request(data: ClassData, options: Mapping[str, Any]) -> str:
    validation = [sample for sample in data.validation() if not sample.defective]
    pictures = [pictures_hash(samples) for samples in (data.normals(), validation)]
    text = json.dumps([dict(options), pictures], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and file_hash(path) == sha256


def _read(path: Path) -> list[ClassRow]:
    """Rows of an earlier call; none if there was no call."""
    if not path.exists():
        return []
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(
            f"{path} cannot be read: {exc}; delete it to fit all classes again"
        ) from exc
    if not isinstance(raw, list):
        raise DataError(f"{path} is no list of classes; delete it to fit all classes again")
    return [build(ClassRow, row, DataError, f"{path}[{index}]") for index, row in enumerate(raw)]


def _write(path: Path, rows: list[ClassRow]) -> None:
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
    write_whole(path, text.encode())


def format_table(rows: list[ClassRow]) -> str:
    """A line for each class, with its figures or its error."""
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


def refuse_failed(rows: list[ClassRow]) -> None:
    """Raises DataError, with the names, if a class could not be fitted."""
    failed = [row.name for row in rows if row.error]
    if failed:
        raise DataError(
            f"{len(failed)} of {len(rows)} classes could not be fitted: {', '.join(failed)}"
        )
