"""Fits curves of detection over size, and bounds the size that is found at a rate.

The model is that of MIL-HDBK-1823A for hit and miss data: a function of the probability of
detection, the link, is linear in the logarithm of the size. With the logit this is the logistic
curve. The two log-log links give curves that rise faster below or above their middle. The bound is
that of the likelihood ratio. It is widened for pictures that are used for several sizes: by the
ratio of the sandwich variance over pictures to the variance of the model (K.-Y. Liang and S. L.
Zeger, Biometrika 73, 1986), and by the t distribution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import chi2, t

from learning.metrics.intervals import CONFIDENCE

Values = npt.NDArray[np.float64]

STEPS: Final = 100
"""Steps of the search for the largest likelihood, at most."""

SMALL: Final = 1e-9
"""The search ends if a step raises the log likelihood by less."""

HALVINGS: Final = 50
"""Steps of the search for the bound, and halvings of a step that is too long."""

LIMIT: Final = 1e-12
"""Probabilities are at least this far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Link:
    """detection: value of the linear function -> probability. slope: its derivative. inverse:
    probability -> value of the linear function."""

    detection: Callable[[Values], Values]
    slope: Callable[[Values], Values]
    inverse: Callable[[float], float]


def _gumbel(eta: Values) -> Values:
    return np.asarray(np.exp(-np.exp(np.clip(-eta, -700, 700))))


def _gumbel_slope(eta: Values) -> Values:
    clipped = np.clip(eta, -700, 700)
    return np.asarray(np.exp(-clipped - np.exp(np.clip(-clipped, -700, 700))))


LINKS: Final[dict[str, Link]] = {
    "logistic": Link(expit, lambda eta: expit(eta) * expit(-eta), lambda rate: float(logit(rate))),
    "log-log": Link(_gumbel, _gumbel_slope, lambda rate: float(-np.log(-np.log(rate)))),
    "complementary log-log": Link(
        lambda eta: 1 - _gumbel(-eta),
        lambda eta: _gumbel_slope(-eta),
        lambda rate: float(np.log(-np.log1p(-rate))),
    ),
}
"""Name of a curve -> its link."""


@dataclass(frozen=True, slots=True)
class DetectionCurve:
    """link(probability of detection) = intercept + slope * ln(size).

    name: in LINKS. widening: how much larger the variance is than that of independent trials, at
    least 1. misfit_p: probability that chance alone makes the shares of the sizes differ more from
    the curve (Pearson's chi-squared).
    """

    name: str
    intercept: float
    slope: float
    log_likelihood: float
    widening: float
    misfit_p: float


def fit_curve(name: str, sizes: Values, detected: Values) -> DetectionCurve | None:
    """name: of the link. sizes: (k,), rising. detected: (n, k), 1 found, 0 missed, NaN not tried;
    one row for each picture. None if there is no curve: found and missed sizes do not overlap, or
    the share found does not rise with the size."""
    trials = _Trials.of(sizes, detected)
    if trials.separate:
        return None
    link, middle = LINKS[name], float(trials.x.mean())
    design = np.stack((np.ones_like(trials.x), trials.x - middle), axis=1)
    weights, value = _maximise(link, design, np.zeros(len(trials.x)), trials.hits)
    if weights[1] <= SMALL:
        return None
    curve = link.detection(weights[0] + weights[1] * (np.log(sizes) - middle))
    return DetectionCurve(
        name,
        intercept=float(weights[0] - weights[1] * middle),
        slope=float(weights[1]),
        log_likelihood=value,
        widening=_widening(link, design, weights, trials),
        misfit_p=_misfit_p(curve, detected),
    )


