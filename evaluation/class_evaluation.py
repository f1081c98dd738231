"""Evaluates one engine on the test pictures of one class."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from engines import parity
from engines.opening import Engine
from evaluation.class_counts import ClassCounts
from evaluation.class_metrics import ClassMetrics
from evaluation.inference import EngineRunner, open_engine_with
from evaluation.latency import summarize_pictures
from evaluation.provenance import (
    DataInfo,
    Settings,
    describe_engine,
    describe_rules,
    find_provenance,
)
from evaluation.results import ClassResult, PictureResult
from inspector.core.clock import utc_now
from inspector.core.errors import DataError, EngineError
from learning.datasets.kind_names import EXAMPLES
from learning.datasets.masks import MaskReader
from learning.datasets.types import TEST, ClassData, Sample

MAX_NAMES: Final = 5
"""Picture names in one warning."""

ClassProgress = Callable[[str, int, int], None]
"""Called with the name of the class, the number of pictures since the last call, and the total."""


def no_progress(name: str, done: int, total: int) -> None:
    """A ClassProgress that does nothing."""


def evaluate_class(
    engine_path: Path, data: ClassData, settings: Settings, *, progress: ClassProgress = no_progress
) -> ClassResult:
    """A picture that cannot be scored gets the verdict ERROR, and no metric counts it.

    Raises DataError if the class has no test pictures or none of them can be scored, SpecError or
    EngineError if the engine cannot be opened or fails, ParityError if it does not reproduce its
    golden pictures.
    """
    start = time.perf_counter()
    tests = _good_first(data)
    provenance = find_provenance(engine_path, data, settings)
    engine = open_engine_with(engine_path, settings)
    try:
        warnings = _check_engine(engine, engine_path, settings)
        masks = MaskReader(tests, settings.mask_values)
        runner = EngineRunner(engine, settings, masks)
        counts = _count_pictures(engine, runner, data.name, tests, settings, progress)
        metrics = ClassMetrics(counts)
        pictures = tuple(sorted(counts.pictures, key=lambda picture: picture.name))
        data_warnings = _data_warnings(data, counts)
        return ClassResult(
            name=data.name,
            made_utc=utc_now(),
            made_from=provenance,
            engine=describe_engine(engine_path, provenance.engine_sha256, engine.spec),
            data=_describe_data(data, pictures, data_warnings),
            rules=describe_rules(engine.spec, settings),
            conclusion=metrics.conclusion(),
            figures=metrics.figures,
            at_threshold=metrics.at_threshold(),
            test_selected=metrics.test_selected(),
            kinds=metrics.kinds(),
            sizes=metrics.sizes(),
            places=metrics.places(),
            curves=metrics.curves(),
            score_histogram=metrics.score_histogram(),
            pixel_histogram=metrics.pixel_histogram(),
            resampled=metrics.resampled(),
            latency=summarize_pictures(engine.running_on, settings.batch, pictures),
            pictures=pictures,
            warnings=(
                *(*warnings, *runner.warnings, *_unlike_warnings(runner)),
                *(*masks.notes, *data_warnings),
            ),
            seconds=time.perf_counter() - start,
        )
    finally:
        engine.close()


def use_all_as_tests(data: ClassData) -> ClassData:
    """Marks all pictures as test pictures if the layout has no folders for training and testing."""
    if data.has_splits:
        return data
    samples = tuple(dataclasses.replace(sample, split=TEST) for sample in data.samples)
    return dataclasses.replace(data, samples=samples)


def _good_first(data: ClassData) -> list[Sample]:
    """AUPIMO of a defective picture needs the maps of all good pictures, so they come first."""
    tests = data.tests()
    if not tests:
        message = f"class {data.name} has no test pictures"
        # The layouts report the same problem; it is not repeated.
        causes = [problem for problem in data.problems if problem != message]
        raise DataError(f"{message}: {causes[0]}" if causes else message)
    return sorted(tests, key=lambda sample: (sample.defective, sample.name))


def _check_engine(engine: Engine, path: Path, settings: Settings) -> list[str]:
    """Compares the engine with its golden pictures. Returns a warning if it has none."""
    max_batch = engine.spec.max_batch
    if max_batch is not None and settings.batch > max_batch:
        raise EngineError(
            f"engine {path} takes at most {max_batch} pictures per call, not {settings.batch}"
        )
    if parity.verify(engine, batch=settings.batch) is not None:
        return []
    warning = parity.explain_missing_golden(engine)
    return [] if warning is None else [warning]


def _count_pictures(
    engine: Engine,
    runner: EngineRunner,
    class_name: str,
    tests: Sequence[Sample],
    settings: Settings,
    progress: ClassProgress,
) -> ClassCounts:
    counts = ClassCounts(engine.spec, tests, settings)
    engine.warm_up()
    for picture in runner.run(tests):
        counts.add(picture)
        progress(class_name, 1, len(tests))
    if all(picture.error is not None for picture in counts.pictures):
        raise DataError(
            f"none of the {len(tests)} test pictures of class {class_name} can be scored; the "
            f"first error: {counts.pictures[0].error}"
        )
    return counts


def _describe_data(
    data: ClassData, pictures: Sequence[PictureResult], warnings: Sequence[str]
) -> DataInfo:
    """warnings: repeat some problems of the data and say what follows."""
    scored = [picture for picture in pictures if picture.error is None]
    first = data.tests()[0]
    return DataInfo(
        folder=str(first.path.parents[len(Path(first.name).parts) - 1]),
        layout=data.layout,
        good=sum(not picture.defective for picture in scored),
        defective=sum(picture.defective for picture in scored),
        masked=sum(p.defective and p.has_mask and p.note is None for p in scored),
        errors=len(pictures) - len(scored),
        regions=sum(picture.regions for picture in scored),
        vanished=sum(picture.vanished for picture in scored),
        outside=sum(picture.outside for picture in scored),
        problems=tuple(
            problem
            for problem in data.problems
            if not any(warning.startswith(problem) for warning in warnings)
        ),
    )


def _unlike_warnings(runner: EngineRunner) -> list[str]:
    if not runner.unlike:
        return []
    defective = sum(runner.unlike.values())
    names = list(runner.unlike)
    listed = ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
    return [
        f"a run gives ERROR for {len(names) - defective} good and {defective} defective pictures, "
        "because they are not like the good pictures of the engine; the rates here count them by "
        f"their scores: {listed}"
    ]


def _data_warnings(data: ClassData, counts: ClassCounts) -> list[str]:
    """Limits of the test data that the reader of the metrics must know."""
    scored = [picture for picture in counts.pictures if picture.error is None]
    defective = [picture for picture in scored if picture.defective]
    good = [picture for picture in scored if not picture.defective]
    uncounted = [picture for picture in defective if picture.note is not None]
    warnings = []
    for name, tests, measured in (
        ("defective", [s for s in data.tests() if s.defective], defective),
        ("good", [s for s in data.tests() if not s.defective], good),
    ):
        if tests and not measured:
            warnings.append(f"none of the {len(tests)} {name} test pictures has a score: see ERROR")
    if not data.defects():
        warnings.append(
            f"class {data.name} has no defective test pictures: only false alarms can be measured"
        )
    if len(data.defects()) == len(data.tests()):
        kinds = ", ".join(data.kinds())
        warnings.append(
            f"class {data.name} has no good test pictures: only misses can be measured. If one of "
            f"its folders ({kinds}) holds good pictures, name it {EXAMPLES}"
        )
    if counts.fitted:
        warnings.append(
            f"the engine was fitted on {len(counts.fitted)} of these test pictures, the first is "
            f"{counts.fitted[0]}: the metrics are better than on new pictures"
        )
    if counts.contradictions:
        first, equal = counts.contradictions[0]
        warnings.append(
            f"{len(counts.contradictions)} pictures are both among the good and the defective "
            f"ones, the first is {first}, which is equal to {equal}: correct the data set"
        )
    if counts.settings.mask_values == "any" and any(map(_has_jpeg_mask, data.defects())):
        warnings.append(
            "some masks are JPEG files: compression leaves values above 0 around the defects, "
            "which --mask-values auto and half ignore"
        )
    for note in sorted({picture.note for picture in uncounted if picture.note is not None}):
        names = [picture.name for picture in uncounted if picture.note == note]
        warnings.append(
            f"the pixel metrics do not count {len(names)} defective pictures with the note "
            f'"{note}": {_list_names(names)}'
        )
    return [*warnings, *_region_warnings(scored)]


def _region_warnings(scored: Sequence[PictureResult]) -> list[str]:
    """Names the pictures with regions that the pixel metrics cannot count."""
    warnings = []
    for count, problem in (
        ("vanished", "are too small for the resolution of the anomaly map"),
        ("outside", "lie completely outside the area that the engine inspects"),
    ):
        names = [picture.name for picture in scored if getattr(picture, count)]
        if names:
            total = sum(getattr(picture, count) for picture in scored)
            warnings.append(f"{total} defect regions {problem}: {_list_names(names)}")
    return warnings


def _list_names(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")


def _has_jpeg_mask(sample: Sample) -> bool:
    return any(mask.suffix.lower() in (".jpg", ".jpeg") for mask in sample.masks)
