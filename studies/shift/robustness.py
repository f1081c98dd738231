"""Finds the shift that breaks an engine first: each shift is made stronger until the engine gives
too many false alarms or misses."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from loguru import logger

from engines import parity
from engines.opening import Engine
from engines.pictures import decode_picture, reading_for
from engines.resize import ALLOW_ASPECT, crop_box, describe_aspect, to_input
from engines.spec import EngineSpec, ResizeRule
from engines.spec_file import file_hash
from evaluation.class_evaluation import use_all_as_tests
from evaluation.inference import open_engine_with
from evaluation.provenance import Settings
from evaluation.results import Rate
from inspector.core.arrays import Image, freeze
from inspector.core.clock import utc_now
from inspector.core.errors import DataError
from inspector.core.types import Frame
from inspector.health.check import HealthCheck, has_limits
from inspector.health.options import HealthOptions
from inspector.processing.preprocess import Preprocess
from learning.datasets.types import ClassData, Sample
from learning.job import Progress
from learning.normals import spread
from learning.thresholds.changing import picture_hash
from studies.shift.analysis import rate
from studies.shift.shifts import CLEAN, SHIFTS, shift_picture

STRENGTHS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""1 is mild, 2 moderate and 3 severe."""

FALSE_ALARMS, MISSES = "false alarms", "misses"
NOTICED: Final = 0.5
"""Share of the pictures that a run must refuse, so that the operator sees the shift. It must refuse
fewer without a shift."""


@dataclass(frozen=True, slots=True)
class RobustnessOptions:
    """false_alarms, misses: largest share of the good and of the defective pictures, rounded up to
    whole pictures. pictures: most good and most defective pictures."""

    false_alarms: float = 0.05
    misses: float = 0.1
    pictures: int = 24
    seed: int = 42
    threads: int = 0
    backend: str = "onnx"


@dataclass(frozen=True, slots=True)
class Level:
    """Verdicts at one strength. amount: in the unit of the shift. refused: pictures that a run
    refuses because they are not like the good pictures of the engine (ERROR)."""

    strength: float
    amount: float
    false_alarms: Rate
    misses: Rate
    refused: Rate


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
        pictures = _Pictures(engine, data, options)
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


class _Pictures:
    """Some test pictures, at the scale of the engine's input."""

    def __init__(self, engine: Engine, data: ClassData, options: RobustnessOptions) -> None:
        self._engine = engine
        self._seed = options.seed
        spec = engine.spec
        tests = use_all_as_tests(data).tests()
        good = [sample for sample in tests if not sample.defective]
        if not good:
            raise DataError(f"class {data.name} has no good test pictures: false alarms need them")
        defective = [sample for sample in tests if sample.defective]
        chosen = [*_some(good, options.pictures), *_some(defective, options.pictures)]
        reading = reading_for(spec)
        self._images, clauses = [], set()
        for s in chosen:
            image = decode_picture(s.path, reading=reading)
            clauses.add(describe_aspect(spec, (image.shape[0], image.shape[1])))
            self._images.append((s.name, s.defective, to_input_scale(image, spec)))
        for clause in filter(None, clauses):
            logger.warning("{}: {}", clause, ALLOW_ASPECT)
        health = HealthCheck(spec, HealthOptions(), live=False) if has_limits(spec) else None
        self._preprocess = Preprocess(spec, check_health=health, allow_aspect=True)
        bank = frozenset(() if spec.left_out is None else spec.left_out.bank)
        prepared = [self._preprocess(_frame(s, image)) for s, _, image in self._images]
        self.fitted = sum(picture_hash(each.pixels) in bank for each in prepared)

    def judge(self, shift: str, strength: float) -> Level:
        verdicts = list(self._verdicts(shift, strength))
        fails = [fail for fail, defective, _ in verdicts if not defective]
        passes = [not fail for fail, defective, _ in verdicts if defective]
        refused = [refused for _, _, refused in verdicts]
        amount = 0.0 if shift == CLEAN else SHIFTS[shift].amount(strength)
        return Level(strength, amount, _rate(fails), _rate(passes), _rate(refused))

    def _verdicts(self, shift: str, strength: float) -> Iterator[tuple[bool, bool, bool]]:
        """Whether each picture fails, is defective, and is refused by a run."""
        for name, defective, image in self._images:
            shifted = shift_picture(
                image, None, shift, strength, seed=self._seed, name=name, at_limit=True
            )
            prepared = self._preprocess(_frame(name, shifted.image))
            _, scores = self._engine.infer(prepared.pixels[np.newaxis])
            fail = bool(scores[0] >= self._engine.spec.image_threshold)
            fault = prepared.fault
            yield fail, defective, fault is not None and not (fault.unless_failed and fail)


def to_input_scale(image: Image, spec: EngineSpec) -> Image:
    """The whole picture, reduced so that the part that the engine sees is as large as its input. So
    a shift is as strong as it is for the engine. A smaller picture is not changed.

    It is reduced as the engine reduces it: another way would make it more or less sharp, and the
    engine would see a shift where there is none.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = crop_box(spec.resize, (height, width))
    input_h, input_w = spec.resize.input_hw
    if input_h >= y1 - y0 or input_w >= x1 - x0:
        return image
    hw = (round(height * input_h / (y1 - y0)), round(width * input_w / (x1 - x0)))
    rgb, _ = to_input(image, ResizeRule(hw, kind=spec.resize.kind))
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)


def _study_shift(
    name: str, pictures: _Pictures, allowed: tuple[int, int], clean: Level
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


def _some(samples: Sequence[Sample], most: int) -> list[Sample]:
    return [samples[index] for index in spread(len(samples), most)]


def _rate(events: Sequence[bool]) -> Rate:
    return rate(sum(events), len(events)) if events else Rate(0, 0, None, None)


def _frame(name: str, image: Image) -> Frame:
    return Frame(0, name, freeze(image), time.monotonic_ns(), None, utc_now())
