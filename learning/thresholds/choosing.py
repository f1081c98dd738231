"""Chooses thresholds from the scores of normal pictures that the model was not fitted on.

A conformal threshold is just above one of the n left-out scores. If a new normal picture is
exchangeable with the n, its rank among them is uniform. This gives both the rate on average and the
promise with confidence (see learning.thresholds.rules). Held-out scores come from the shipped
model, and both are exact. K-fold scores come from models of fewer pictures and are mostly a little
too high, so both are approximate, mostly on the safe side.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engines.spec import ThresholdRule
from inspector.core.errors import ConfigError
from learning.metrics.intervals import clopper_pearson
from learning.thresholds.blocks import block_length, block_maxima
from learning.thresholds.cross_validation import cross_validate
from learning.thresholds.folds import COPIES, HELD_OUT, K_FOLD, NEW, LeftOut
from learning.thresholds.rules import (
    ASK,
    CAREFUL,
    CONFIDENCE,
    DROP,
    FLOOR,
    KEEP,
    PICTURES,
    Rule,
    Values,
    conformal_rank,
    outlier_limit,
    promise_of_rank,
    supported_rate,
)

THRESHOLD_AT: Final = 0.5
"""Share of the display range at the pixel threshold. Colours go by its square root, so the
threshold is at 0.71 of the scale, where orange begins, and weak scores get most of the colours."""

ASSUMED: Final = {
    K_FOLD: "assumes that new good pictures come from the same conditions as these (exchangeable); "
    "approximate and mostly on the safe side, because models of fewer pictures scored these",
    HELD_OUT: "assumes that new good pictures come from the same conditions as these "
    "(exchangeable); the engine scored these and was not fitted on them",
    COPIES: "from altered copies of one good picture: nothing is promised about the rate of false "
    "alarms, because one picture does not show how good product varies",
    NEW: "assumes that new good pictures come from the same conditions as these (exchangeable); "
    "the engine scored these and was not fitted on them",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """See EngineSpec for the fields."""

    image: float
    pixel: float
    display_range: tuple[float, float]
    rule: ThresholdRule


@dataclass(frozen=True, slots=True)
class Parts:
    """The independent parts of the normals: single pictures, or blocks of a stream."""

    frames: int
    length: int

    @property
    def count(self) -> int:
        return max(1, self.frames // self.length)

    @property
    def unit(self) -> str:
        return PICTURES if self.length == 1 else f"independent blocks of {self.length} frames"


def independent_parts(left_out: LeftOut) -> Parts:
    if left_out.scheme == COPIES:
        return Parts(1, 1)
    return Parts(len(left_out.scores), block_length(left_out.scores) if left_out.ordered else 1)


def choose_thresholds(
    left_out: LeftOut,
    rule: Rule | None = None,
    *,
    anomalous: LeftOut | None = None,
    selected: bool = False,
    note: str = "",
) -> Thresholds:
    """rule: None for the robust one at its default rate. selected: the scores decided which
    normals or which rate count.

    The pixel threshold follows the same rule, from the peaks of the maps. So the rate of the image
    threshold also holds for showing a region, each separately. A rule that promises a rate uses the
    highest score of each independent block. The other rules use every frame. Raises
    ConfigError for a rate or promise that the normals cannot support, and for anomalous pictures if
    the rule does not use them.
    """
    rule = rule or Rule()
    if (anomalous is None) == rule.needs_anomalous:
        verb = "needs" if rule.needs_anomalous else "takes no"
        raise ConfigError(f"rule {rule.name} {verb} defective pictures")
    parts = independent_parts(left_out)
    if left_out.scheme != COPIES:
        _rate_and_promise(rule, parts, 0)  # first, so that an error counts blocks and not frames
    length = parts.length if rule.promises else 1
    image, pixel = (
        _just_above(rule.of(block_maxima(mine, length), other))
        for mine, other in (
            (left_out.scores, None if anomalous is None else anomalous.scores),
            (left_out.peaks, None if anomalous is None else anomalous.peaks),
        )
    )
    above = count_failing(left_out, image)
    confidence = CAREFUL if selected or rule.name == "robust" else CONFIDENCE
    rate, promise = None, None
    if left_out.scheme != COPIES:
        rate, promise = _rate_and_promise(rule, parts, above, confidence)
    return Thresholds(
        image,
        pixel,
        display_range(float(np.median(left_out.levels)), pixel),
        explain_threshold(
            left_out,
            image,
            name=rule.name,
            parameters=rule.all_parameters(),
            rate=rate,
            promise=promise,
            notes=(
                _describe_assumptions(left_out, parts, rule),
                _describe_anomalous(left_out, anomalous, rule, image),
                note,
            ),
        ),
    )


def check_supported(rule: Rule, count: int) -> None:
    """Raises ConfigError if n independent normals alone cannot support the rule, and for
    parameters that it cannot take."""
    if rule.needs_anomalous:
        raise ConfigError(f"rule {rule.name} needs defective pictures")
    _rate_and_promise(rule, Parts(count, 1), 0)
    rule.of(np.ones(count))


def count_failing(left_out: LeftOut, image: float) -> int:
    """Number of independent parts of the normals with a picture at or above the threshold."""
    highest = block_maxima(left_out.scores, independent_parts(left_out).length)
    return int(np.count_nonzero(highest >= np.float32(image)))


def suspects_note(count: int, suspects: str, rule: str) -> str:
    """What `count` pictures that stand out mean for the promise. suspects: one of SUSPECTS. rule:
    the name of the rule."""
    if not count:
        return ""
    pictures = "1 good picture stands" if count == 1 else f"{count} good pictures stand"
    meaning = {
        ASK: "it is not known whether such pictures are good product: they do not raise the "
        "threshold, and those that fail are counted as false alarms above"
        if rule == "robust"
        else "it is not known whether such pictures are good product: they count like the others "
        f"and can raise the threshold, because the rule is {rule}",
        KEEP: "the user says that such pictures are good product: they count like the others",
        DROP: "the user says that such pictures are not good product: they are not used, and the "
        "rates above are about pictures like the others only",
    }
    return f"{pictures} out; {meaning[suspects]}"


def explain_threshold(
    left_out: LeftOut,
    image: float,
    *,
    name: str,
    parameters: dict[str, float],
    notes: tuple[str, ...],
    rate: float | None = None,
    promise: float | None = None,
) -> ThresholdRule:
    """How an image threshold was chosen, and how many normals fail at it."""
    parts = independent_parts(left_out)
    failed = min(count_failing(left_out, image), parts.count)
    return ThresholdRule(
        rule=name,
        false_alarm_rate=rate,
        normals=parts.frames,
        folds=left_out.folds,
        interval=clopper_pearson(failed, parts.count),
        note=join_notes(*notes),
        parameters=parameters,
        scheme=_scheme(left_out),
        alarms=None if left_out.scheme == COPIES else failed,
        promise=promise,
        block_frames=parts.length,
        blocks=parts.count,
    )


def join_notes(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def display_range(low: float, pixel: float) -> tuple[float, float]:
    """low: the usual level of normal maps, where the colour scale begins."""
    if not pixel > low:
        raise ConfigError(
            f"pixel threshold {pixel:g} is not above {low:g}, the usual level of good pictures"
        )
    return low, low + (pixel - low) / THRESHOLD_AT


def find_suspects(scores: Values) -> npt.NDArray[np.int64]:
    """Indices of normals above the outlier limit, highest first: they may not be normal."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] > outlier_limit(scores)]


