"""Runs an acceptance test: good pictures, drawn defects, results."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines.opening import Engine
from engines.pictures import reading_for
from engines.spec_file import file_hash
from evaluation.acceptance.design import Sizes, choose_sizes
from evaluation.acceptance.held_out import GoodPicture, HeldOut, judge_good, known_pictures
from evaluation.acceptance.judging import EngineJudge
from evaluation.acceptance.record import trials_csv
from evaluation.acceptance.reliable_size import FEWEST
from evaluation.acceptance.results import (
    Acceptance,
    AcceptanceDesign,
    CalibrationRecord,
    EngineRecord,
    analyse_good,
    analyse_trials,
)
from evaluation.acceptance.trials import (
    Examples,
    TrialPictures,
    inspected_part,
    run_trials,
)
from evaluation.report.defect_tiles import draw_pair
from inspector.core.clock import utc_now
from inspector.core.errors import DataError
from inspector.core.reading import READING, Reading
from learning.datasets.pictures import list_pictures
from learning.normals import spread

MOST_PICTURES: Final = 61
"""Default number of pictures that defects are drawn on: two of 61 may be missed."""

CONTRAST: Final = 48.0
"""Default contrast of the defects, grey levels of 0 to 255."""

SIZED: Final = 8
"""Pictures that choose the default sizes."""

Progress = Callable[[str, int, int], None]
"""(step, how many more are done, of how many)"""


@dataclass(frozen=True, slots=True)
class AcceptanceOptions:
    """defects: kind -> sizes, None for the default sizes. calibration: file; None for px. pictures:
    how many pictures defects are drawn on, at most. program: name and version."""

    defects: dict[str, Sizes | None]
    program: str
    calibration: Path | None = None
    contrast: float = CONTRAST
    pictures: int = MOST_PICTURES
    seed: int = 0
    allow_aspect: bool = False
    reading: Reading = READING


@dataclass(frozen=True, slots=True)
class AcceptanceOutcome:
    """trials: content of trials.csv. examples: pictures for the page."""

    result: Acceptance
    trials: bytes
    examples: Examples


def run_acceptance(
    engine: Engine, path: Path, folder: Path, options: AcceptanceOptions, progress: Progress
) -> AcceptanceOutcome:
    """path: file of the engine. folder: held-out good pictures.

    Raises DataError if no picture is left or none passes, CalibrationError for a calibration that
    cannot be read, CalibrationSizeError if it is for other frames.
    """
    spec = engine.spec
    judge = EngineJudge(engine, allow_aspect=options.allow_aspect)
    reading = reading_for(spec, options.reading)
    calibration = None if options.calibration is None else load_calibration(options.calibration)
    known, warnings = known_pictures(path, spec)
    paths = list_pictures(folder)
    held_out = judge_good(
        paths,
        folder,
        judge,
        known,
        reading,
        progress=lambda: progress("good pictures", 1, len(paths)),
    )
    pictures = _choose_pictures(held_out, options.pictures, reading, folder)
    first = [pictures.read(index) for index in spread(len(pictures.paths), SIZED)]
    if calibration is not None:
        for picture in first:
            calibration.check(picture.shape[:2])
    inside = inspected_part(spec, first[0].shape[:2])
    sizes = choose_sizes(
        options.defects,
        [picture for picture in first if picture.shape == first[0].shape],
        inside,
        calibration,
    )
    examples = Examples(
        lambda good, drawn: draw_pair(good, drawn.simulated.pixels, drawn.simulated.mask)
    )
    total = len(pictures.paths) * sum(map(len, sizes.values()))
    trials = tuple(
        run_trials(
            pictures,
            sizes,
            judge,
            inside=lambda hw: inspected_part(spec, hw),
            calibration=calibration,
            contrast=options.contrast,
            seed=options.seed,
            examples=examples,
            progress=lambda count: progress("drawn defects", count, total),
        )
    )
    content = trials_csv(trials)
    result = Acceptance(
        program=options.program,
        made_utc=utc_now(),
        engine=_describe_engine(engine, path),
        folder=str(folder),
        data_sha256=_data_hash(held_out.pictures),
        calibration=_describe_calibration(options.calibration, calibration),
        design=AcceptanceDesign(
            "px" if calibration is None else "mm",
            options.contrast,
            options.seed,
            len(pictures.paths),
        ),
        good=analyse_good(held_out.pictures),
        kinds=analyse_trials(trials),
        pictures=held_out.pictures,
        left_out=held_out.left_out,
        warnings=(*warnings, *_warn(held_out, len(pictures.paths)), *judge.warnings),
        trials_sha256=hashlib.sha256(content).hexdigest(),
    )
    return AcceptanceOutcome(result, content, examples)


def _choose_pictures(held_out: HeldOut, most: int, reading: Reading, folder: Path) -> TrialPictures:
    """At most `most` of the pictures that PASS, evenly spread."""
    passed = held_out.passed
    if not passed:
        raise DataError(
            f"{folder}: the engine passes none of the {len(held_out.pictures)} good pictures, so "
            "no drawn defect would be the reason of a FAIL. Choose the thresholds again, or check "
            "that the pictures show the product of the engine"
        )
    chosen = [passed[index] for index in spread(len(passed), most)]
    return TrialPictures(
        tuple(held_out.pictures[index].name for index in chosen),
        tuple(held_out.paths[index] for index in chosen),
        reading,
    )


def _warn(held_out: HeldOut, used: int) -> list[str]:
    sentences = []
    if held_out.left_out:
        first = held_out.left_out[0]
        sentences.append(
            f"{len(held_out.left_out)} pictures were left out, first {first.name}: {first.reason}"
        )
    if used < FEWEST:
        sentences.append(
            f"defects could be drawn on {used} good pictures only; at least {FEWEST} are needed to "
            "show a probability of 90 % at 95 % confidence, even if every defect is found"
        )
    return sentences


def _data_hash(pictures: Sequence[GoodPicture]) -> str:
    return hashlib.sha256("".join(picture.sha256 for picture in pictures).encode()).hexdigest()


def _describe_engine(engine: Engine, path: Path) -> EngineRecord:
    spec = engine.spec
    return EngineRecord(
        file=str(path),
        name=spec.name,
        sha256=file_hash(path),
        graph_hash=spec.graph_hash,
        method=spec.method,
        image_threshold=spec.image_threshold,
        pixel_threshold=spec.pixel_threshold,
        threshold_rule="; ".join(spec.threshold_rule.sentences()),
        input_hw=spec.resize.input_hw,
        running_on=engine.running_on,
    )


def _describe_calibration(
    path: Path | None, calibration: Calibration | None
) -> CalibrationRecord | None:
    if path is None or calibration is None:
        return None
    return CalibrationRecord(str(path), calibration.sha256(), calibration.how)
