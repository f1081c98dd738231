"""Judges shifted pictures with an engine, and measures them as a run does."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from loguru import logger

from engines.opening import Engine
from engines.picture_statistics import meter_of
from engines.pictures import decode_picture, reading_for
from engines.resize import ALLOW_ASPECT, crop_box, describe_aspect, to_input
from engines.roi import draw_mask
from engines.spec import EngineSpec, ResizeRule
from evaluation.class_evaluation import use_all_as_tests
from evaluation.results import Rate
from inspector.core.arrays import Image, freeze
from inspector.core.clock import utc_now
from inspector.core.errors import DataError
from inspector.core.stage_items import ModelInput
from inspector.core.types import Frame
from inspector.health.check import make_picture_check
from inspector.processing.preprocess import Preprocess
from learning.datasets.types import ClassData, Sample
from learning.normals import spread
from learning.thresholds.changing import picture_hash
from studies.shift.analysis import rate
from studies.shift.shifts import CLEAN, SHIFTS, shift_picture


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


class ShiftedPictures:
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
        inside = None
        if spec.roi is not None:
            inside = draw_mask(spec.roi, spec.resize.input_hw, spec.resize.crop)
        self._meter = meter_of(spec, inside)
        health = make_picture_check(spec)
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

    def measure(self, shift: str, strength: float) -> list[dict[str, float]]:
        """The figures of each picture that the limits of the engine are about."""
        return [
            self._meter.measure(prepared.pixels) for _, prepared in self._prepare(shift, strength)
        ]

    def _verdicts(self, shift: str, strength: float) -> Iterator[tuple[bool, bool, bool]]:
        """Whether each picture fails, is defective, and is refused by a run."""
        for defective, prepared in self._prepare(shift, strength):
            _, scores = self._engine.infer(prepared.pixels[np.newaxis])
            fail = bool(scores[0] >= self._engine.spec.image_threshold)
            fault = prepared.fault
            yield fail, defective, fault is not None and not (fault.unless_failed and fail)

    def _prepare(self, shift: str, strength: float) -> Iterator[tuple[bool, ModelInput]]:
        """Whether each picture is defective, and its input of the engine."""
        for name, defective, image in self._images:
            shifted = shift_picture(
                image, None, shift, strength, seed=self._seed, name=name, at_limit=True
            )
            yield defective, self._preprocess(_frame(name, shifted.image))


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


def _some(samples: Sequence[Sample], most: int) -> list[Sample]:
    return [samples[index] for index in spread(len(samples), most)]


def _rate(events: Sequence[bool]) -> Rate:
    return rate(sum(events), len(events)) if events else Rate(0, 0, None, None)


def _frame(name: str, image: Image) -> Frame:
    return Frame(0, name, freeze(image), time.monotonic_ns(), None, utc_now())
