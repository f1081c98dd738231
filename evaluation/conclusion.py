"""Says in one sentence whether an image threshold is useful, and what to do if it is not.

The rule. A threshold is useful if at most 5 % of the good test pictures fail (rounded up to whole
pictures) and at most 10 % of the defective ones pass. Otherwise the best threshold for these
pictures is searched: the fewest misses with at most 5 % false alarms. If it is useful, or if it at
least halves the sum of both rates, the threshold is badly chosen. If it does not, the scores of
good and defective pictures overlap, and another method or other pictures are needed.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np

from evaluation.formats import count_of, fraction, percent, score
from inspector.core.schema import OneOf
from learning.metrics import curves
from learning.metrics.curves import Steps

MAX_FALSE_ALARM_RATE: Final = 0.05
"""Rounded up to whole pictures: a test of few good pictures cannot tell 0 from 5 %."""

MAX_MISS_RATE: Final = 0.10
FEW_PICTURES: Final = 10
"""With fewer good or defective pictures, one picture is more than the limits of the rates."""

USEFUL, CHOOSE_THRESHOLD = "useful", "choose_threshold"
CHOOSE_METHOD, UNKNOWN = "choose_method", "unknown"

RULE: Final = (
    f"useful: at most {MAX_FALSE_ALARM_RATE:.0%} of the good pictures fail (rounded up to whole "
    f"pictures) and at most {MAX_MISS_RATE:.0%} of the defective ones pass. Another threshold is "
    "recommended if one is useful on these pictures or halves the sum of both rates; otherwise "
    "another method"
)


@dataclass(frozen=True, slots=True)
class Trade:
    """Numbers of test pictures with a wrong verdict at an image threshold."""

    threshold: float
    false_alarms: int
    misses: int


@dataclass(frozen=True, slots=True)
class Conclusion:
    """status: useful, choose_threshold (another one is much better), choose_method (no threshold is
    good), unknown (good or defective pictures are missing). sentence: the same for the reader.
    best: the fewest misses with at most MAX_FALSE_ALARM_RATE, selected on the test pictures; None
    if good or defective pictures are missing."""

    status: Annotated[str, OneOf(USEFUL, CHOOSE_THRESHOLD, CHOOSE_METHOD, UNKNOWN)]
    sentence: str
    best: Trade | None = None


@dataclass(frozen=True, slots=True)
class _Test:
    """steps: scores of the test pictures. good, defective: number of pictures."""

    steps: Steps
    good: int
    defective: int

    def at(self, threshold: float) -> Trade:
        above = int(np.count_nonzero(self.steps.thresholds >= threshold))
        if not above:
            return Trade(threshold, 0, self.defective)
        alarms, detected = int(self.steps.alarms[above - 1]), int(self.steps.detected[above - 1])
        return Trade(threshold, alarms, self.defective - detected)

    @property
    def allowed_alarms(self) -> int:
        return math.ceil(MAX_FALSE_ALARM_RATE * self.good)

    def best(self) -> Trade:
        """The fewest misses with the allowed false alarms, then the fewest false alarms."""
        trades = [self.at(value) for value in self._candidates()]
        allowed = [trade for trade in trades if trade.false_alarms <= self.allowed_alarms]
        return min(allowed, key=lambda trade: (trade.misses, trade.false_alarms))

    def _candidates(self) -> list[float]:
        """Thresholds above all scores and in the middle between neighbouring scores."""
        scores = self.steps.thresholds
        middles = (scores[:-1] + scores[1:]) / 2
        above = float(np.nextafter(scores[0], np.inf))
        return [above, *(middles if len(middles) else []), float(scores[-1])]

    def is_useful(self, trade: Trade) -> bool:
        few_misses = trade.misses <= MAX_MISS_RATE * self.defective
        return few_misses and trade.false_alarms <= self.allowed_alarms

    def error_rate(self, trade: Trade) -> float:
        return trade.false_alarms / self.good + trade.misses / self.defective


def conclude(steps: Steps, threshold: float) -> Conclusion:
    """steps: of the scores of all scored test pictures, see learning.metrics.image.steps.
    threshold: a picture FAILs if its score is at or above it."""
    defective, good = int(steps.detected[-1]), int(steps.alarms[-1])
    test = _Test(steps, good, defective)
    trade = test.at(threshold)
    if not defective:
        return _without_defective(test, trade)
    if not good:
        return Conclusion(
            UNKNOWN,
            f"This test cannot say whether the threshold is useful, because it has no good "
            f"pictures: the threshold misses {_misses(test, trade)}. Test with good pictures, too.",
        )
    counts = f"it misses {_misses(test, trade)} and fails {_alarms(test, trade)}"
    best = test.best()
    if test.is_useful(trade):
        return Conclusion(USEFUL, f"This threshold is useful: {counts}.{_few(test)}", best)
    if test.is_useful(best) or test.error_rate(best) <= test.error_rate(trade) / 2:
        advice = (
            f"Choose another threshold or rate: at {score(best.threshold)} it would miss "
            f"{best.misses} of {defective} and fail {best.false_alarms} of {good} of these pictures"
        )
        sentence = f"This threshold is not useful: {counts}. {advice}.{_few(test)}"
        return Conclusion(CHOOSE_THRESHOLD, sentence, best)
    auroc = float(curves.area_under_roc(steps.detected, steps.alarms))
    return Conclusion(
        CHOOSE_METHOD,
        f"This threshold is not useful, and no other one is: {counts}; the best threshold "
        f"({score(best.threshold)}) would miss {best.misses} of {defective} and fail "
        f"{best.false_alarms} of {good}. The scores of good and defective pictures overlap (image "
        f"AUROC {fraction(auroc)}): choose another method, a larger input or better pictures."
        f"{_few(test)}",
        best,
    )


def _without_defective(test: _Test, trade: Trade) -> Conclusion:
    if trade.false_alarms > test.allowed_alarms:
        sentence = (
            f"This threshold is not useful: it fails {_alarms(test, trade)}. Choose a higher "
            "threshold or a lower rate. What it would miss is unknown, because no defective "
            "picture was tested."
        )
        return Conclusion(CHOOSE_THRESHOLD, sentence)
    sentence = (
        "This test cannot say whether the threshold is useful, because it has no defective "
        f"pictures: the threshold fails {_alarms(test, trade)}. Test with defective pictures, too."
    )
    return Conclusion(UNKNOWN, sentence)


def _misses(test: _Test, trade: Trade) -> str:
    share = percent(trade.misses / test.defective)
    return f"{trade.misses} of {count_of(test.defective, 'defective picture')} ({share})"


def _alarms(test: _Test, trade: Trade) -> str:
    share = percent(trade.false_alarms / test.good)
    return f"{trade.false_alarms} of {count_of(test.good, 'good picture')} ({share})"


def _few(test: _Test) -> str:
    """A caution about a small test; empty for a larger one."""
    if min(test.good, test.defective) >= FEW_PICTURES:
        return ""
    return (
        f" This is a small test: use at least {FEW_PICTURES} good and {FEW_PICTURES} defective "
        "pictures before you rely on it."
    )
