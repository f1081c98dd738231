"""Sums per distinct score, for more scores than fit in memory."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from learning.metrics.curves import Floats, run_starts

Keys = npt.NDArray[np.uint32]
"""(n,) uint32 that rise with the float32 scores that they represent; 0 and -0 are one key. A key
without its lowest bits represents all scores that share the other bits."""

DENSE: Final = 2
"""Widest range of keys, in keys per sample, that a table of counts is made for."""

_HIGHEST = np.uint32(0xFFFFFFFF)
_SIGN = np.uint32(1 << 31)


def to_keys(scores: npt.NDArray[np.float32]) -> Keys:
    """scores: finite, of any shape; flattened."""
    bits = (scores.ravel() + np.float32(0)).view(np.uint32)
    # Negative floats fall as their bits rise, so all of their bits are inverted.
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def to_scores(keys: Keys) -> npt.NDArray[np.float32]:
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).astype(np.uint32).view(np.float32)


@dataclass(frozen=True, slots=True)
class KeySums:
    """keys: (n,) rising and distinct. sums: (c, n) float64, the sums for each key."""

    keys: Keys
    sums: Floats

    @classmethod
    def empty(cls, columns: int) -> "KeySums":
        return cls(np.zeros(0, np.uint32), np.zeros((columns, 0)))

    @classmethod
    def count(cls, keys: Keys) -> "KeySums":
        """One column: how often each key occurs. May sort the keys in place."""
        low = keys.min(initial=_HIGHEST)
        # If keys are close together, a table of counts takes a third to an eighth of the time of
        # sorting.
        if keys.size and int(keys.max()) - int(low) < DENSE * keys.size:
            counts = np.bincount(keys - low)
            present = np.flatnonzero(counts)
            return cls(present.astype(np.uint32) + low, counts[present].astype(np.float64)[None])
        keys.sort()
        starts = run_starts(keys)
        return cls(keys[starts], np.diff(starts, append=len(keys)).astype(np.float64)[None])

    @classmethod
    def count_weighted(cls, keys: Keys, weights: Floats) -> "KeySums":
        """Two columns: how often each key occurs, and the sum of the weights (n,)."""
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = run_starts(keys)
        counts = np.diff(starts, append=len(keys)).astype(np.float64)
        return cls(keys[starts], np.stack([counts, _sums(weights[order], starts)]))

    def merge_with(self, other: "KeySums") -> "KeySums":
        keys = np.concatenate([self.keys, other.keys])
        # Two rising runs: a stable sort merges them in linear time.
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = run_starts(keys)
        pairs = zip(self.sums, other.sums, strict=True)
        rows = [_sums(np.concatenate(pair)[order], starts) for pair in pairs]
        return KeySums(keys[starts], np.stack(rows))

    def without_bits(self, bits: int) -> "KeySums":
        """Keys moved down by `bits`, those that become equal added up."""
        keys = self.keys >> np.uint32(bits)
        starts = run_starts(keys)
        return KeySums(keys[starts], np.stack([_sums(row, starts) for row in self.sums]))


def _sums(values: Floats, starts: npt.NDArray[np.int64]) -> Floats:
    return np.add.reduceat(values, starts) if starts.size else np.zeros(0)
