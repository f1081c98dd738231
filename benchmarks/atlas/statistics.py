"""Exact binomial test and Holm's correction."""

from collections.abc import Sequence

from scipy.stats import binomtest

PROMISE = 0.95


def p_below(inside: int, count: int) -> float:
    """Probability of so few values inside 2u or fewer, if the true share is PROMISE. 1 for none."""
    return 1.0 if count == 0 else float(binomtest(inside, count, PROMISE, "less").pvalue)


def holm(p_values: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected if any wrong rejection may occur with probability `level`.

    S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6, 1979.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected
