"""Evaluates one engine on one class."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engines import parity
from engines.opening import Engine, open_engine
from evaluation import facts
from evaluation.figures import Findings, findings
from evaluation.gathering import Gathering
from evaluation.given import Provenance, Settings
from evaluation.judging import Judging
from evaluation.latency import of_pictures
from evaluation.results import ClassResult
from inspector.core.clock import utc_now
from inspector.core.errors import DataError, EngineError
from learning.datasets.types import TEST, ClassData, Sample

Progress = Callable[[str, int, int], None]
"""Told a class's name, how many of its pictures were done since the last time, and its total."""


def silent(name: str, done: int, total: int) -> None:
    """Tells nobody."""


def evaluate_class(
    engine_path: Path, data: ClassData, settings: Settings, *, progress: Progress = silent
) -> ClassResult:
    """Judges the test pictures and says how well. A picture that cannot be judged is an ERROR by
    name and in no figure.

    Raises DataError for a class without test pictures and for one of which none can be judged,
    SpecError and EngineError where the engine cannot be used or fails, ParityError where it does
    not reproduce its golden pictures.
    """
    start = time.perf_counter()
    tests = _good_first(data)
    made_from = facts.made_from(engine_path, data, settings)
    engine = open_engine(
        engine_path,
        backend=settings.backend,
        device=settings.device,
        threads=settings.threads,
    )
    try:
        most = engine.spec.max_batch
        if most is not None and settings.batch > most:
            raise EngineError(
                f"the engine {engine_path} takes at most {most} pictures per call, not "
                f"{settings.batch}"
            )
        found = parity.verify(engine, batch=settings.batch)
        doubt = parity.doubt(engine) if found is None else None
        gathered, warnings = _judged(engine, data, tests, settings, progress)
        if doubt is not None:
            warnings = (doubt, *warnings)
        return _result(engine, engine_path, data, made_from, gathered, warnings, start)
    finally:
        engine.close()


def as_tests(data: ClassData) -> ClassData:
    """Where the layout has no parts for training and testing, all of its pictures are for
    testing."""
    if data.has_splits:
        return data
    samples = tuple(dataclasses.replace(sample, split=TEST) for sample in data.samples)
    return dataclasses.replace(data, samples=samples)


def _good_first(data: ClassData) -> list[Sample]:
    """Figures over the false-positive rate of good pictures must know these first."""
    tests = data.tests()
    if not tests:
        reason = data.problems[0] if data.problems else "it is empty"
        raise DataError(f"class {data.name} has no test pictures: {reason}")
    return sorted(tests, key=lambda sample: (sample.defective, sample.name))


def _judged(
    engine: Engine,
    data: ClassData,
    tests: Sequence[Sample],
    settings: Settings,
    progress: Progress,
) -> tuple[Gathering, tuple[str, ...]]:
    judging = Judging(
        engine,
        batch=settings.batch,
        mask_rule=settings.mask_rule,
        mask_values=settings.mask_values,
    )
    gathered = Gathering(engine.spec, tests, settings)
    engine.warm_up()
    for one in judging.run(tests):
        gathered.add(one)
        progress(data.name, 1, len(tests))
    if all(one.error is not None for one in gathered.pictures):
        raise DataError(
            f"none of the {len(tests)} test pictures of class {data.name} can be judged; first: "
            f"{gathered.pictures[0].error}"
        )
    return gathered, judging.warnings


def _result(
    engine: Engine,
    path: Path,
    data: ClassData,
    made_from: Provenance,
    gathered: Gathering,
    warnings: tuple[str, ...],
    start: float,
) -> ClassResult:
    settings = made_from.settings
    pictures = tuple(sorted(gathered.pictures, key=lambda one: one.name))
    found: Findings = findings(gathered)
    return ClassResult(
        name=data.name,
        made_utc=utc_now(),
        made_from=made_from,
        engine=facts.engine_facts(path, made_from.engine_sha256, engine.spec),
        data=facts.data_facts(data, pictures),
        rules=facts.rules(engine.spec, settings),
        figures=found.figures,
        at_threshold=found.at_threshold,
        test_selected=found.test_selected,
        kinds=found.kinds,
        sizes=found.sizes,
        places=found.places,
        curves=found.curves,
        score_histogram=found.score_histogram,
        pixel_histogram=found.pixel_histogram,
        resampled=found.resampled,
        latency=of_pictures(engine.running_on, settings.batch, pictures),
        pictures=pictures,
        warnings=(*warnings, *_warnings(data, gathered)),
        seconds=time.perf_counter() - start,
    )


def _warnings(data: ClassData, gathered: Gathering) -> list[str]:
    """What a reader of the figures must know."""
    judged = [one for one in gathered.pictures if one.error is None]
    defective = [one for one in judged if one.defective]
    found = []
    if not defective:
        found.append(
            f"class {data.name} has no defective test pictures: only false alarms can be told"
        )
    if len(defective) == len(judged):
        found.append(f"class {data.name} has no good test pictures: only misses can be told")
    if gathered.fitted:
        found.append(
            f"the engine was fitted on {len(gathered.fitted)} of these test pictures, first "
            f"{gathered.fitted[0]}: figures on pictures that it knows are too good"
        )
    if gathered.settings.mask_values == "any" and any(map(_is_jpeg, data.defects())):
        found.append(
            "there are masks in JPEG, around whose defects compression leaves values above 0: "
            "--mask-values half counts those out"
        )
    unused = [one for one in defective if one.note is not None]
    if unused:
        found.append(
            f"{len(unused)} defective pictures are in no pixel figure, first {unused[0].name}: "
            f"{unused[0].note}"
        )
    for count, what in (
        ("vanished", "are too small for the grid of the anomaly map"),
        ("outside", "lie wholly outside what the engine inspects"),
    ):
        named = [one for one in judged if getattr(one, count)]
        if named:
            total = sum(getattr(one, count) for one in named)
            names = ", ".join(one.name for one in named[:5]) + (", ..." if len(named) > 5 else "")
            found.append(f"{total} defect regions {what}: {names}")
    return found


def _is_jpeg(sample: Sample) -> bool:
    return any(mask.suffix.lower() in (".jpg", ".jpeg") for mask in sample.masks)
