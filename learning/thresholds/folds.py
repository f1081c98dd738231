"""Scores normal pictures, each by a model that was fitted without it."""

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError
from learning.ahead import compute_ahead
from learning.graph.maps import MapCanvas
from learning.methods.base import Embeddings, Maps, Method, Scorer

FOLDS: Final = 10
SINGLES: Final = 20
"""Up to this many pictures, each picture is one fold."""

BATCH: Final = 8
"""Pictures scored together: six times faster than one by one, in 60 MB."""

K_FOLD, HELD_OUT, NEW, COPIES = "k-fold", "held-out", "new pictures", "copies"
"""Why the pictures are new to the model that scored them. COPIES: they are altered copies of a
single picture that it was not fitted on."""

Indices = npt.NDArray[np.int64]
CountScored = Callable[[int], None]
"""Called with the number of pictures that were scored since the last call."""

ALL: Final = np.empty(0, np.int64)
"""A part that leaves out no picture. Its model is fitted on all."""

Expand = Callable[[Embeddings, Indices], Embeddings]
"""Adds copies of pictures to their embeddings before a model is fitted."""


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

    def without(self, names: Collection[str]) -> "Scheme":
        """The same without some names of held-out pictures."""
        if not isinstance(self.held_out, tuple):
            return self
        return Scheme(held_out=tuple(name for name in self.held_out if name not in names))

    def mark_held_out(self, names: tuple[str, ...], *, ordered: bool, seed: int) -> Mask:
        """(n,) bool: which normals are not fitted. A share of a stream is taken from its end;
        otherwise it is drawn at random. Raises ConfigError if names are missing or either part is
        empty."""
        held_out = np.zeros(len(names), bool)
        if self.held_out is None:
            return held_out
        if isinstance(self.held_out, float):
            count = round(self.held_out * len(names))
            order = np.arange(len(names))
            if not ordered:
                order = np.random.default_rng(seed).permutation(order)
            held_out[order[len(names) - count :]] = True
        else:
            requested = set(self.held_out)
            if missing := sorted(requested - set(names)):
                raise ConfigError(
                    f"cannot hold out {missing[0]}: it is not among the good pictures"
                )
            held_out[:] = [name in requested for name in names]
        if not held_out.any() or np.count_nonzero(~held_out) < 2:
            raise ConfigError(
                f"cannot hold out {np.count_nonzero(held_out)} of {len(names)} good pictures: at "
                "least one must be held out, and two must remain to fit"
            )
        return held_out


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Per normal picture: image score, largest and median value of the map inside the region.

    scheme: K_FOLD, HELD_OUT, NEW or COPIES. ordered: the pictures are successive frames of a
    stream.
    """

    scores: npt.NDArray[np.float32]
    peaks: npt.NDArray[np.float32]
    levels: npt.NDArray[np.float32]
    folds: int
    scheme: str = K_FOLD
    ordered: bool = False

    def without(self, indices: Indices) -> "LeftOut":
        others = np.setdiff1d(np.arange(len(self.scores)), indices)
        return dataclasses.replace(
            self, scores=self.scores[others], peaks=self.peaks[others], levels=self.levels[others]
        )


def usual_folds(count: int) -> int:
    """Number of folds for n pictures, unless a person names another."""
    return count if count <= SINGLES else FOLDS


def split_folds(count: int, *, ordered: bool, seed: int, folds: int | None = None) -> list[Indices]:
    """Parts of 0..count-1. ordered: contiguous blocks, for frames of one stream, whose neighbours
    are nearly the same; otherwise drawn at random. Raises ConfigError for more folds than
    pictures."""
    if folds is not None and folds > count:
        raise ConfigError(f"{folds} folds need as many good pictures, not {count}")
    parts = folds or usual_folds(count)
    order = np.arange(count) if ordered else np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, parts)]


def score_left_out(
    method: Method[Any],
    embeddings: Embeddings,
    canvas: MapCanvas,
    parts: list[Indices],
    *,
    seed: int,
    ordered: bool,
    progress: CountScored,
    visit: Callable[[Indices, Any], None] = lambda part, model: None,
    expand: Expand = lambda embeddings, pictures: embeddings,
) -> LeftOut:
    """Scores each part by a model of all the others. parts: may contain ALL. visit: is called with
    each part and its model. expand: see Expand."""
    figures = np.empty((3, sum(map(len, parts))), np.float32)

    def score(part: Indices, model: Any) -> None:
        left_out = take_rows(embeddings, part)
        figures[:, part] = score_pictures(method, model, left_out, canvas, progress)
        visit(part, model)

    for_each_fold(method, embeddings, parts, seed, score, expand)
    scores, peaks, levels = figures
    return LeftOut(scores, peaks, levels, sum(part is not ALL for part in parts), ordered=ordered)


def for_each_fold(
    method: Method[Any],
    embeddings: Embeddings,
    parts: list[Indices],
    seed: int,
    use: Callable[[Indices, Any], None],
    expand: Expand = lambda embeddings, pictures: embeddings,
) -> None:
    """Calls `use` with each part and the model that was fitted without it. parts: may contain ALL.
    expand: see Expand.

    The next model is fitted on another thread meanwhile. At most two models are in memory.
    """
    pictures = np.arange(sum(map(len, parts)))

    def fit(part: Indices) -> Any:
        others = np.setdiff1d(pictures, part)
        rows = embeddings if part is ALL else take_rows(embeddings, others)
        return method.fit(expand(rows, others), seed)

    for part, model in compute_ahead(fit, parts, "fit"):
        use(part, model)
        del model


def take_rows(embeddings: Embeddings, which: Indices | Mask) -> Embeddings:
    return {key: value[which] for key, value in embeddings.items()}


def peaks_and_levels(maps: Maps, inside: Mask | None) -> tuple[Maps, Maps]:
    """Largest and median value of each map (n, h, w) within the region (h, w), both (n,)."""
    values = maps.reshape(len(maps), -1) if inside is None else maps[:, inside]
    return values.max(axis=1), np.median(values, axis=1)


def score_pictures(
    method: Scorer[Any],
    model: Any,
    embeddings: Embeddings,
    canvas: MapCanvas,
    progress: CountScored,
) -> npt.NDArray[np.float32]:
    """(3, n): scores, peaks, levels."""
    count = len(next(iter(embeddings.values())))
    figures = np.empty((3, count), np.float32)
    for start in range(0, count, BATCH):
        batch = np.arange(start, min(start + BATCH, count))
        maps, figures[0, batch] = method.measure(model, take_rows(embeddings, batch), canvas)
        figures[1, batch], figures[2, batch] = peaks_and_levels(maps, canvas.inside)
        progress(len(batch))
    return figures
