"""Chooses the best of the candidates within a time budget."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loguru import logger

from engines.spec import Roi
from engines.spec_fields import Selection, SelectionCandidate
from inspector.core.errors import ConfigError, DataError
from learning.anomalous import ReadAnomalous
from learning.job import Progress
from learning.normals import Normals
from learning.selection.candidates import CANDIDATES, DEFAULT, Candidate, fine_side
from learning.selection.trials import (
    ALARMS,
    Trial,
    TrialPictures,
    real_share,
    try_candidate,
)

BUDGET_S: Final = 80.0
"""Default time for the trials."""

QUICK_S: Final = 20.0

LEAST_PICTURES: Final = 6

MARGIN: Final = 0.01
"""The default is used unless another candidate finds this share more."""

EQUAL: Final = 0.005
"""Of the candidates that find this share less than the best at most, the fastest is used."""

SLOWER: Final = 1.25
"""The time of a method grows with this power of the number of pixels."""

CRITERION: Final = (
    "share of simulated defects found: the mean over kinds and over thresholds at which up to "
    f"{ALARMS:.0%} of the good pictures fail"
)

ReadNormals = Callable[[int], Normals]
"""Reads the good pictures again, for an input of this short side."""


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """backbone: name or file; None for the default of each method. See learning.fit for the others.
    budget_s: time for the trials; the first candidate is always tried. read_real: reads pictures of
    real defects; None if there are none."""

    backbone: str | None = None
    roi: Roi | None = None
    sigma: float = 4.0
    seed: int = 0
    threads: int = 0
    budget_s: float = BUDGET_S
    read_real: ReadAnomalous | None = None

    def prepare(self, normals: Normals) -> TrialPictures:
        return TrialPictures(normals, self.roi, self.seed, self.read_real)

    def __post_init__(self) -> None:
        if not 0 <= self.budget_s < math.inf:
            raise ConfigError(f"budget must be finite and at least 0 s, not {self.budget_s}")


@dataclass(frozen=True, slots=True)
class Choice:
    """Result of the trials. normals: the good pictures at the input size of the best candidate.
    pictures: those that it was tried on."""

    trial: Trial
    normals: Normals
    pictures: TrialPictures
    selection: Selection


def choose_method(
    normals: Normals, read: ReadNormals | None, options: TrialOptions, progress: Progress
) -> Choice | None:
    """Tries CANDIDATES in their order until the time is used up. No test picture is used.

    normals: good pictures at the usual size of the input. read: None if they cannot be read again
    at a larger size, as those of a live stream. Returns None for fewer than LEAST_PICTURES; then
    the default is used. Raises DataError if no candidate works.
    """
    if len(normals.names) < LEAST_PICTURES:
        logger.info("too few good pictures to compare settings: {} is used", DEFAULT.describe())
        return None
    started = time.monotonic()
    side = None if read is None else fine_side(normals.frame_hw)
    pictures = {False: options.prepare(normals)}
    trials: list[Trial] = []
    skipped: list[SelectionCandidate] = []
    for candidate in CANDIDATES:
        left_s = options.budget_s - (time.monotonic() - started)
        note = _reason_to_skip(candidate, side, trials, pictures[False], left_s)
        if not note:
            if candidate.fine not in pictures:
                assert read is not None
                assert side is not None
                pictures[True] = options.prepare(read(side))
            try:
                trials += _try(candidate, pictures[candidate.fine], options)
            except (ConfigError, DataError) as exc:
                note = str(exc)
        if note:
            skipped.append(SelectionCandidate(candidate.method, candidate.settings, note=note))
        progress("candidates", 1, len(CANDIDATES))
    if not trials:
        raise DataError(f"no method works on these pictures: {skipped[0].note}")
    best = choose_trial(trials)
    chosen = pictures[best.candidate.fine]
    selection = _selection(trials, skipped, best, options)
    logger.info("{}", selection.reason)
    return Choice(best, chosen.normals, chosen, selection)


def choose_trial(trials: Sequence[Trial]) -> Trial:
    """By their value: the default if no other is better by MARGIN; otherwise the fastest of those
    that are worse than the best by EQUAL at most."""
    best = max(trial.value for trial in trials)
    for trial in trials:
        if trial.candidate == DEFAULT and trial.value >= best - MARGIN:
            return trial
    alike = [trial for trial in trials if trial.value >= best - EQUAL]
    return min(alike, key=lambda trial: (trial.seconds, -trial.value))


def _reason_to_skip(
    candidate: Candidate,
    side: int | None,
    trials: Sequence[Trial],
    coarse: TrialPictures,
    left_s: float,
) -> str:
    """side: of the fine input; None if there is none. left_s: time that is left."""
    if candidate.fine and side is None:
        return "the pictures are too small or too long for a finer input, or cannot be read again"
    if not trials:
        return ""
    expected_s = 0.0
    if candidate.fine and side is not None:
        ratio = (side / min(coarse.input_hw)) ** 2
        expected_s = ratio**SLOWER * sum(
            trial.seconds
            for trial in trials
            if not trial.candidate.fine and trial.candidate.is_like(candidate)
        )
    return "" if expected_s < left_s else "no time was left"


def _try(candidate: Candidate, pictures: TrialPictures, options: TrialOptions) -> tuple[Trial, ...]:
    return try_candidate(
        candidate,
        pictures,
        backbone=options.backbone,
        sigma=options.sigma,
        threads=options.threads,
    )


def _selection(
    trials: Sequence[Trial], skipped: list[SelectionCandidate], best: Trial, options: TrialOptions
) -> Selection:
    listed = [
        SelectionCandidate(
            trial.candidate.method,
            trial.candidate.settings,
            score=trial.figure,
            seconds=trial.seconds,
            note=_describe_handicap(trial.candidate),
        )
        for trial in trials
    ]
    return Selection(
        _criterion(best),
        (*listed, *skipped),
        trials.index(best),
        _reason(trials, best),
        options.budget_s,
    )


def _describe_handicap(candidate: Candidate) -> str:
    points = 100 * candidate.handicap
    return f"{points:.0f} points are subtracted before it is compared" if points else ""


def _criterion(best: Trial) -> str:
    if best.real is None:
        return CRITERION
    count = len(best.real)
    return (
        f"{CRITERION}; the same share of the {count} real defects has a weight of "
        f"{real_share(count):.0%}"
    )


def _reason(trials: Sequence[Trial], best: Trial) -> str:
    name = best.candidate.describe()
    usual = next((trial for trial in trials if trial.candidate == DEFAULT), None)
    defects = "simulated defects" if best.real is None else "simulated and real defects"
    summary = f"{name} finds {best.figure:.1%} of the {defects} in the trials"
    if usual is None or usual is best:
        return (
            f"{summary}; it is the default, and no other settings are better by {MARGIN:.0%}, less "
            "their handicap"
        )
    return f"{summary}, the default {DEFAULT.describe()} {usual.figure:.1%}"
