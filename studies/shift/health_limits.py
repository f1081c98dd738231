"""Narrows the limits of the good pictures in an engine, so that a run refuses pictures with a shift
that breaks the engine unnoticed."""

import contextlib
import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.spec import EngineSpec
from engines.spec_file import read_engine, write_engine
from evaluation.inference import open_engine_with
from evaluation.provenance import Settings
from inspector.core.errors import ConfigError
from inspector.health.check import limited_figures
from inspector.health.conditions import NEVER_BY_DEFECT
from learning.datasets.types import ClassData
from studies.shift.robustness import FALSE_ALARMS, Robustness, ShiftResult
from studies.shift.shifted_pictures import Level, ShiftedPictures
from studies.shift.shifts import CLEAN

Figures = Sequence[dict[str, float]]
"""Name of each figure -> its value, for each picture."""

Limit = tuple[str, int, float]
"""Figure, side and value."""

BELOW, ABOVE = -1, 1

LEAST_SHARE: Final = 1 / 8
"""Share of the shifted pictures that must lie outside a new limit."""

SIDES: Final = {*NEVER_BY_DEFECT, ("match", BELOW)}
"""Sides of the limits that refuse a picture with verdict FAIL, too."""


@dataclass(frozen=True, slots=True)
class NewLimit:
    """side: BELOW if the limit is the lowest allowed value, ABOVE if it is the highest. shifts: for
    which the limit is."""

    figure: str
    side: int
    before: float
    after: float
    shifts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NarrowedLimits:
    """limits: that are new. levels: name of each shift that broke the engine unnoticed -> verdicts
    with the new limits, at the strength that breaks the engine. clean: without a shift. unseen:
    shifts that no figure tells from pictures without a shift."""

    limits: tuple[NewLimit, ...]
    levels: dict[str, Level]
    clean: Level
    unseen: tuple[str, ...]


def write_narrowed(path: Path, data: ClassData, result: Robustness, out: Path) -> NarrowedLimits:
    """Writes the engine `path` with narrower limits to `out`, and judges the pictures with it.

    result: of the same engine and pictures. The new engine states no rate of false alarms of its
    limits. Raises ConfigError if the engine has no limits, SpecError or EngineError if it cannot be
    read or written.
    """
    spec, model = read_engine(path)
    if not limited_figures(spec):
        raise ConfigError(f"engine {path} has no limits of its good pictures: fit it again")
    options = result.options
    settings = Settings(backend=options.backend, threads=options.threads)
    unnoticed = [s for s in result.shifts if s.breaks_at is not None and s.noticed_at is None]
    with contextlib.closing(open_engine_with(path, settings)) as engine:
        pictures = ShiftedPictures(engine, data, options)
        clean = pictures.measure(CLEAN, 0.0)
        chosen = {
            s.name: choose_limits(spec, clean, pictures.measure(s.name, _strength(s)), s.cause)
            for s in unnoticed
        }
    limits = tuple(_merge(spec, chosen))
    write_engine(out, model, _with_limits(spec, limits))
    with contextlib.closing(open_engine_with(out, settings)) as engine:
        pictures = ShiftedPictures(engine, data, options)
        levels = {s.name: pictures.judge(s.name, _strength(s)) for s in unnoticed}
        unseen = tuple(name for name, each in chosen.items() if not each)
        return NarrowedLimits(limits, levels, pictures.judge(CLEAN, 0.0), unseen)


def _strength(shift: ShiftResult) -> float:
    assert shift.breaks_at is not None
    return shift.breaks_at


def choose_limits(
    spec: EngineSpec, clean: Figures, shifted: Figures, cause: str | None
) -> list[Limit]:
    """Limits of one figure that separate pictures with and without a shift; empty if no figure
    does. cause: FALSE_ALARMS or MISSES, by which the shift breaks the engine.

    A new limit lies in the middle between the outermost value without the shift, of these pictures
    and of the good ones that the engine was fitted on, and the median of the values with the shift.
    The figure is the one with the largest distance between the two, in its standard deviations.
    """
    best: tuple[float, list[Limit]] = (0.0, [])
    for figure in limited_figures(spec):
        sides = [
            (side, limit)
            for side, limit in ((BELOW, figure.low), (ABOVE, figure.high))
            if limit is not None and (cause != FALSE_ALARMS or (figure.name, side) in SIDES)
        ]
        known = [*figure.quantiles, *(each[figure.name] for each in clean)]
        outermost = {side: max(side * value for value in known) for side, _ in sides}
        excess = [
            {side: side * each[figure.name] - outermost[side] for side, _ in sides}
            for each in shifted
        ]
        if not sides or (half := statistics.median(max(e.values()) for e in excess) / 2) <= 0:
            continue
        new = [
            (figure.name, side, side * (outermost[side] + half))
            for side, limit in sides
            # A few pictures on a side are no reason for a limit there.
            if sum(e[side] > half for e in excess) >= LEAST_SHARE * len(excess)
            and outermost[side] + half < side * limit
        ]
        clearness = half / max(figure.sd, 1e-9)
        if new and clearness > best[0]:
            best = (clearness, new)
    return best[1]


def _merge(spec: EngineSpec, chosen: dict[str, list[Limit]]) -> Iterator[NewLimit]:
    """A new limit for each figure and side: the narrowest of all shifts."""
    for figure in limited_figures(spec):
        for side, before in ((BELOW, figure.low), (ABOVE, figure.high)):
            of_side = {
                shift: value
                for shift, limits in chosen.items()
                for name, of, value in limits
                if (name, of) == (figure.name, side)
            }
            if before is not None and of_side:
                narrowest = side * min(side * value for value in of_side.values())
                yield NewLimit(figure.name, side, before, narrowest, tuple(of_side))


def _with_limits(spec: EngineSpec, limits: Sequence[NewLimit]) -> EngineSpec:
    if spec.good_pictures is None or not limits:
        return spec
    new = {(limit.figure, limit.side): limit.after for limit in limits}
    figures = tuple(
        dataclasses.replace(
            figure,
            low=new.get((figure.name, BELOW), figure.low),
            high=new.get((figure.name, ABOVE), figure.high),
        )
        for figure in spec.good_pictures.figures
    )
    good = dataclasses.replace(spec.good_pictures, figures=figures, false_alarm_rate=None)
    return dataclasses.replace(spec, good_pictures=good)
