"""Finds the shift that breaks an engine first: each shift is made stronger until the engine gives
too many false alarms or misses."""

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines import parity
from engines.spec_file import file_hash
from evaluation.inference import open_engine_with
from evaluation.provenance import Settings
from evaluation.results import Rate
from learning.datasets.types import ClassData
from learning.job import Progress
from studies.shift.shifted_pictures import Level, RobustnessOptions, ShiftedPictures
from studies.shift.shifts import CLEAN, SHIFTS

STRENGTHS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""1 is mild, 2 moderate and 3 severe."""

FALSE_ALARMS, MISSES = "false alarms", "misses"
NOTICED: Final = 0.5
"""Share of the pictures that a run must refuse, so that the operator sees the shift. It must refuse
fewer without a shift."""


@dataclass(frozen=True, slots=True)
class ShiftResult:
    """breaks_at: the first strength with more pictures than allowed; None if there is none up to
    the strongest. cause: FALSE_ALARMS or MISSES. certain: the whole exact interval of the rate
    lies above the limit. noticed_at: the first tested strength at which a run refuses at least
    NOTICED of the pictures; None if it never does, 0 if it does without a shift. Levels end where
    the shift breaks the engine."""

    name: str
    unit: str
    meaning: str
    levels: tuple[Level, ...]
    breaks_at: float | None
    cause: str | None
    certain: bool
    noticed_at: float | None

    def level(self, strength: float) -> Level:
        return next(each for each in self.levels if each.strength == strength)


@dataclass(frozen=True, slots=True)
class Robustness:
    """clean: without a shift. allowed_alarms, allowed_misses: pictures. If the clean pictures have
    more than the limits allow, this many more are allowed. fitted: pictures that the engine was
    fitted on. first: name of the shift that breaks the engine first."""

    engine: str
    engine_sha256: str
    class_name: str
    options: RobustnessOptions
    good: int
    defective: int
    fitted: int
    clean: Level
    allowed_alarms: int
    allowed_misses: int
    shifts: tuple[ShiftResult, ...]
    first: str | None
    seconds: float


def study_robustness(
    engine_path: Path, data: ClassData, options: RobustnessOptions, progress: Progress
) -> Robustness:
    """Uses the test pictures of the class; all of them if the layout has no parts.

    Raises DataError if there are no good test pictures, SpecError or EngineError if the engine
    cannot be opened, and ParityError if it does not reproduce its golden pictures.
    """
    started = time.monotonic()
    engine = open_engine_with(
        engine_path, Settings(backend=options.backend, threads=options.threads)
    )
    with contextlib.closing(engine):
        parity.verify(engine)
        engine.warm_up()
        pictures = ShiftedPictures(engine, data, options)
        clean = pictures.judge(CLEAN, 0.0)
        allowed = (
            _allowed(options.false_alarms, clean.false_alarms),
            _allowed(options.misses, clean.misses),
        )
        results = []
        for name in SHIFTS:
            results.append(_study_shift(name, pictures, allowed, clean))
            progress("shifts", 1, len(SHIFTS))
    return Robustness(
        engine=str(engine_path),
        engine_sha256=file_hash(engine_path),
        class_name=data.name,
        options=options,
        good=clean.false_alarms.of,
        defective=clean.misses.of,
        fitted=pictures.fitted,
        clean=clean,
        allowed_alarms=allowed[0],
        allowed_misses=allowed[1],
        shifts=tuple(results),
        first=_first(results, allowed),
        seconds=round(time.monotonic() - started, 1),
    )


def _study_shift(
    name: str, pictures: ShiftedPictures, allowed: tuple[int, int], clean: Level
) -> ShiftResult:
    shift = SHIFTS[name]
    levels: list[Level] = []
    cause, noticed_at = None, 0.0 if _is_noticed(clean) else None
    for strength in STRENGTHS:
        levels.append(pictures.judge(name, strength))
        if noticed_at is None and _is_noticed(levels[-1]):
            noticed_at = strength
        cause = _cause(levels[-1], allowed)
        if cause is not None:
            break
    last = levels[-1]
    return ShiftResult(
        name,
        shift.unit,
        shift.meaning,
        tuple(levels),
        None if cause is None else last.strength,
        cause,
        cause is not None and _is_certain(last, cause, allowed),
        noticed_at,
    )


def _is_noticed(level: Level) -> bool:
    return (level.refused.share or 0.0) >= NOTICED


def _cause(level: Level, allowed: tuple[int, int]) -> str | None:
    if level.false_alarms.count > allowed[0]:
        return FALSE_ALARMS
    return MISSES if level.misses.count > allowed[1] else None


def _is_certain(level: Level, cause: str, allowed: tuple[int, int]) -> bool:
    counted = level.false_alarms if cause == FALSE_ALARMS else level.misses
    limit = allowed[0] if cause == FALSE_ALARMS else allowed[1]
    return counted.interval is not None and counted.interval[0] > limit / counted.of


def _first(results: Sequence[ShiftResult], allowed: tuple[int, int]) -> str | None:
    """The lowest strength; among equal ones, the shift with the most pictures above the limit."""

    def excess(result: ShiftResult) -> int:
        last = result.levels[-1]
        if result.cause == FALSE_ALARMS:
            return last.false_alarms.count - allowed[0]
        return last.misses.count - allowed[1]

    broken = [(r.breaks_at, -excess(r), r.name) for r in results if r.breaks_at is not None]
    return min(broken)[2] if broken else None


def _allowed(limit: float, clean: Rate) -> int:
    allowed = math.ceil(limit * clean.of - 1e-9)
    return allowed if clean.count <= allowed else clean.count + allowed
