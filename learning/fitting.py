"""From normal pictures to one engine file: embed, score what was left out, fit, finish."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError
from learning.finishing import BATCH, Finishing, Fitted, Progress, Wanted, opened
from learning.methods.base import Embeddings, Method
from learning.normals import Normals
from learning.scoring import Scored, Scoring
from learning.thresholds import choosing as thresholds
from learning.thresholds.folds import Scheme

MAX_EMBEDDING_BYTES: Final = 2_000_000_000
"""Of the normals' features, which are all held while fitting."""


@dataclass(frozen=True, slots=True)
class Recipe(Wanted):
    """What to fit. scheme: from which scores the thresholds are chosen. drop_suspects: fit without
    the pictures that stand out."""

    method: Method[Any]
    scheme: Scheme = field(default_factory=Scheme)


def fit_engine(normals: Normals, recipe: Recipe, out: Path, progress: Progress) -> Fitted:
    """Writes the engine file, and the fit record NAME.fit beside it. Raises ParityError, leaving no
    file, where the engine does not compute what its method says."""
    with opened(recipe, normals.rule.input_hw) as extractor:
        finishing = Finishing(recipe, normals, extractor, progress)
        held = recipe.scheme.held(normals.names, ordered=normals.ordered, seed=recipe.seed)
        scored_count = int(np.count_nonzero(held)) or len(held)
        thresholds.check_supported(recipe.rule, scored_count)
        embeddings = _embed(finishing, recipe.method)
        finishing.lap("features")
        scored = _scoring(finishing, recipe).run(normals, embeddings, held)
        finishing.lap("left out and fit")
        return finishing.finish(scored, out, note=_note(scored, normals), parameters={})


def _scoring(finishing: Finishing, recipe: Recipe) -> Scoring:
    return Scoring(
        recipe.method,
        finishing.canvas,
        recipe.scheme,
        recipe.seed,
        recipe.drop_suspects,
        lambda done, total: finishing.progress("left out", done, total),
    )


def _embed(finishing: Finishing, method: Method[Any]) -> Embeddings:
    """Features of all normals, batch by batch into arrays of their final size."""
    normals = finishing.normals
    count = len(normals.pixels)
    kept: Embeddings = {}
    for start in range(0, count, BATCH):
        batch = normals.pixels[start : start + BATCH]
        for key, values in method.embed(finishing.features(batch)).items():
            if key not in kept:
                _refuse_too_many(values, count)
                kept[key] = np.empty((count, *values.shape[1:]), np.float32)
            kept[key][start : start + len(batch)] = values
        finishing.progress("features", len(batch), count)
    return kept


def _note(scored: Scored, normals: Normals) -> str:
    how = "contiguous blocks of one stream" if normals.ordered else "drawn at random"
    return f"held out: {how}" if scored.held_out else f"folds: {how}"


def _refuse_too_many(values: npt.NDArray[np.float32], count: int) -> None:
    size = values[0].nbytes * count
    if size > MAX_EMBEDDING_BYTES:
        raise DataError(
            f"the features of {count} pictures would take {size / 1e9:.1f} GB of memory, above the "
            f"limit of {MAX_EMBEDDING_BYTES / 1e9:.1f}: use fewer pictures (max_pictures), fewer "
            "layers or a smaller input size"
        )
