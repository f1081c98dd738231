"""Scores of normal pictures, each by a model that was fitted without it."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError
from learning.graph.maps import Canvas
from learning.methods.base import Embeddings, Maps, Method, Scorer

FOLDS: Final = 10
SINGLES: Final = 20
"""Up to this many pictures, each is a fold of its own."""

BATCH: Final = 8
"""Pictures scored together: six times faster than one by one, in 60 MB."""

K_FOLD, HELD_OUT, NEW = "k-fold", "held-out", "new pictures"
"""How the pictures were kept from the model that scored them."""

Indices = npt.NDArray[np.int64]
Progress = Callable[[int], None]
"""Told the number of pictures that were scored since the last time."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """folds: None for FOLDS, or one per picture up to SINGLES pictures. held_out: a share of the
    normals, or the names of some, that are scored by the shipped model and not fitted; None: all
    are fitted, and scored by k-fold."""

    folds: int | None = None
    held_out: float | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.folds is not None and self.held_out is not None:
            raise ConfigError("take folds or held_out, not both")
        if self.folds is not None and self.folds < 2:
            raise ConfigError(f"folds must be at least 2, not {self.folds}")
        if isinstance(self.held_out, float) and not 0 < self.held_out < 1:
            raise ConfigError(f"held_out must lie between 0 and 1, not {self.held_out}")

    def held(self, names: tuple[str, ...], *, ordered: bool, seed: int) -> Mask:
        """(n,) bool: which normals are not fitted. A share of a stream is its end; otherwise it is
        drawn at random. Raises ConfigError where names are missing or either part is empty."""
        held = np.zeros(len(names), bool)
        if self.held_out is None:
            return held
        if isinstance(self.held_out, float):
            count = round(self.held_out * len(names))
            order = np.arange(len(names))
            if not ordered:
                order = np.random.default_rng(seed).permutation(order)
            held[order[len(names) - count :]] = True
        else:
            wanted = set(self.held_out)
            if missing := sorted(wanted - set(names)):
                raise ConfigError(f"{missing[0]} is to be held out, but is no normal picture here")
            held[:] = [name in wanted for name in names]
        if not held.any() or np.count_nonzero(~held) < 2:
            raise ConfigError(
                f"{np.count_nonzero(held)} of {len(names)} normal pictures are to be held out: "
                "at least one must be, and two must remain to fit"
            )
        return held


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Per normal picture: image score, largest and median value of the map inside the region.

    scheme: K_FOLD, HELD_OUT or NEW. ordered: neighbours are neighbouring frames of a stream.
    """

    scores: npt.NDArray[np.float32]
    peaks: npt.NDArray[np.float32]
    levels: npt.NDArray[np.float32]
    folds: int
    scheme: str = K_FOLD
    ordered: bool = False

    def without(self, found: Indices) -> "LeftOut":
        kept = np.setdiff1d(np.arange(len(self.scores)), found)
        return dataclasses.replace(
            self, scores=self.scores[kept], peaks=self.peaks[kept], levels=self.levels[kept]
        )


def split(count: int, *, ordered: bool, seed: int, folds: int | None = None) -> list[Indices]:
    """Parts of 0..count-1. ordered: contiguous blocks, for frames of one stream, whose neighbours
    are nearly the same; otherwise drawn at random. Raises ConfigError for more folds than
    pictures."""
    if folds is not None and folds > count:
        raise ConfigError(f"{folds} folds need as many normal pictures, not {count}")
    parts = folds or (count if count <= SINGLES else FOLDS)
    order = np.arange(count) if ordered else np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, parts)]


def leave_out(
    method: Method[Any],
    embeddings: Embeddings,
    canvas: Canvas,
    parts: list[Indices],
    *,
    seed: int,
    ordered: bool,
    progress: Progress,
) -> LeftOut:
    """Each part by a model of all the others."""
    count = sum(map(len, parts))
    kept = np.empty((3, count), np.float32)
    for part in parts:
        others = np.setdiff1d(np.arange(count), part)
        model = method.fit(rows(embeddings, others), seed)
        kept[:, part] = scored(method, model, rows(embeddings, part), canvas, progress)
    scores, peaks, levels = kept
    return LeftOut(scores, peaks, levels, len(parts), ordered=ordered)


def hold_out(
    method: Scorer[Any],
    model: Any,
    embeddings: Embeddings,
    canvas: Canvas,
    *,
    ordered: bool,
    progress: Progress,
) -> LeftOut:
    """embeddings: of the pictures that the model was fitted without."""
    scores, peaks, levels = scored(method, model, embeddings, canvas, progress)
    return LeftOut(scores, peaks, levels, 1, HELD_OUT, ordered)


def rows(embeddings: Embeddings, which: Indices | Mask) -> Embeddings:
    return {key: value[which] for key, value in embeddings.items()}


def peaks_and_levels(maps: Maps, inside: Mask | None) -> tuple[Maps, Maps]:
    """Largest and median value of each map (n, h, w) within the region (h, w), both (n,)."""
    values = maps.reshape(len(maps), -1) if inside is None else maps[:, inside]
    return values.max(axis=1), np.median(values, axis=1)


def scored(
    method: Scorer[Any], model: Any, embeddings: Embeddings, canvas: Canvas, progress: Progress
) -> npt.NDArray[np.float32]:
    """(3, n): scores, peaks, levels."""
    count = len(next(iter(embeddings.values())))
    kept = np.empty((3, count), np.float32)
    for start in range(0, count, BATCH):
        batch = np.arange(start, min(start + BATCH, count))
        maps, kept[0, batch] = method.measure(model, rows(embeddings, batch), canvas)
        kept[1, batch], kept[2, batch] = peaks_and_levels(maps, canvas.inside)
        progress(len(batch))
    return kept
