"""Rules that choose a threshold from the scores of normal pictures, and what each one promises."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv

from engines.spec import describe_odds
from inspector.core.errors import ConfigError
from learning.options import check_within
from learning.thresholds.least_loss import least_loss

DEFAULT_RATE: Final = 0.05
"""The default rate, if there are 19 normals or more."""

RATES: Final = (0.01, 0.02, 0.05, 0.1)
"""Rates whose thresholds an engine states."""

OUTLIER: Final = 3.5
"""Robust standard deviations (Iglewicz and Hoaglin 1993), for many values."""

LEAST_FOR_OUTLIERS: Final = 5
"""Fewer values have no outlier."""

MOST_ODD: Final = 0.1
"""Largest share of the normals, but at least one picture, that `robust` lets fail as outliers."""

FLOOR: Final = 1e-4
"""Smallest threshold. Identical pictures have a score of 0 apart from rounding, which is below 1e-6
and differs between machines."""

CONFIDENCE: Final = 0.95
"""Of every promise."""

CAREFUL: Final = 0.97
"""Used in place of CONFIDENCE if the scores themselves decide which pictures or which rate count.
Without it, fewer than 95 % of simulated fits keep the promise (`python -m benchmarks.promise`)."""

PICTURES: Final = "good pictures"

MAD_TO_SIGMA: Final = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""

ASK, KEEP, DROP = "ask", "keep", "drop"
SUSPECTS: Final = (ASK, KEEP, DROP)
"""Whether normals that stand out belong to good product. ask: it is not known; the model knows
them, and they fail rather than raise the threshold. keep: they do, and count like the others. drop:
they do not, and are not used."""

Values = npt.NDArray[np.floating]


def percentile(values: Values, *, q: float = 99.5) -> float:
    """Linear between the two nearest ranks."""
    check_within("q", q, 0, 100)
    return float(np.percentile(values, q))


def mean_sigma(values: Values, *, k: float = 3.0) -> float:
    """Mean + k standard deviations (of n - 1; of a single value 0)."""
    check_within("k", k, 0)
    spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return float(np.mean(values) + k * spread)


def median_mad(values: Values, *, k: float = 3.0) -> float:
    """Median + k times 1.4826 median absolute deviations."""
    check_within("k", k, 0)
    median = np.median(values)
    return float(median + k * MAD_TO_SIGMA * np.median(np.abs(values - median)))


def iqr(values: Values, *, k: float = 1.5) -> float:
    """Third quartile + k interquartile ranges (Tukey's fence)."""
    check_within("k", k, 0)
    first, third = np.percentile(values, (25, 75))
    return float(third + k * (third - first))


def conformal(values: Values, *, rate: float | None = None, promise: float | None = None) -> float:
    """The value of conformal_rank, counted from 1."""
    return float(np.sort(values)[conformal_rank(len(values), rate, promise) - 1])


def outlier_limit(values: Values) -> float:
    """Values above it are outliers: OUTLIER * (1 + 4 / n) times 1.4826 median absolute deviations
    above the median of the logarithms. Scores of normals spread in proportion to their size, and
    the factor is larger for few values, whose spread is known less well. Infinite if there is no
    spread or there are fewer than LEAST_FOR_OUTLIERS values."""
    if len(values) < LEAST_FOR_OUTLIERS:
        return math.inf
    logs = np.log(np.maximum(values, FLOOR))
    median = np.median(logs)
    spread = MAD_TO_SIGMA * np.median(np.abs(logs - median))
    factor = OUTLIER * (1 + 4 / len(values))
    return float(np.exp(median + factor * spread)) if spread > 0 else math.inf


def robust(values: Values, *, rate: float | None = None) -> float:
    """The value of `conformal`, or `odd_limit` if that is lower."""
    return min(conformal(values, rate=rate), odd_limit(values))


def odd_limit(values: Values) -> float:
    """`outlier_limit`, or higher, so that at most a share MOST_ODD of the values (but one is
    allowed) lies above it. Infinite if all may."""
    allowed = max(1, int(MOST_ODD * len(values)))
    if allowed >= len(values):
        return math.inf
    return max(outlier_limit(values), float(np.sort(values)[-allowed - 1]))


def f1_max(values: Values, anomalous: Values, *, keep_odd: float = 0) -> float:
    """The threshold with the highest F1, see `least_loss`."""

    def loss(missed: Values, alarms: Values) -> Values:
        detected = len(anomalous) - missed
        return -2 * detected / (len(anomalous) + detected + alarms)

    return least_loss(values, anomalous, loss, _highest(values, keep_odd))


def cost(
    values: Values,
    anomalous: Values,
    *,
    miss: float = 1.0,
    false_alarm: float = 1.0,
    keep_odd: float = 0,
) -> float:
    """The threshold with the lowest cost of these pictures, see `least_loss`. miss, false_alarm:
    cost of a defective picture that passes, and of a normal that fails."""
    check_within("miss", miss, 0)
    check_within("false_alarm", false_alarm, 0)

    def loss(missed: Values, alarms: Values) -> Values:
        return miss * missed + false_alarm * alarms

    return least_loss(values, anomalous, loss, _highest(values, keep_odd))


def _highest(values: Values, keep_odd: float) -> float:
    """keep_odd: 1 if odd normals count like the others, 0 if they do not raise the threshold."""
    check_within("keep_odd", keep_odd, 0, 1)
    return math.inf if keep_odd else odd_limit(values)


RULES: Final[dict[str, Callable[..., float]]] = {
    "robust": robust,
    "conformal": conformal,
    "percentile": percentile,
    "mean_sigma": mean_sigma,
    "median_mad": median_mad,
    "iqr": iqr,
    "f1_max": f1_max,
    "cost": cost,
}
"""Name -> scores (n,) and keyword parameters -> the highest score that still passes. f1_max and
cost also take the scores of anomalous pictures."""


WITH_DEFECTS: Final = ("f1_max", "cost")
"""Rules that need the scores of anomalous pictures."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One of RULES with its parameters; missing ones have the defaults of the rule."""

    name: str = "robust"
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise ConfigError(f"rule {self.name!r} is unknown; known: {', '.join(RULES)}")
        known = self.defaults()
        for key in self.parameters:
            if key not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ConfigError(f"rule {self.name} has no parameter {key}; {has}")
        if len(self.parameters) > 1 and self.name == "conformal":
            raise ConfigError("rule conformal takes a rate or a promise, not both")

    @property
    def promises(self) -> bool:
        """Whether the rule states how often a new normal picture fails."""
        return self.name in ("robust", "conformal")

    @property
    def needs_anomalous(self) -> bool:
        return self.name in WITH_DEFECTS

    def defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(RULES[self.name]).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def all_parameters(self) -> dict[str, float]:
        """All parameters, with the defaults of those that were not set."""
        together = self.defaults() | dict(self.parameters)
        return {key: value for key, value in together.items() if value is not None}

    def of(self, values: Values, anomalous: Values | None = None) -> float:
        """The highest score that still passes."""
        if not np.isfinite(values).all() or (
            anomalous is not None and not np.isfinite(anomalous).all()
        ):
            raise ConfigError("a threshold cannot be chosen from scores that are not finite")
        groups = [values] if anomalous is None else [values, anomalous]
        exact = (array.astype(np.float64) for array in groups)
        return RULES[self.name](*exact, **self.parameters)


def default_rule(suspects: str = ASK, *, anomalous: bool = False) -> "Rule":
    """The rule for one of SUSPECTS at its default rate. anomalous: there are defective pictures."""
    if anomalous:
        return Rule("f1_max", {"keep_odd": 1} if suspects == KEEP else {})
    return Rule("robust" if suspects == ASK else "conformal")


def conformal_rank(
    count: int, rate: float | None, promise: float | None, *, unit: str = PICTURES
) -> int:
    """Which of n sorted scores is the highest that passes, by a rate (None: the default) or a
    promise. Raises ConfigError for what n normals cannot support. unit: what is counted."""
    if promise is None:
        return rank_of_rate(count, supported_rate(count, rate, unit=unit))
    return rank_of_promise(count, promise, unit=unit)


def supported_rate(count: int, rate: float | None, *, unit: str = PICTURES) -> float:
    """The rate, or the default for None. Raises ConfigError if n normals cannot support it."""
    least = 1 / (count + 1)
    if rate is None:
        return max(DEFAULT_RATE, least)
    if not 0 < rate < 1:
        raise ConfigError(f"false_alarm_rate must lie between 0 and 1, not {rate}")
    # A decimal such as 0.03125 for 1/32 may be a little too small because of rounding.
    if rate < least * (1 - 1e-9):
        raise ConfigError(
            f"false_alarm_rate {rate:g} needs at least {math.ceil(1 / rate) - 1} {unit}, there "
            f"are only {count}: use more, or at least the rate 1/{count + 1}"
        )
    return rate


def rank_of_rate(count: int, rate: float) -> int:
    """ceil((n + 1)(1 - rate)): a new score exchangeable with the n lies above the one of this rank
    with a probability of at most the rate (split conformal prediction)."""
    # (n + 1)(1 - rate) may miss a whole number by rounding, which would cost a whole rank.
    return max(1, math.ceil((count + 1) * (1 - rate) - 1e-9))


def rank_of_promise(count: int, promise: float, *, unit: str = PICTURES) -> int:
    """The lowest rank r with P(Beta(n + 1 - r, r) <= promise) >= CONFIDENCE: the share of normal
    pictures above the r-th of n scores has that distribution (Wilks 1941, tolerance limits).

    Raises ConfigError, with how many are needed, if n normals cannot support it.
    """
    if not 0 < promise < 1:
        raise ConfigError(f"promise must lie between 0 and 1, not {promise}")
    least = least_promise(count)
    if promise < least * (1 - 1e-9):
        needed = math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-promise) - 1e-9)
        smallest = math.ceil(least * 1e4) / 1e4
        raise ConfigError(
            f"promise {promise:g}{describe_odds(promise)} needs at least {needed} {unit}, there "
            f"are only {count}: use more, or at least the promise {smallest:.4f}"
            f"{describe_odds(least)}"
        )
    ranks = np.arange(1, count + 1)
    confident = betainc(count + 1 - ranks, ranks, promise) >= CONFIDENCE - 1e-9
    return int(ranks[confident][0])


def promise_of_rank(count: int, rank: int, confidence: float = CONFIDENCE) -> float:
    """The largest share of normal pictures above the score of this rank, with this confidence."""
    return float(betaincinv(count + 1 - rank, rank, confidence))


def least_promise(count: int) -> float:
    """The smallest promise that n normals support, about 3/n. The highest score gives it."""
    return -math.expm1(math.log(1 - CONFIDENCE) / count)
