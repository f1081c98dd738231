"""Counts misses and false alarms of thresholds that were chosen without the counted pictures."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from learning.metrics.intervals import clopper_pearson
from learning.thresholds.folds import Indices, LeftOut, split_folds
from learning.thresholds.rules import Rule

FOLDS: Final = 10
"""Up to this many defective pictures, each is one fold."""

SEED: Final = 0


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """missed: of `defective` pictures. alarms: of `good` pictures."""

    missed: int
    defective: int
    alarms: int
    good: int

    def describe(self) -> str:
        """For people, with 95 % intervals of both rates."""
        return (
            f"cross-validated: {_count(self.missed, self.defective, 'defective')} missed, "
            f"{_count(self.alarms, self.good, 'good')} fail; the threshold for each picture was "
            "chosen without it"
        )


def cross_validate(left_out: LeftOut, anomalous: LeftOut, rule: Rule) -> CrossValidated | None:
    """k-fold over the scores of both groups. None if a group has fewer than two pictures, so that
    nothing is left to choose a threshold from."""
    good, bad = left_out.scores, anomalous.scores
    folds = min(FOLDS, len(good), len(bad))
    if folds < 2:
        return None
    alarms = missed = 0
    for good_part, bad_part in zip(
        split_folds(len(good), ordered=left_out.ordered, seed=SEED, folds=folds),
        split_folds(len(bad), ordered=False, seed=SEED, folds=folds),
        strict=True,
    ):
        limit = rule.of(_without(good, good_part), _without(bad, bad_part))
        alarms += int(np.count_nonzero(good[good_part] > limit))
        missed += int(np.count_nonzero(bad[bad_part] <= limit))
    return CrossValidated(missed, len(bad), alarms, len(good))


def _without(scores: np.ndarray, part: Indices) -> np.ndarray:
    return np.delete(scores, part)


def _count(count: int, of: int, kind: str) -> str:
    low, high = clopper_pearson(count, of)
    return f"{count} of {of} {kind} pictures (95 % interval {low:.1%} to {high:.1%})"
