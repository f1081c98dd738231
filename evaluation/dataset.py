"""Evaluates or compares engines on the classes of a data set, and reuses earlier results."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.class_evaluation import ClassProgress, evaluate_class, no_progress
from evaluation.comparison import ClassComparison, ComparedEngine, Comparison, compare_class
from evaluation.provenance import Settings, find_provenance
from evaluation.result_files import METRICS, find_reusable, write_class, write_dataset, write_json
from evaluation.results import ClassResult, DatasetResult, Failure
from inspector.core.errors import ConfigError, DataError, EngineError, ParityError, SpecError
from inspector.fleet.jobs import Hooks, Outcome, Task, WorkerError
from inspector.fleet.jobs import Job as FleetJob
from inspector.fleet.options import LOOP, FleetOptions
from inspector.fleet.running import run_jobs
from learning.datasets.types import ClassData

OF_ONE_CLASS: Final = (DataError, SpecError, EngineError, ParityError, WorkerError)
"""Errors after which the other classes are evaluated."""

COMPARISON: Final = "compare.json"
COMPARISON_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One engine file and the class that it is evaluated on."""

    engine: Path
    data: ClassData


ResultHandler = Callable[[Job, ClassResult, bool], None]
"""Called after each class with its result, and whether an earlier result was reused."""

WriteReport = Callable[[Job, ClassResult], None]

EVALUATING: Final = "evaluating"
"""The step that counts finished classes, if several are evaluated at the same time."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What all classes have in common; arguments of evaluate_dataset."""

    out: Path
    settings: Settings
    progress: ClassProgress
    write_report: WriteReport


def write_no_report(job: Job, result: ClassResult) -> None:
    """A WriteReport that does nothing."""


def plan_jobs(engine: Path, classes: Sequence[ClassData]) -> tuple[Job, ...]:
    """Assigns engine files to classes.

    engine: an engine file, for the only class or the class of the same name; or a folder with one
    <class>.onnx per class. Raises ConfigError if an engine file fits no class.
    """
    if os.path.isdir(engine):
        return tuple(Job(engine / f"{data.name}.onnx", data) for data in classes)
    if len(classes) == 1:
        return (Job(engine, classes[0]),)
    same_name = [data for data in classes if data.name == engine.stem]
    if len(same_name) != 1:
        raise ConfigError(
            f"engine {engine} has the name of none of the {len(classes)} classes "
            f"({', '.join(data.name for data in classes)}): choose one by --class, or give a "
            "folder of engines <class>.onnx"
        )
    return (Job(engine, same_name[0]),)


def label_engines(engines: Sequence[Path]) -> tuple[str, ...]:
    """File names without suffix; preceded by the folder name if two are equal. Raises ConfigError
    for fewer than two engines and for an engine that is named twice."""
    if len(engines) < 2:
        raise ConfigError("a comparison needs at least two engines")
    counts = Counter(path.resolve() for path in engines)
    repeated = [path for path, count in counts.items() if count > 1]
    if repeated:
        raise ConfigError(f"engine {repeated[0]} is named twice")
    for parts in range(1, 5):
        labels = ["-".join(path.resolve().with_suffix("").parts[-parts:]) for path in engines]
        if len(set(labels)) == len(labels):
            return tuple(labels)
    raise ConfigError(f"engines and their folders have the same names: rename {engines[0]}")


def check_out(out: Path, classes: Sequence[ClassData], inputs: Sequence[Path]) -> None:
    """Raises ConfigError if results would be written into an input folder."""
    for folder in inputs:
        for place in (out, *(out / data.name for data in classes)):
            if place.resolve().is_relative_to(folder.resolve()):
                raise ConfigError(
                    f"--out {out} would write into the input folder {folder}: choose another"
                )
    if os.path.exists(out) and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: choose a folder")


def evaluate_dataset(
    jobs: Sequence[Job],
    out: Path,
    settings: Settings,
    *,
    progress: ClassProgress = no_progress,
    on_result: ResultHandler = lambda job, result, reused: None,
    write_report: WriteReport = write_no_report,
    fleet: FleetOptions = LOOP,
) -> DatasetResult:
    """Writes out/<class>/metrics.json after each class, and out/metrics.json and out/metrics.csv at
    the end.

    fleet: where the classes are evaluated. The results are the same everywhere, apart from times.
    In a loop, progress counts pictures; otherwise it counts finished classes. write_report: called
    in the process that evaluated the class, so other processes must be able to import it.

    The result of an earlier run is reused if engine, pictures and settings are the same. A class
    that cannot be evaluated becomes a Failure, and the next class follows. Raises SinkError, and
    ParityError if no class could be evaluated and an engine does not reproduce its golden pictures.
    """
    by_name = {job.data.name: job for job in jobs}

    def see(outcome: Outcome) -> None:
        if not fleet.is_loop:
            progress(EVALUATING, 1, len(jobs))
        if outcome.error is None:
            on_result(by_name[outcome.key], *outcome.value)
        elif not isinstance(outcome.error, OF_ONE_CLASS):
            raise outcome.error

    if not fleet.is_loop:
        progress(EVALUATING, 0, len(jobs))
    shown = progress if fleet.is_loop else no_progress
    task = Task(f"{__name__}:evaluate_job", Evaluation(out, settings, shown, write_report))
    planned = [FleetJob(name, job) for name, job in by_name.items()]
    outcomes = run_jobs(task, planned, fleet, Hooks(on_outcome=see))
    done = [outcome.value for outcome in outcomes if outcome.error is None]
    results = [result for result, _ in done]
    reused_names = [result.name for result, reused in done if reused]
    failures = [Failure(each.key, str(each.error)) for each in outcomes if each.error is not None]
    errors = (each.error for each in outcomes)
    parity_error = next((error for error in errors if isinstance(error, ParityError)), None)
    dataset_result = DatasetResult(tuple(results), tuple(failures), tuple(reused_names))
    write_dataset(out, dataset_result)
    if parity_error is not None and not results:
        raise parity_error
    return dataset_result


