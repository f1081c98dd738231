"""Scores of normal pictures, each by a model that was fitted without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines.graph.maps import Canvas
from engines.methods.base import Embeddings, Method

FOLDS: Final = 10
SINGLES: Final = 20
"""Up to this many pictures, each is a fold of its own."""

BATCH: Final = 8
"""Pictures scored together: six times faster than one by one, in 60 MB."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Per normal picture: image score, largest and median value of the map inside the region."""

    scores: npt.NDArray[np.float32]
    peaks: npt.NDArray[np.float32]
    levels: npt.NDArray[np.float32]
    folds: int


def split(count: int, *, ordered: bool, seed: int) -> list[Indices]:
    """Parts of 0..count-1. ordered: contiguous blocks, for frames of one stream, whose neighbours
    are nearly the same; otherwise drawn at random."""
    parts = count if count <= SINGLES else FOLDS
    order = np.arange(count) if ordered else np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, parts)]


def leave_out(
    method: Method[Any],
    embeddings: Embeddings,
    canvas: Canvas,
    parts: list[Indices],
    *,
    seed: int,
    progress: Callable[[int], None],
) -> LeftOut:
    """progress: told the number of pictures that were scored since the last time."""
    count = sum(map(len, parts))
    scores, peaks, levels = (np.empty(count, np.float32) for _ in range(3))
    for part in parts:
        others = np.setdiff1d(np.arange(count), part)
        model = method.fit({key: value[others] for key, value in embeddings.items()}, seed)
        for start in range(0, len(part), BATCH):
            batch = part[start : start + BATCH]
            queries = {key: value[batch] for key, value in embeddings.items()}
            maps, scores[batch] = method.measure(model, queries, canvas)
            inside = maps.reshape(len(batch), -1)
            if canvas.inside is not None:
                inside = maps[:, canvas.inside]
            peaks[batch], levels[batch] = inside.max(axis=1), np.median(inside, axis=1)
            progress(len(batch))
    return LeftOut(scores, peaks, levels, len(parts))
