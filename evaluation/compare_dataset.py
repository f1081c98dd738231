"""Compares engines on the classes of a data set, taking over what was evaluated before."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.compare import ClassComparison, Comparison, Entrant, compare_class
from evaluation.dataset import Job, evaluate_dataset, jobs_for
from evaluation.evaluating import Progress, silent
from evaluation.files import write_json
from evaluation.given import Settings
from evaluation.results import ClassResult, Failure
from inspector.core.errors import ConfigError, DataError, EngineError, SpecError
from learning.datasets.types import ClassData

COMPARISON: Final = "compare.json"


def labels_of(engines: Sequence[Path]) -> tuple[str, ...]:
    """File names without their end; with the folder's name before them where two are alike. Raises
    ConfigError for fewer than two engines and for one that is named twice."""
    if len(engines) < 2:
        raise ConfigError("comparing needs at least two engines")
    twice = [path for path, n in Counter(path.resolve() for path in engines).items() if n > 1]
    if twice:
        raise ConfigError(f"engine {twice[0]} is named twice")
    for parts in range(1, 5):
        labels = ["-".join(path.resolve().with_suffix("").parts[-parts:]) for path in engines]
        if len(set(labels)) == len(labels):
            return tuple(labels)
    raise ConfigError(f"engines of one name in folders of one name: {engines[0]}, ...; rename one")


def compare_dataset(
    engines: Sequence[Path],
    classes: Sequence[ClassData],
    out: Path,
    settings: Settings,
    *,
    progress: Progress = silent,
) -> Comparison:
    """Evaluates each engine into out/<label>, keeping what has not changed, and writes
    out/compare.json. A class that an engine cannot judge is a Failure, and the others go on."""
    labels = labels_of(engines)
    jobs = {label: jobs_for(path, classes) for label, path in zip(labels, engines, strict=True)}
    results: dict[tuple[str, str], ClassResult] = {}
    reasons: dict[str, str] = {}
    for label, own in jobs.items():
        found = evaluate_dataset(own, out / label, settings, progress=_labelled(progress, label))
        results |= {(label, one.name): one for one in found.classes}
        for failure in found.failures:
            reasons.setdefault(failure.name, f"{label}: {failure.reason}")
    compared: list[ClassComparison] = []
    for data in classes:
        by_label = {label: job for label, own in jobs.items() for job in own if job.data == data}
        if data.name in reasons or len(by_label) < len(labels):
            reasons.setdefault(data.name, "not every engine is for this class")
            continue
        try:
            compared.append(_compared(by_label, results))
        except (DataError, SpecError, EngineError) as exc:
            reasons[data.name] = str(exc)
    failures = tuple(Failure(name, reason) for name, reason in reasons.items())
    comparison = Comparison(tuple(compared), failures)
    write_json(out / COMPARISON, plain(comparison))
    return comparison


def plain(comparison: Comparison) -> dict[str, Any]:
    """What compare.json holds: all but the curves and pictures, which each engine's own files
    have."""
    classes = [
        dataclasses.asdict(dataclasses.replace(one, entrants=()))
        | {"entrants": [_entrant(entrant) for entrant in one.entrants]}
        for one in comparison.classes
    ]
    failures = [dataclasses.asdict(one) for one in comparison.failures]
    return {"format": 1, "classes": classes, "failures": failures}


def _labelled(progress: Progress, label: str) -> Progress:
    def tell(name: str, done: int, total: int) -> None:
        progress(f"{label} {name}", done, total)

    return tell


def _compared(jobs: dict[str, Job], results: dict[tuple[str, str], ClassResult]) -> ClassComparison:
    data = next(iter(jobs.values())).data
    own = [results[label, data.name] for label in jobs]
    return compare_class(list(jobs), own, [job.engine for job in jobs.values()], data)


def _entrant(one: Entrant) -> dict[str, Any]:
    parts = ("engine", "data", "figures", "at_threshold")
    return {
        "label": one.label,
        **{name: dataclasses.asdict(getattr(one.result, name)) for name in parts},
        "latency": dataclasses.asdict(one.latency),
        "times_first": one.times_first,
    }