def compare_dataset(
    engines: Sequence[Path],
    classes: Sequence[ClassData],
    out: Path,
    settings: Settings,
    *,
    progress: ClassProgress = no_progress,
) -> Comparison:
    """Evaluates each engine into out/<label>, compares their results, writes out/compare.json.

    A class that an engine cannot evaluate becomes a Failure, and the next class follows. Raises
    SinkError.
    """
    jobs: dict[str, dict[str, Job]] = {}
    results: dict[str, dict[str, ClassResult]] = {}
    reasons: dict[str, str] = {}
    for label, engine in zip(label_engines(engines), engines, strict=True):
        jobs[label] = {job.data.name: job for job in plan_jobs(engine, classes)}
        evaluated = evaluate_dataset(
            list(jobs[label].values()),
            out / label,
            settings,
            progress=_add_label(progress, label),
        )
        results[label] = {result.name: result for result in evaluated.classes}
        for failure in evaluated.failures:
            reasons.setdefault(failure.name, f"{label}: {failure.reason}")
    compared: list[ClassComparison] = []
    for data in classes:
        if data.name not in reasons and not all(data.name in planned for planned in jobs.values()):
            reasons[data.name] = "not every engine is for this class"
        if data.name in reasons:
            continue
        paths = [planned[data.name].engine for planned in jobs.values()]
        class_results = [by_class[data.name] for by_class in results.values()]
        try:
            compared.append(compare_class(list(jobs), class_results, paths, data))
        except (DataError, SpecError, EngineError, ParityError) as exc:
            reasons[data.name] = str(exc)
    failures = tuple(Failure(name, reason) for name, reason in reasons.items())
    comparison = Comparison(tuple(compared), failures)
    write_json(out / COMPARISON, summarize_comparison(comparison))
    return comparison


def summarize_comparison(comparison: Comparison) -> dict[str, Any]:
    """The content of compare.json. Curves and pictures are left out, because the files of each
    engine have them."""
    return {
        "format": COMPARISON_FORMAT,
        "classes": [_summarize_class(class_comparison) for class_comparison in comparison.classes],
        "failures": [dataclasses.asdict(failure) for failure in comparison.failures],
    }


def evaluate_job(evaluation: Evaluation, job: Job) -> tuple[ClassResult, bool]:
    """Evaluates a class. Returns the result, and whether an earlier result was reused."""
    folder = evaluation.out / job.data.name
    result, reused = _evaluate_or_reuse(job, folder, evaluation.settings, evaluation.progress)
    evaluation.write_report(job, result)
    return result, reused


def _evaluate_or_reuse(
    job: Job, folder: Path, settings: Settings, progress: ClassProgress
) -> tuple[ClassResult, bool]:
    """The result, and whether it was reused."""
    if not os.path.isfile(job.engine):
        raise SpecError(f"engine file {job.engine} does not exist")
    provenance = find_provenance(job.engine, job.data, settings)
    earlier = find_reusable(folder / METRICS, provenance)
    if earlier is not None:
        engine = dataclasses.replace(earlier.engine, file=str(job.engine))
        return dataclasses.replace(earlier, engine=engine), True
    result = evaluate_class(job.engine, job.data, settings, progress=progress)
    write_class(folder, result)
    return result, False


def _add_label(progress: ClassProgress, label: str) -> ClassProgress:
    return lambda name, done, total: progress(f"{label} {name}", done, total)


def _summarize_class(comparison: ClassComparison) -> dict[str, Any]:
    return {
        "name": comparison.name,
        "entrants": [_summarize_engine(engine) for engine in comparison.engines],
        "differences": [dataclasses.asdict(difference) for difference in comparison.differences],
        "disagreements": [dataclasses.asdict(item) for item in comparison.disagreements],
        "notes": list(comparison.notes),
    }


def _summarize_engine(engine: ComparedEngine) -> dict[str, Any]:
    parts = {
        name: dataclasses.asdict(getattr(engine.result, name))
        for name in ("engine", "data", "figures", "at_threshold")
    }
    latency = dataclasses.asdict(engine.latency)
    return {"label": engine.label} | parts | {"latency": latency, "times_first": engine.time_ratio}
