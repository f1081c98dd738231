"""The order of the pictures in a training, and its random generators."""

from typing import Final

import numpy as np
import numpy.typing as npt

ORDER: Final = 3
"""Purpose of the generator that shuffles the pictures; methods take other numbers for theirs."""

Indices = npt.NDArray[np.int64]


def make_generator(seed: int, purpose: int, *at: int) -> np.random.Generator:
    """A random generator for one purpose. at: epoch, then picture or step.

    Each of them has a separate generator. So a training that is resumed after an epoch needs only
    the number of that epoch to draw the same values.
    """
    return np.random.default_rng([seed, purpose, *at])


def order_pictures(count: int, *, size: int, limit: int, seed: int, epoch: int) -> list[Indices]:
    """Indices of the pictures of each step of an epoch: 0 to count - 1 in random order, `size` in a
    step. The epoch ends after the step in which more than `limit` pictures were seen."""
    shuffled = make_generator(seed, ORDER, epoch).permutation(count)
    parts = [shuffled[start : start + size] for start in range(0, count, size)]
    return parts[: limit // size + 1]
