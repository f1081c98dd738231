"""Fits an engine from normal pictures: features, left-out scores, model, engine file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError, DataError
from learning.augmentation import choose_augmentation, embed_copies
from learning.finishing import finish_engine
from learning.job import BATCH, EngineJob, EngineResult, FitOptions, Progress
from learning.lines.setup import add_lines, scale_lines
from learning.methods.base import Embeddings
from learning.normals import Normals, spread
from learning.scoring import ScoredModel, fit_and_score, score_anomalous
from learning.stored_pictures import store_pictures
from learning.thresholds.choosing import check_supported, join_notes
from learning.thresholds.folds import Scheme

LEAST_SPARE: Final = 50
"""Fewer pictures above max_fitted are not used: k-fold scores choose better thresholds."""

MAX_EMBEDDING_BYTES: Final = 2_000_000_000
"""Limit for the features of all normal pictures, which are in memory while fitting."""


def fit_engine(
    normals: Normals,
    options: FitOptions,
    out: Path,
    progress: Progress,
    *,
    made_from: Mapping[str, Any] = MappingProxyType({}),
) -> EngineResult:
    """Writes the engine file `out`. made_from: for EngineSpec.trained_on, beside its usual values.

    Raises ConfigError for options that do not fit the backbone or
    the pictures, DataError for too many pictures, and ParityError, leaving no file, if the engine
    does not compute what its method says."""
    normals = _limit_fitted(normals, options)
    with EngineJob(options, normals, progress) as job:
        if options.lines:
            add_lines(job)
        held_out = _mark_held_out(normals, options)
        _check_rule(options, int(np.count_nonzero(held_out)) or len(held_out))
        pixels = normals.pixels[~held_out] if held_out.any() else normals.pixels
        embeddings = _embed(job, pixels)
        how = choose_augmentation(pixels, options.augment) if options.method.takes_copies else None
        copies = embed_copies(job, pixels, how, options.seed)
        job.end_step("features")
        if options.lines:
            scale_lines(job, options, embeddings)
            job.end_step("scale of lines")
        scored = fit_and_score(job, options, embeddings, held_out, copies)
        del embeddings  # they and the graph would need memory together
        if options.anomalous is not None:
            anomalous = score_anomalous(job, scored.model, options.anomalous.pixels)
            scored = dataclasses.replace(scored, anomalous=anomalous)
        job.end_step("left out and fit")
        if options.teachable:
            store_pictures(out, normals.pixels)
        return finish_engine(
            job,
            scored,
            out,
            note=join_notes(_note(scored, normals), _note_of_defects(options)),
            selection=options.selection,
            pictures={**copies.describe(), **made_from},
        )


def _check_rule(options: FitOptions, count: int) -> None:
    """Raises ConfigError if the rule cannot be met. count: of the normals that are scored."""
    if options.anomalous is None:
        check_supported(options.rule, count)
    elif not options.rule.needs_anomalous:
        raise ConfigError(
            f"rule {options.rule.name} takes no defective pictures: use f1_max or cost"
        )


def _note_of_defects(options: FitOptions) -> str:
    if options.anomalous is None or options.selection is None:
        return ""
    return (
        "the defective pictures also had a part in the choice of the settings, so their figures "
        "are a little too good"
    )


def _limit_fitted(normals: Normals, options: FitOptions) -> Normals:
    """Without the pictures above max_fitted if they are too few to choose thresholds."""
    most, count = options.max_fitted, len(normals.names)
    if most is None or not most < count < most + LEAST_SPARE:
        return normals
    chosen = spread(count, most)
    return dataclasses.replace(
        normals,
        pixels=normals.pixels[chosen],
        names=tuple(normals.names[index] for index in chosen),
        unused=normals.unused + count - most,
    )


def _mark_held_out(normals: Normals, options: FitOptions) -> Mask:
    """(n,) bool: which normals are scored and not fitted."""
    count = len(normals.names)
    if options.scheme == Scheme() and options.max_fitted is not None and count > options.max_fitted:
        held_out = np.ones(count, bool)
        held_out[spread(count, options.max_fitted)] = False
        return held_out
    return options.scheme.mark_held_out(normals.names, ordered=normals.ordered, seed=options.seed)


def _embed(job: EngineJob, pixels: Image) -> Embeddings:
    """Features of normal pictures, batch by batch into arrays of their final size."""
    method = job.method
    count = len(pixels)
    embeddings: Embeddings = {}
    for start in range(0, count, BATCH):
        batch = pixels[start : start + BATCH]
        for key, values in method.embed(job.features(batch)).items():
            if key not in embeddings:
                _refuse_too_many(values, count)
                embeddings[key] = np.empty((count, *values.shape[1:]), np.float32)
            embeddings[key][start : start + len(batch)] = values
        job.progress("features", len(batch), count)
    return embeddings


def _note(scored: ScoredModel, normals: Normals) -> str:
    if len(normals.names) == 1:
        return ""
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
