"""Adds the search for lines to an engine while it is made."""

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.errors import ConfigError, DataError
from learning.job import EngineJob, FitOptions
from learning.lines.contrast import CELL
from learning.lines.limits import Array, counted_cells, excess, usual_contrast
from learning.lines.method import LINES, LinesMethod, LinesSource, Units, draw, without_lines
from learning.methods.base import Embeddings
from learning.thresholds import folds
from learning.thresholds.folds import Indices
from learning.thresholds.rules import robust

LEAST_PICTURES: Final = 8
"""Good pictures that are needed to compare the scores of lines with those of the method. Altered
copies of fewer pictures (learning.augmentation) are never fitted together with lines."""

FOLDS: Final = 5

STEEPEST: Final = 10.0
"""Most times that an excess above the level counts more than a score above it."""

Values = npt.NDArray[np.float32]


def add_lines(job: EngineJob) -> None:
    """Makes the job compute lines too. `scale_lines` must follow, before a model is fitted. Raises
    ConfigError for an engine that cannot do so."""
    height, width = job.normals.rule.input_hw
    if height % CELL or width % CELL:
        raise ConfigError(
            f"lines need an input whose sides are multiples of {CELL} px, not {width}x{height}: "
            "choose another size"
        )
    if (count := len(job.normals.names)) < LEAST_PICTURES:
        raise ConfigError(f"lines need at least {LEAST_PICTURES} good pictures, not {count}")
    learned = job.options.foreground
    if learned is not None and learned.model is not None:
        raise ConfigError(
            "lines cannot be combined with a foreground that moves: leave one of them out"
        )
    counted = counted_cells(job.inside, (height // CELL, width // CELL))
    if not counted.any():
        raise ConfigError("the region of interest is too small for lines: leave one of them out")
    job.source = LinesSource(job.source, (height, width), job.options.threads)
    job.method = LinesMethod(job.method, counted)


def scale_lines(job: EngineJob, options: FitOptions, embeddings: Embeddings) -> None:
    """Chooses how lines are compared and in which units they are merged.

    Good pictures are scored by models of the others, see `_units`. embeddings: of the pictures that
    are fitted. Raises DataError if good pictures have no scores to compare.
    """
    method: LinesMethod = job.method
    count, ordered = len(embeddings[LINES]), job.normals.ordered
    parts = folds.split_folds(count, ordered=ordered, seed=options.seed, folds=min(FOLDS, count))
    usual = folds.score_left_out(
        method.method,
        without_lines(embeddings),
        job.canvas,
        parts,
        seed=options.seed,
        ordered=ordered,
        progress=lambda done: job.progress("scale of lines", done, count),
    )
    tried = [_left_out(job, anywhere, embeddings[LINES], parts) for anywhere in (False, True)]
    needed = [each.needed for each in tried]
    anywhere = needed[1] < needed[0]
    lines = tried[anywhere]
    logger.info(
        "lines are compared with those of the good pictures {}: a contrast of {:.0%} is needed "
        "there, and {:.0%} otherwise",
        "anywhere" if anywhere else "at the same place",
        *(needed[anywhere], needed[not anywhere]),
    )
    job.method = dataclasses.replace(
        method,
        anywhere=anywhere,
        score_units=_units(usual.scores, lines.scores),
        map_units=_units(usual.peaks, lines.peaks),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _LeftOutLines:
    """scores, peaks: (n,) largest excess of each good picture, in the cells and in the map. needed:
    the contrast that is found in the median cell."""

    scores: Values
    peaks: Values
    needed: float


def _left_out(
    job: EngineJob, anywhere: bool, contrasts: Array, parts: list[Indices]
) -> _LeftOutLines:
    """contrasts: (n, DIRECTIONS, h, w) of the good pictures, each is compared with the others."""
    counted = job.method.counted
    scores, peaks = np.empty((2, len(contrasts)), np.float32)

    def limits_of(pictures: Indices) -> Array:
        return usual_contrast(contrasts[pictures], counted, anywhere=anywhere)

    everything = np.arange(len(contrasts))
    for part in parts:
        lines = excess(contrasts[part], limits_of(np.setdiff1d(everything, part)), counted)
        scores[part] = lines.max(axis=(1, 2))
        peaks[part] = draw(lines, job.canvas).max(axis=(1, 2))
    limits = np.broadcast_to(limits_of(everything), contrasts.shape[1:])
    needed = float(np.median(limits[:, counted > 0])) * _level(scores)
    return _LeftOutLines(scores, peaks, needed)


def _units(usual: Values, lines: Values) -> Units:
    """Units in which both have the same level, and the same median if that is possible: then both
    have the same share in the false alarms, whatever the threshold. usual: of the method. lines:
    excess. Both (n,) of the good pictures."""
    level, line_level = _level(usual), _level(lines)
    if not (level > 0 and line_level > 0):
        raise DataError(
            "nearly all good pictures have the score 0 by the method or by lines, so the two "
            "cannot be compared: leave out lines"
        )
    spread = 1 - float(np.median(usual)) / level
    line_spread = 1 - float(np.median(lines)) / line_level
    steepness = min(max(spread, line_spread) / max(line_spread, 1e-6), STEEPEST)
    return Units(level * steepness / line_level, level * (steepness - 1))


def _level(values: Values) -> float:
    """The value that RATE of new good pictures exceed, or less if single ones are odd."""
    return robust(np.asarray(values, np.float64))
