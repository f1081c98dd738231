"""Evaluates engines on the classes of a data set, one after the other; what is done stays done."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.evaluating import Progress, evaluate_class, silent
from evaluation.facts import made_from
from evaluation.files import METRICS, kept, write_class, write_dataset
from evaluation.given import Settings
from evaluation.results import ClassResult, DatasetResult, Failure
from inspector.core.errors import ConfigError, DataError, EngineError, ParityError, SpecError
from learning.datasets.types import ClassData


@dataclass(frozen=True, slots=True)
class Job:
    """One engine file for one class."""

    engine: Path
    data: ClassData


Told = Callable[[Job, ClassResult, bool], None]
"""Told each result as it is there, and whether it was kept from an earlier run."""


def jobs_for(engine: Path, classes: Sequence[ClassData]) -> tuple[Job, ...]:
    """An engine file goes with the only class, or the one of its own name; of a folder each class
    takes <class>.onnx. Raises ConfigError where an engine file fits no class."""
    if os.path.isdir(engine):
        return tuple(Job(engine / f"{one.name}.onnx", one) for one in classes)
    named = [one for one in classes if one.name == engine.stem]
    if len(classes) != 1 and len(named) != 1:
        raise ConfigError(
            f"{engine} is one engine, and the data hold {len(classes)} classes, none of its name "
            f"({', '.join(one.name for one in classes)}): choose one by --class, or give a folder "
            "of engines named <class>.onnx"
        )
    return (Job(engine, classes[0] if len(classes) == 1 else named[0]),)


def evaluate_dataset(
    jobs: Sequence[Job],
    out: Path,
    settings: Settings,
    *,
    progress: Progress = silent,
    told: Told = lambda job, result, was_kept: None,
) -> DatasetResult:
    """Writes out/<class>/metrics.json as each class is done, and out/metrics.json and .csv at the
    end. A class of the same engine, pictures and settings is kept from an earlier run. A class
    that cannot be evaluated is a Failure, and the others go on. Raises SinkError, and ParityError
    where no class could be evaluated and an engine does not reproduce its golden pictures."""
    results: list[ClassResult] = []
    failures: list[Failure] = []
    names_kept: list[str] = []
    broken: ParityError | None = None
    for job in jobs:
        place = out / job.data.name
        try:
            result, was_kept = _one(job, place, settings, progress)
        except (DataError, SpecError, EngineError, ParityError) as exc:
            failures.append(Failure(job.data.name, str(exc)))
            broken = exc if isinstance(exc, ParityError) else broken
            continue
        results.append(result)
        if was_kept:
            names_kept.append(result.name)
        told(job, result, was_kept)
    found = DatasetResult(tuple(results), tuple(failures), tuple(names_kept))
    write_dataset(out, found)
    if broken is not None and not results:
        raise broken
    return found


def check_out(out: Path, classes: Sequence[ClassData], inputs: Sequence[Path]) -> None:
    """Raises ConfigError where results would be written into a folder that is read."""
    written = [out, *(out / one.name for one in classes)]
    for given in inputs:
        if any(place.resolve().is_relative_to(given.resolve()) for place in written):
            raise ConfigError(f"--out {out} would write into {given}, which is read: name another")
    if os.path.exists(out) and not out.is_dir():
        raise ConfigError(f"--out {out} is a file")


def _one(job: Job, place: Path, settings: Settings, progress: Progress) -> tuple[ClassResult, bool]:
    if not os.path.isfile(job.engine):
        raise SpecError(f"engine file {job.engine} does not exist")
    earlier = kept(place / METRICS, made_from(job.engine, job.data, settings))
    if earlier is not None:
        facts = dataclasses.replace(earlier.engine, file=str(job.engine))
        return dataclasses.replace(earlier, engine=facts), True
    result = evaluate_class(job.engine, job.data, settings, progress=progress)
    write_class(place, result)
    return result, False