def _rate_and_promise(
    rule: Rule, parts: Parts, above: int, confidence: float = CONFIDENCE
) -> tuple[float | None, float | None]:
    """The rate on average and the promise with confidence; each follows from the other's rank.

    above: number of parts that fail. If outliers fail in addition to the rate, they count: the
    bound for `above` of n is that of Clopper and Pearson.
    """
    if not rule.promises:
        return None, None
    count = parts.count
    rate, promise = rule.parameters.get("rate"), rule.parameters.get("promise")
    rank = conformal_rank(count, rate, promise, unit=parts.unit)
    if rule.name == "robust" and count - above < rank:
        return (above + 1) / (count + 1), promise_of_rank(count, count - above, confidence)
    if promise is None:
        return supported_rate(count, rate), promise_of_rank(count, rank, confidence)
    return (count + 1 - rank) / (count + 1), promise


def _scheme(left_out: LeftOut) -> str:
    if left_out.scheme != K_FOLD:
        return left_out.scheme
    count = len(left_out.scores)
    return "leave-one-out" if left_out.folds == count else f"{left_out.folds}-fold"


def _describe_assumptions(left_out: LeftOut, parts: Parts, rule: Rule) -> str:
    if not rule.promises:
        return f"{rule.name} promises no rate of false alarms"
    if parts.length == 1:
        return ASSUMED[left_out.scheme]
    return f"{ASSUMED[left_out.scheme]}; counted in blocks, because neighbouring frames are alike"


def _describe_anomalous(
    left_out: LeftOut, anomalous: LeftOut | None, rule: Rule, image: float
) -> str:
    if anomalous is None:
        return ""
    count = len(anomalous.scores)
    failed = np.count_nonzero(anomalous.scores >= np.float32(image))
    counted = cross_validate(left_out, anomalous, rule)
    checked = (
        "too few pictures to cross-validate the threshold"
        if counted is None
        else counted.describe()
    )
    return f"{failed} of {count} defective pictures fail, and they chose the threshold; {checked}"


def _just_above(value: float) -> float:
    """The next float32. A picture fails at the threshold or above, so a picture with this value
    passes. Raises ConfigError if there is no next float32."""
    if not value < float(np.finfo(np.float32).max):
        raise ConfigError(f"the rule gives the threshold {value:g}, which no score can reach")
    return float(np.nextafter(np.float32(max(value, FLOOR)), np.float32(np.inf)))
