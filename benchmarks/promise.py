"""Counts how often a threshold keeps its promise in simulated fits.

python -m benchmarks.promise draws the scores of good pictures from known distributions, chooses a
threshold as `fit` does, and compares the true share of false alarms with the promise. With a
confidence of 95 %, at least 938 of 1,000 fits must keep it (below, chance explains the difference
in 5 % of the cases).
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from learning.thresholds.choosing import find_suspects
from learning.thresholds.folds import LeftOut
from learning.thresholds.power import SimulatedScores
from learning.thresholds.rates import choose_with_rates
from learning.thresholds.rules import DROP, SUSPECTS, Rule, default_rule, outlier_limit

Values = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

FITS: Final = 1000
LEAST: Final = 938
PICTURES: Final = (10, 31, 120, 400)
KNOWN: Final = 1_000_000
"""Values that the true share of false alarms is counted on."""

SCORES: Final[dict[str, Draw]] = {
    "gamma": lambda random, count: random.gamma(20, 0.05, count),
    "lognormal": lambda random, count: np.exp(0.4 * random.normal(size=count)),
    "heavy tail": lambda random, count: np.exp(0.2 * random.standard_t(3, size=count)),
    "3 % odd": lambda random, count: (
        np.exp(0.2 * random.normal(size=count)) * np.where(random.random(count) < 0.03, 2.2, 1)
    ),
    "10 % odd": lambda random, count: (
        np.exp(0.1 * random.normal(size=count)) * np.where(random.random(count) < 0.1, 1.6, 1)
    ),
}

RULES: Final = {
    "default": None,
    "rate 5 %": Rule("conformal", {"rate": 0.05}),
    "robust 10 %": Rule("robust", {"rate": 0.1}),
    "promise": Rule("conformal", {"promise": 0.3}),
}


def count_kept(
    draw: Draw, pictures: int, rule: Rule | None, suspects: str, *, seed: int
) -> tuple[int, float, float]:
    """Of FITS fits: how many keep the promise; means of the true share of false alarms and of the
    promise. With DROP both are about pictures below the outlier limit."""
    random = np.random.default_rng(seed)
    known = np.sort(draw(random, KNOWN))
    middle = np.median(known)
    fulfilled, shares, promises = 0, [], []
    for _ in range(FITS):
        scores = draw(random, pictures)
        highest = np.inf
        if suspects == DROP:
            highest = outlier_limit(scores)
            scores = np.delete(scores, find_suspects(scores))
        figures = scores.astype(np.float32)
        levels = np.zeros_like(figures)
        left_out = LeftOut(figures, figures, levels, 10)
        defects = (middle * np.exp(random.uniform(0, 1.5, 60))).astype(np.float32)
        simulated = SimulatedScores(("stain",) * 60, np.ones(60), np.zeros(60), defects)
        limits, _ = choose_with_rates(
            left_out, rule or default_rule(suspects), simulated, dropped=highest < np.inf
        )
        assert limits.rule.promise is not None
        inside = np.searchsorted(known, highest)
        above = max(0, inside - np.searchsorted(known, limits.image))
        shares.append(above / inside)
        promises.append(limits.rule.promise)
        fulfilled += shares[-1] <= promises[-1]
    return fulfilled, float(np.mean(shares)), float(np.mean(promises))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promise", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, nargs="+", default=list(PICTURES))
    arguments = parser.parse_args(argv)
    print(
        f"{'rule':12}{'suspects':10}{'scores':12}{'pictures':>9}{'kept':>6}{'alarms':>9}{'promise':>9}"
    )
    rows = []
    for name, rule in RULES.items():
        for suspects in SUSPECTS:
            for scores, draw in SCORES.items():
                for pictures in arguments.pictures:
                    fulfilled, share, promise = count_kept(
                        draw, pictures, rule, suspects, seed=arguments.seed
                    )
                    rows.append((name, suspects, scores, pictures, int(fulfilled), share, promise))
                    note = "" if fulfilled >= LEAST else "  below 938"
                    print(
                        f"{name:12}{suspects:10}{scores:12}{pictures:9}{fulfilled:6}{share:9.2%}"
                        f"{promise:9.2%}{note}",
                        flush=True,
                    )
    print(json.dumps({"promise": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
