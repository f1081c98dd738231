"""Decides whether a frame is fit to be judged: like the good pictures, and not frozen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from loguru import logger

from engines.picture_statistics import PictureMeter, meter_of
from engines.roi import draw_mask
from engines.spec import EngineSpec
from engines.spec_fields import PictureFigure
from inspector.core.arrays import Image
from inspector.core.stage_items import Fault
from inspector.core.types import Cause, Frame
from inspector.health.options import IGNORE, WARN, HealthOptions

SENTENCES: Final = {
    "brightness": ("it is darker", "it is brighter"),
    "contrast": ("it has less contrast", "it has more contrast"),
    "sharpness": ("it is less sharp", "it is sharper or has more noise"),
    "red_green": ("it has another colour", "it has another colour"),
    "blue_green": ("it has another colour", "it has another colour"),
    "darkest_cell": ("a part of it is darker", "it has no part as dark"),
    "brightest_cell": ("it has no part as bright", "a part of it is brighter"),
    "flattest_cell": ("a part of it has less texture", ""),
    "match": ("it shows something else", ""),
    "cell_match": ("a part of it shows something else", ""),
}
"""Figure -> what a value below and above the limits means."""

NEVER_BY_DEFECT: Final = frozenset(
    {
        *(("brightness", -1), ("brightness", 1), ("contrast", -1), ("sharpness", -1)),
        *(("red_green", -1), ("red_green", 1), ("blue_green", -1), ("blue_green", 1)),
    }
)
"""(figure, side of its limits) that a defect of usual size does not cause."""

MOST_SENTENCES: Final = 2
MOVED: Final = "moved"
FROZEN: Final = "frozen"


@dataclass(frozen=True, slots=True)
class Condition:
    """One way in which a picture is not fit. by_defect: whether a defect can be the reason."""

    name: str
    sentence: str
    cause: Cause = Cause.HEALTH
    by_defect: bool = False


class HealthCheck:
    """Checks every frame before it is judged. One thread calls it.

    The check compares the figures of a frame (engines.picture_statistics) with the limits in the
    engine file. If they are outside, the fault has the cause `health`. A defect can be the reason
    for some figures; a frame that fails then stays FAIL. A live source whose picture does not
    change in a single pixel for options.frozen_s has the cause `stale`. The log gets a line when
    the conditions change.

    warnings: gets a sentence if the engine file has no limits. condition: a sentence while the
    pictures are not fit to be judged; conditions: the names of all its conditions.
    """

    def __init__(self, spec: EngineSpec, options: HealthOptions, *, live: bool) -> None:
        self.warnings: list[str] = []
        self._options = options
        self._figures = limited_figures(spec)
        self._meter: PictureMeter | None = None
        if options.outside != IGNORE and self._figures:
            inside = None
            if spec.roi is not None:
                inside = draw_mask(spec.roi, spec.resize.input_hw, spec.resize.crop)
            self._meter = meter_of(spec, inside)
        elif options.outside != IGNORE:
            self._warn_of_old_engine(spec)
        self._frozen_s = options.frozen_s if live else None
        self._last: Frame | None = None
        self._changed_ns = 0
        self.conditions: tuple[str, ...] = ()
        self.condition: str | None = None

    def __call__(self, frame: Frame, pixels: Image) -> Fault | None:
        """pixels: (H, W, 3) uint8 RGB, the frame as the engine takes it."""
        conditions = self._find_frozen(frame)
        if self._meter is not None:
            conditions += self._find_outside(self._meter, pixels)
        self._log_changes(frame, conditions)
        refused = [c for c in conditions if c.name == FROZEN or self._options.outside != WARN]
        if not refused:
            return None
        return Fault(_join(refused), refused[0].cause, all(c.by_defect for c in refused))

    def _find_frozen(self, frame: Frame) -> list[Condition]:
        if self._frozen_s is None:
            return []
        last, self._last = self._last, frame
        if last is None or not _equal(last.image, frame.image):
            self._changed_ns = frame.captured_ns
            return []
        if (frame.captured_ns - self._changed_ns) / 1e9 < self._frozen_s:
            return []
        sentence = f"the picture is frozen: no pixel has changed for {self._frozen_s:g} s or longer"
        return [Condition(FROZEN, sentence, Cause.STALE)]

    def _find_outside(self, meter: PictureMeter, pixels: Image) -> list[Condition]:
        """The clearest condition first."""
        values = meter.measure(pixels)
        conditions = []
        for figure in self._figures:
            if (side := _side(figure, values[figure.name])) == 0:
                continue
            sentence = SENTENCES[figure.name][side > 0] + _numbers(figure, values[figure.name])
            by_defect = (figure.name, side) not in NEVER_BY_DEFECT
            if figure.name == "match" and (moved := _describe_move(meter, pixels, figure)):
                conditions.append(Condition(MOVED, moved + _numbers(figure, values[figure.name])))
            else:
                conditions.append(Condition(figure.name, sentence, by_defect=by_defect))
        return sorted(conditions, key=lambda c: (c.name != MOVED, c.by_defect))

    def _log_changes(self, frame: Frame, conditions: list[Condition]) -> None:
        names = tuple(condition.name for condition in conditions)
        if names == self.conditions:
            return
        if names and not self.conditions:
            logger.warning("{}, frame {}: {}", frame.source_id, frame.frame_id, _join(conditions))
        elif not names:
            logger.warning(
                "{}, frame {}: the pictures are like the good pictures again",
                *(frame.source_id, frame.frame_id),
            )
        self.conditions = names
        self.condition = _join(conditions) if conditions else None

    def _warn_of_old_engine(self, spec: EngineSpec) -> None:
        warning = (
            f"engine {spec.name} has no limits of its good pictures, so a black, blurred or "
            "covered picture may PASS; fit the engine again with this version"
        )
        logger.warning("{}", warning)
        self.warnings.append(warning)


def has_limits(spec: EngineSpec) -> bool:
    """Whether the engine file has limits of its good pictures."""
    return bool(limited_figures(spec))


def limited_figures(spec: EngineSpec) -> tuple[PictureFigure, ...]:
    """The figures with a limit that this version measures. A match needs the reference view."""
    if spec.good_pictures is None:
        return ()
    aligned = spec.reference_view is not None and bool(spec.reference_view.aligned)
    return tuple(
        figure
        for figure in spec.good_pictures.figures
        if (figure.low is not None or figure.high is not None)
        and figure.name in SENTENCES
        and (aligned or not figure.name.endswith("match"))
    )


def _side(figure: PictureFigure, value: float) -> int:
    """-1 below the limits, 1 above them, 0 inside."""
    if figure.low is not None and value < figure.low:
        return -1
    return int(figure.high is not None and value > figure.high)


def _describe_move(meter: PictureMeter, pixels: Image, figure: PictureFigure) -> str:
    """Says that the picture has moved, if it matches at another place. Empty if it does not."""
    x, y, match = meter.match_moved(pixels)
    if figure.low is None or match < figure.low:
        return ""
    return f"it has moved by {x:.0f} px to the right and {y:.0f} px down at the engine's input"


def _numbers(figure: PictureFigure, value: float) -> str:
    low, high = figure.low, figure.high
    if high is None:
        allowed = f"at least {low:.3g}"
    else:
        allowed = f"at most {high:.3g}" if low is None else f"{low:.3g} to {high:.3g}"
    return f" ({figure.name} {value:.3g}, good pictures {allowed})"


def _join(conditions: list[Condition]) -> str:
    """One sentence about the first conditions."""
    parts = [condition.sentence for condition in conditions[:MOST_SENTENCES]]
    if conditions[0].name == FROZEN:
        return parts[0]
    return f"the picture is not like the good pictures: {'; '.join(parts)}"


def _equal(image: Image, other: Image) -> bool:
    """Compares a few rows first, because most pictures differ there already."""
    if image.shape != other.shape or not np.array_equal(image[::64], other[::64]):
        return False
    return bool(np.array_equal(image, other))
