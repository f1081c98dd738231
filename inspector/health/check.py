"""Decides whether a frame is fit to be judged: like the good pictures, and not frozen."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from loguru import logger

from engines.picture_statistics import Look, PictureMeter, meter_of, reference_of
from engines.roi import draw_mask
from engines.spec import EngineSpec
from engines.spec_fields import PictureFigure
from inspector.core.actions import ERROR, IGNORE
from inspector.core.arrays import Image
from inspector.core.stage_items import HEALTHY, Fault, FrameHealth
from inspector.core.types import Cause, Frame
from inspector.health.condition_log import BEGIN_FRAMES, END_FRAMES, Persistence
from inspector.health.conditions import (
    BLACK,
    COVERED,
    DIRT,
    FROZEN,
    LASTING,
    LIGHT_DRIFT,
    MEANINGS,
    MOVED,
    PICTURE_CONDITIONS,
    Symptom,
)
from inspector.health.dirt import DirtWatch
from inspector.health.drift import LightDrift
from inspector.health.options import HealthOptions

MOST_SENTENCES: Final = 2
CLEAR_MATCH: Final = 0.5
CLEAR_GAIN: Final = 0.2
"""A picture has also moved if it matches at another place by CLEAR_MATCH, and better by CLEAR_GAIN.
A defect can keep it below the limit there."""

NO_MM: Final = "sizes in mm are withheld, because the camera has moved"

Report = Callable[[int, Sequence[Symptom]], None]
"""Gets the number of a frame, and its symptoms."""


class HealthCheck:
    """Checks every frame before it is judged. One thread calls it.

    The check compares the figures of a frame (engines.picture_statistics) with the limits in the
    engine file. If they are outside, the fault has the cause `health`. A defect can be the reason
    for some figures; a frame that fails then stays FAIL. A live source whose picture does not
    change in a single pixel for options.frozen_s has the cause `stale`. While the camera has moved,
    every frame is at fault, and sizes in mm are withheld.

    stream: False for pictures that do not follow each other. report: gets the symptoms of every
    frame. warnings: gets a sentence if the engine file has no limits.
    """

    def __init__(
        self,
        spec: EngineSpec,
        options: HealthOptions,
        *,
        live: bool,
        stream: bool = True,
        report: Report = lambda frame_id, symptoms: None,
    ) -> None:
        self.warnings: list[str] = []
        self._options = options
        self._report = report
        self._stream = stream
        self._move = Persistence(begin=BEGIN_FRAMES if stream else math.inf)
        self._figures = limited_figures(spec)
        self._meter: PictureMeter | None = None
        self._drift: LightDrift | None = None
        self._dirt: DirtWatch | None = None
        self._lasting: list[Symptom] = []
        if not self._figures:
            if options.outside != IGNORE:
                self._warn_of_old_engine(spec)
        elif any(options.action(name) != IGNORE for name in (*PICTURE_CONDITIONS, *LASTING)):
            self._start_measuring(spec)
        self._frozen_s = options.frozen_s if live else None
        self._last: Frame | None = None
        self._changed_ns = 0

    def __call__(self, frame: Frame, pixels: Image) -> FrameHealth:
        """pixels: (H, W, 3) uint8 RGB, the frame as the engine takes it."""
        symptoms = self._find_frozen(frame)
        if self._meter is not None:
            look = self._meter.look(pixels)
            values = self._meter.measure_look(look)
            symptoms += self._find_outside(self._meter, values, look)
            if not symptoms:  # otherwise the picture says nothing about slow changes
                self._lasting = self._find_lasting(values, look)
            symptoms += self._lasting
        # While the camera has moved, a picture differs in other figures, too.
        self._report(
            frame.frame_id, [s for s in symptoms if not (s.by_defect and self._move.active)]
        )
        self._move.see(float(any(symptom.condition == MOVED for symptom in symptoms)))
        if not symptoms and not self._move.active:
            return HEALTHY
        return self._decide(symptoms)

    def _start_measuring(self, spec: EngineSpec) -> None:
        inside = None
        if spec.roi is not None:
            inside = draw_mask(spec.roi, spec.resize.input_hw, spec.resize.crop)
        self._meter = meter_of(spec, inside)
        if not self._stream:
            return
        if self._options.action(LIGHT_DRIFT) != IGNORE:
            self._drift = LightDrift(self._figures)
        background = reference_of(spec)
        if background is not None and self._options.action(DIRT) != IGNORE:
            self._dirt = DirtWatch(self._meter.band_pass(background), _independent_pictures(spec))

    def _find_frozen(self, frame: Frame) -> list[Symptom]:
        if self._frozen_s is None:
            return []
        last, self._last = self._last, frame
        if last is None or not _equal(last.image, frame.image):
            self._changed_ns = frame.captured_ns
            return []
        if (seconds := (frame.captured_ns - self._changed_ns) / 1e9) < self._frozen_s:
            return []
        sentence = f"the picture is frozen: no pixel has changed for {self._frozen_s:g} s or longer"
        return [Symptom(FROZEN, sentence, Cause.STALE, value=seconds, limit=self._frozen_s)]

    def _find_outside(
        self, meter: PictureMeter, values: Mapping[str, float], look: Look
    ) -> list[Symptom]:
        """The clearest symptom first. Those that a defect can cause are left out if there are
        others."""
        symptoms, sides = [], set()
        for figure in self._figures:
            if (side := _side(figure, values[figure.name])) == 0:
                continue
            sides.add((figure.name, side))
            value, limit = values[figure.name], figure.low if side < 0 else figure.high
            meaning = MEANINGS[figure.name, side]
            name, sentence, by_defect = meaning.condition, meaning.sentence, meaning.by_defect
            if figure.name == "match" and (moved := _describe_move(meter, look, figure, value)):
                name, sentence, by_defect = MOVED, moved, False
            sentence += _numbers(figure, value)
            symptoms.append(Symptom(name, sentence, by_defect=by_defect, value=value, limit=limit))
        light = _find_light(sides)
        if light is not None and ("contrast", -1) in sides:
            # Without light, a picture is blurred and has another colour, too.
            symptoms = [s for s in symptoms if s.condition == light]
        elif light == BLACK and _is_partly_dark(sides):
            # So much of the picture is covered that no defect can be the reason.
            symptoms = [
                replace(s, condition=COVERED) if s.condition == BLACK else s for s in symptoms
            ]
        shown = [s for s in symptoms if self._options.action(s.condition) != IGNORE]
        sure = [s for s in shown if not s.by_defect]
        return sorted(sure or shown, key=lambda s: s.condition != MOVED)

    def _find_lasting(self, values: Mapping[str, float], look: Look) -> list[Symptom]:
        drift = None if self._drift is None else self._drift.see(values)
        dirt = None if self._dirt is None else self._dirt.see(look)
        return [symptom for symptom in (drift, dirt) if symptom is not None]

    def _decide(self, symptoms: Sequence[Symptom]) -> FrameHealth:
        refused = [
            s
            for s in symptoms
            if s.condition == FROZEN or self._options.action(s.condition) == ERROR
        ]
        shows_move = any(symptom.condition == MOVED for symptom in symptoms)
        if self._move.active and not shows_move and self._options.action(MOVED) == ERROR:
            sentence = f"the camera had moved, and {END_FRAMES} good pictures must follow"
            refused.append(Symptom(MOVED, sentence))
        no_mm = NO_MM if self._move.active or shows_move else None
        if not refused:
            return FrameHealth(None, no_mm)
        fault = Fault(join(refused), refused[0].cause, all(s.by_defect for s in refused))
        return FrameHealth(fault, no_mm)

    def _warn_of_old_engine(self, spec: EngineSpec) -> None:
        warning = (
            f"engine {spec.name} has no limits of its good pictures, so a black, blurred or "
            "covered picture may PASS; fit the engine again with this version"
        )
        logger.warning("{}", warning)
        self.warnings.append(warning)


def join(symptoms: Sequence[Symptom]) -> str:
    """One sentence about the first symptoms."""
    parts = [symptom.sentence for symptom in symptoms[:MOST_SENTENCES]]
    if symptoms[0].condition == FROZEN:
        return parts[0]
    return f"the picture is not like the good pictures: {'; '.join(parts)}"


def make_picture_check(spec: EngineSpec) -> HealthCheck | None:
    """The check of pictures that do not follow each other, as a run checks them by default. None if
    the engine file has no limits of its good pictures."""
    if not limited_figures(spec):
        return None
    return HealthCheck(spec, HealthOptions(), live=False, stream=False)


def limited_figures(spec: EngineSpec) -> tuple[PictureFigure, ...]:
    """The figures with a limit that this version measures. A match needs the reference view."""
    if spec.good_pictures is None:
        return ()
    aligned = spec.reference_view is not None and bool(spec.reference_view.aligned)
    return tuple(
        figure
        for figure in spec.good_pictures.figures
        if (figure.low is not None or figure.high is not None)
        and any(name == figure.name for name, _ in MEANINGS)
        and (aligned or not figure.name.endswith("match"))
    )


def _side(figure: PictureFigure, value: float) -> int:
    """-1 below the limits, 1 above them, 0 inside."""
    if figure.low is not None and value < figure.low:
        return -1
    return int(figure.high is not None and value > figure.high)


def _describe_move(meter: PictureMeter, look: Look, figure: PictureFigure, value: float) -> str:
    """Says that the picture has moved, if it matches at another place. Empty if it does not. value:
    the match at this place."""
    x, y, match = meter.match_moved(look)
    clearly = match >= CLEAR_MATCH and match >= value + CLEAR_GAIN
    if figure.low is None or not (match >= figure.low or clearly):
        return ""
    return f"it has moved by {x:.0f} px to the right and {y:.0f} px down at the engine's input"


def _numbers(figure: PictureFigure, value: float) -> str:
    low, high = figure.low, figure.high
    if high is None:
        allowed = f"at least {low:.3g}"
    else:
        allowed = f"at most {high:.3g}" if low is None else f"{low:.3g} to {high:.3g}"
    return f" ({figure.name} {value:.3g}, good pictures {allowed})"


def _find_light(sides: Collection[tuple[str, int]]) -> str | None:
    """BLACK or SATURATED, if the picture is darker or brighter."""
    keys = [key for key in (("brightness", -1), ("brightness", 1)) if key in sides]
    return MEANINGS[keys[0]].condition if keys else None


def _is_partly_dark(sides: Collection[tuple[str, int]]) -> bool:
    return ("darkest_cell", -1) in sides and ("brightest_cell", -1) not in sides


def _independent_pictures(spec: EngineSpec) -> int:
    """Number of independent pictures of the reference view: neighbours of a stream are similar."""
    assert spec.reference_view is not None
    blocks = spec.threshold_rule.blocks
    return min(spec.reference_view.pictures, blocks or spec.reference_view.pictures)


def _equal(image: Image, other: Image) -> bool:
    """Compares a few rows first, because most pictures differ there already."""
    if image.shape != other.shape or not np.array_equal(image[::64], other[::64]):
        return False
    return bool(np.array_equal(image, other))