def bound_size(curve: DetectionCurve, sizes: Values, detected: Values, rate: float) -> float | None:
    """The size that is found at least at this rate, with 95 % confidence. None if it is larger
    than all sizes that were tried. sizes, detected: as in fit_curve."""
    trials, link = _Trials.of(sizes, detected), LINKS[curve.name]
    level, largest = link.inverse(rate), float(np.log(sizes[-1]))
    limit = curve.widening * float(t.ppf(CONFIDENCE, trials.pictures - 1)) ** 2
    offset = np.full(len(trials.x), level)

    def is_excluded(log_size: float) -> bool:
        """Whether the data contradict that only this size is found at the rate."""
        design = (trials.x - log_size)[:, None]
        slope, value = _maximise(link, design, offset, trials.hits)
        if slope[0] < 0:
            value = _log_likelihood(link, offset, trials.hits)
        return 2 * (curve.log_likelihood - value) > limit

    low, high = (level - curve.intercept) / curve.slope, largest
    if low >= largest or not is_excluded(largest):
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_excluded(middle) else (middle, high)
    return float(np.exp(high))


@dataclass(frozen=True, slots=True)
class _Trials:
    """x: log size of each trial. hits: 1 or 0. rows: the picture of each."""

    x: Values
    hits: Values
    rows: npt.NDArray[np.intp]

    @classmethod
    def of(cls, sizes: Values, detected: Values) -> "_Trials":
        rows, columns = np.nonzero(np.isfinite(detected))
        return cls(np.log(sizes)[columns], detected[rows, columns], rows)

    @property
    def pictures(self) -> int:
        return len(np.unique(self.rows))

    @property
    def separate(self) -> bool:
        """Whether a size divides all found defects from all missed ones, or all are alike."""
        detected, missed = self.x[self.hits > 0], self.x[self.hits == 0]
        return not len(detected) or not len(missed) or bool(missed.max() <= detected.min())


def _maximise(link: Link, design: Values, offset: Values, hits: Values) -> tuple[Values, float]:
    """Weights with the largest likelihood, by Fisher scoring, and its logarithm.

    design: (n, m). offset: (n,), added to the linear function.
    """
    weights = np.zeros(design.shape[1])
    value = _log_likelihood(link, offset, hits)
    for _ in range(STEPS):
        eta = offset + design @ weights
        detection, slope = _clipped(link, eta), link.slope(eta)
        work = slope / (detection * (1 - detection))
        bend = design.T @ (design * (work * slope)[:, None])
        step = np.linalg.lstsq(bend, design.T @ (work * (hits - detection)), rcond=None)[0]
        for _ in range(HALVINGS):
            trial = _log_likelihood(link, eta + design @ step, hits)
            if trial >= value:
                break
            step = step / 2
        gain = trial - value
        if gain < 0:
            break
        weights, value = weights + step, trial
        if gain < SMALL:
            break
    return weights, value


def _clipped(link: Link, eta: Values) -> Values:
    return np.asarray(np.clip(link.detection(eta), LIMIT, 1 - LIMIT))


def _log_likelihood(link: Link, eta: Values, hits: Values) -> float:
    detection = _clipped(link, eta)
    return float(np.log(np.where(hits > 0, detection, 1 - detection)).sum())


def _widening(link: Link, design: Values, weights: Values, trials: _Trials) -> float:
    """Sandwich variance over pictures divided by that of the model, in the direction in which this
    ratio is largest; at least 1."""
    eta = design @ weights
    detection, slope = _clipped(link, eta), link.slope(eta)
    work = slope / (detection * (1 - detection))
    bread = np.linalg.pinv(design.T @ (design * (work * slope)[:, None]))
    root = np.linalg.cholesky(bread)
    _, places = np.unique(trials.rows, return_inverse=True)
    sums = np.zeros((trials.pictures, 2))
    np.add.at(sums, places, design * (work * (trials.hits - detection))[:, None])
    spread = sums.T @ sums * trials.pictures / max(trials.pictures - 1, 1)
    return max(1.0, float(np.linalg.eigvalsh(root.T @ spread @ root).max()))


def _misfit_p(curve: Values, detected: Values) -> float:
    tried = np.isfinite(detected).sum(axis=0)
    expected, variance = tried * curve, tried * curve * (1 - curve)
    used = variance > 0
    difference = (np.nansum(detected, axis=0) - expected)[used]
    freedom = int(used.sum()) - 2
    if freedom < 1:
        return 1.0
    return float(chi2.sf((difference**2 / variance[used]).sum(), freedom))
