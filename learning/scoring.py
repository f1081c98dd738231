"""The model that is shipped, and scores of normal pictures by models without them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.arrays import Mask
from inspector.core.names import names_hash
from learning.graph.maps import Canvas
from learning.methods.base import Embeddings, Method
from learning.normals import Normals
from learning.thresholds import folds
from learning.thresholds.choosing import suspects
from learning.thresholds.folds import LeftOut, Scheme

FEW: Final = 8
"""Fewer normal pictures than this are scored with a warning."""

Progress = Callable[[int, int], None]
"""Told how many pictures were scored since the last time, and their total."""


@dataclass(frozen=True, slots=True)
class Scored:
    """model: of the pictures in `fitted`; None where nobody knows them. suspects: names of the
    pictures that stand out, whether dropped or kept. held_out: how many
    pictures were scored and not fitted."""

    model: Any
    fitted: Normals | None
    left_out: LeftOut
    suspects: tuple[str, ...]
    held_out: int


@dataclass(frozen=True, slots=True)
class Scoring:
    """How normals are fitted and scored. drop_suspects: do without the pictures that stand out."""

    method: Method[Any]
    canvas: Canvas
    scheme: Scheme
    seed: int
    drop_suspects: bool
    progress: Progress

    def run(self, normals: Normals, embeddings: Embeddings, held: Mask) -> Scored:
        """embeddings: of all normals. held: (n,), which of them are scored and not fitted; by
        k-fold all are scored where none is."""
        if held.any():
            return self._held_out(normals, embeddings, held)
        left_out = self._k_fold(normals, embeddings)
        found = doubted(left_out, normals.names, dropped=self.drop_suspects)
        names = tuple(normals.names[index] for index in found)
        if len(found) and self.drop_suspects:
            kept = np.setdiff1d(np.arange(len(held)), found)
            normals, embeddings = _only(normals, kept), folds.rows(embeddings, kept)
            left_out = self._k_fold(normals, embeddings)
        model = self.method.fit(embeddings, self.seed)
        return Scored(model, normals, left_out, names, 0)

    def _held_out(self, normals: Normals, embeddings: Embeddings, held: Mask) -> Scored:
        scored, fitted = np.flatnonzero(held), np.flatnonzero(~held)
        model = self.method.fit(folds.rows(embeddings, fitted), self.seed)
        left_out = folds.hold_out(
            self.method,
            model,
            folds.rows(embeddings, scored),
            self.canvas,
            ordered=normals.ordered,
            progress=lambda done: self.progress(done, len(scored)),
        )
        names = tuple(normals.names[index] for index in scored)
        left_out, doubted = without_suspects(left_out, names, drop=self.drop_suspects)
        return Scored(model, _only(normals, fitted), left_out, doubted, len(left_out.scores))

    def _k_fold(self, normals: Normals, embeddings: Embeddings) -> LeftOut:
        count = len(normals.names)
        _warn_of_few(count)
        return folds.leave_out(
            self.method,
            embeddings,
            self.canvas,
            folds.split(count, ordered=normals.ordered, seed=self.seed, folds=self.scheme.folds),
            seed=self.seed,
            ordered=normals.ordered,
            progress=lambda done: self.progress(done, count),
        )


def without_suspects(
    left_out: LeftOut, names: tuple[str, ...], *, drop: bool
) -> tuple[LeftOut, tuple[str, ...]]:
    """Scores of pictures that the model does not hold, and the names of those that stand out. drop:
    leave their scores out."""
    _warn_of_few(len(names))
    found = doubted(left_out, names, dropped=drop)
    kept = left_out.without(found) if len(found) and drop else left_out
    return kept, tuple(names[index] for index in found)


def doubted(left_out: LeftOut, names: tuple[str, ...], *, dropped: bool) -> npt.NDArray[np.int64]:
    """Indices of the pictures that stand out, which are named in a warning."""
    found = suspects(left_out.scores)
    if len(found):
        logger.warning(
            "pictures that stand out among the normal ones: {}; the first has score {:.3f}, where "
            "the median is {:.3f}; {}",
            ", ".join(names[index] for index in found),
            left_out.scores[found[0]],
            float(np.median(left_out.scores)),
            "left out" if dropped else "kept: look at them, they raise the thresholds",
        )
    return found


def trained_on(scored: Scored, normals: Normals, dropped: bool) -> dict[str, Any]:
    """EngineSpec.trained_on. dropped: whether the suspects were left out. count: None where nobody
    knows what the model holds."""
    fitted = scored.fitted
    return {
        "name": normals.name if fitted is None else fitted.name,
        "count": None if fitted is None else len(fitted.names),
        "list_sha256": None if fitted is None else names_hash(fitted.names),
        "unreadable": len(normals.unread),
        "unused": normals.unused,
        "held_out": scored.held_out,
        "suspects": list(scored.suspects),
        "suspects_dropped": dropped,
    }


def _warn_of_few(count: int) -> None:
    if count < FEW:
        logger.warning(
            "only {} normal pictures: the false-alarm rate can be set no lower than {:.0%}, "
            "and what varies in good product is hardly known; take {} or more",
            count,
            1 / (count + 1),
            FEW,
        )


def _only(normals: Normals, kept: npt.NDArray[np.int64]) -> Normals:
    names = tuple(normals.names[index] for index in kept)
    return dataclasses.replace(normals, pixels=normals.pixels[kept], names=names)
