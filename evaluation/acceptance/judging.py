"""Judges pictures in memory with an engine, as the inspector judges frames."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from engines.opening import Engine
from inspector.core.arrays import Image, freeze
from inspector.core.clock import utc_now
from inspector.core.errors import FrameError
from inspector.core.types import Frame, Verdict
from inspector.health.check import make_picture_check
from inspector.processing.preprocess import Preprocess
from learning.thresholds.changing import picture_hash


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """score: None if there is none. content: hash of the input of the engine; empty without one.
    error: why the verdict is ERROR."""

    verdict: Verdict
    score: float | None = None
    content: str = ""
    error: str = ""


JudgePicture = Callable[[Image], JudgedPicture]
"""(H, W, 3) uint8 BGR -> verdict."""


class EngineJudge:
    """Resizes, checks and judges a picture as a run with the default settings does: FAIL from the
    image threshold in the engine file on.

    `warnings`: sentences about picture sizes, as a run gives them.
    """

    def __init__(self, engine: Engine, *, allow_aspect: bool = False) -> None:
        self._engine = engine
        self._preprocess = Preprocess(
            engine.spec, check_health=make_picture_check(engine.spec), allow_aspect=allow_aspect
        )
        self.warnings = self._preprocess.warnings

    def __call__(self, image: Image) -> JudgedPicture:
        """Raises EngineError if the engine itself fails."""
        frame = Frame(0, "acceptance", freeze(image), time.monotonic_ns(), None, utc_now())
        try:
            model_input = self._preprocess(frame)
        except FrameError as exc:
            return JudgedPicture(Verdict.ERROR, error=str(exc))
        content = picture_hash(model_input.pixels)
        maps, scores = self._engine.infer(model_input.pixels[None])
        score = float(scores[0])
        if not (math.isfinite(score) and math.isfinite(float(maps[0].sum()))):
            return JudgedPicture(Verdict.ERROR, None, content, "the map or the score is not finite")
        fails = score >= self._engine.spec.image_threshold
        fault = model_input.fault
        if fault is not None and not (fault.unless_failed and fails):
            return JudgedPicture(Verdict.ERROR, score, content, fault.error)
        return JudgedPicture(Verdict.FAIL if fails else Verdict.PASS, score, content)
