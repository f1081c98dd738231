"""Fits one engine for each class of a data set; a second call skips the classes that are done."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loguru import logger

from engines.spec_file import file_hash
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import sole_writer
from inspector.core.lazy import load_entry
from inspector.core.reading import READING, Reading
from inspector.fleet.jobs import Hooks, Job, Outcome, Task
from inspector.fleet.options import LOOP, FleetOptions
from inspector.fleet.running import run_jobs
from learning.class_rows import ClassRow, read_rows, write_rows
from learning.datasets.fingerprint import pictures_hash
from learning.datasets.kind_names import explain_no_good
from learning.datasets.splits import Fractions, load_or_make
from learning.datasets.types import ClassData
from learning.distinct import keep_distinct
from learning.job import EngineResult, Progress
from learning.normals import SPARE, Normals, Size, from_pictures
from learning.thresholds.folds import Scheme

RECORD: Final = "fit.json"
"""File beside the engines. It says what each engine was made from, so that none is made twice."""

MAX_PROBLEMS: Final = 5
"""Problems of a class that are printed."""

FITTING: Final = "fitting"
"""The step that counts finished classes, if several are fitted at the same time."""


def no_progress(step: str, done: int, total: int) -> None:
    """A Progress that does nothing."""


@dataclass(frozen=True, slots=True)
class FitFunction:
    """How a class is fitted. name: "module:name" of a function, called as function(values, data,
    path). It writes the engine and returns its EngineResult. values: picklable."""

    name: str
    values: Any


@dataclass(frozen=True, slots=True)
class ClassJob:
    """One class to fit. path: of the engine. request: see ClassRow."""

    data: ClassData
    path: Path
    request: str


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
    fit_class: FitFunction,
    *,
    overwrite: bool = False,
    fleet: FleetOptions = LOOP,
    progress: Progress = no_progress,
) -> list[ClassRow]:
    """Writes the engines OUT/<class>.onnx. The engine of a class is kept if it was made from the
    same options and pictures. A class that cannot be fitted gets a row with the error, and the
    others are fitted.

    overwrite: replace engines that something else changed or made. Raises ConfigError for such
    engines otherwise, and if another run writes to OUT. fleet: where the classes are fitted; the
    engines are the same everywhere, apart from times. progress: counts finished classes, if several
    are fitted at the same time.
    """
    with sole_writer(out):
        known, requests, done = _find_done(data, out, options, overwrite)
        jobs = [
            Job(item.name, ClassJob(item, out / f"{item.name}.onnx", requests[item.name]))
            for item in data
            if item.name not in done
        ]

        def begin(job: Job) -> None:
            known[job.key] = ClassRow(job.key, requests[job.key])
            write_rows(out / RECORD, list(known.values()))

        def finish(outcome: Outcome) -> None:
            if not fleet.is_loop:
                progress(FITTING, 1, len(jobs))
            if outcome.error is not None:
                logger.error("class {}: {}", outcome.key, outcome.error)
                return
            known[outcome.key] = outcome.value
            write_rows(out / RECORD, list(known.values()))

        if not fleet.is_loop:
            progress(FITTING, 0, len(jobs))
        task = Task(f"{__name__}:fit_job", fit_class)
        outcomes = run_jobs(task, jobs, fleet, Hooks(begin, finish))
        made = {outcome.key: _row(outcome) for outcome in outcomes}
    return [done[item.name] if item.name in done else made[item.name] for item in data]


def _find_done(
    data: tuple[ClassData, ...], out: Path, options: Mapping[str, Any], overwrite: bool
) -> tuple[dict[str, ClassRow], dict[str, str], dict[str, ClassRow]]:
    """The rows of earlier calls, the requests of the classes, and the rows of the classes that are
    done."""
    known = {row.name: row for row in read_rows(out / RECORD)}
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
    for name in done:
        logger.info("class {}: kept, made from the same options and pictures", name)
    return known, requests, done


def _row(outcome: Outcome) -> ClassRow:
    if outcome.error is None:
        row: ClassRow = outcome.value
        return row
    return ClassRow(outcome.key, error=str(outcome.error), exit_code=outcome.error.exit_code)


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


def fit_job(fit_class: FitFunction, job: ClassJob) -> ClassRow:
    """Fits a class. Raises the errors of the function."""
    started = time.monotonic()
    result: EngineResult = load_entry(fit_class.name)(fit_class.values, job.data, job.path)
    trained = result.spec.trained_on
    return ClassRow(
        name=job.data.name,
        request=job.request,
        engine_sha256=file_hash(job.path),
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
