"""Draws the random values of the shift of one picture."""

import hashlib
from typing import Final

import numpy as np

Parameters = dict[str, float]
"""Name of a random value -> the value that was drawn. They define the shift of a picture."""

_LARGEST_SEED: Final = 2**31


def make_generator(*parts: object) -> np.random.Generator:
    """A generator that depends on the parts only, such as the seed and the name of a picture. So
    the order of pictures and the number of processes do not matter."""
    text = "\0".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


class Draw:
    """Random values of one picture. at_limit: amounts are as large as the limit allows, and only
    their sign is random; otherwise they are uniform up to the limit."""

    def __init__(self, generator: np.random.Generator, *, at_limit: bool = False) -> None:
        self._generator = generator
        self._at_limit = at_limit

    def signed(self, limit: float) -> float:
        """From -limit to limit."""
        value = float(self._generator.uniform(-1, 1))
        if self._at_limit:
            return limit if value >= 0 else -limit
        return limit * value

    def up_to(self, limit: float, lowest: float = 0.0) -> float:
        """From the lowest value to the limit; the limit if that is below the lowest value."""
        share = float(self._generator.uniform())
        if self._at_limit or limit <= lowest:
            return limit
        return lowest + share * (limit - lowest)

    def between(self, low: float, high: float) -> float:
        """A value that has no amount, such as an angle or a place."""
        return float(self._generator.uniform(low, high))

    def seed(self) -> int:
        return int(self._generator.integers(_LARGEST_SEED))
