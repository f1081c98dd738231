"""Fits the model of an engine, and scores normal pictures that the model was not fitted on."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from inspector.core.names import names_hash
from learning.augmentation import STRONG, Copies, make_copies
from learning.defect_scores import DefectScorer
from learning.job import BATCH, EngineJob, FitOptions, MakeOptions
from learning.methods.base import Embeddings
from learning.normals import Normals, list_some
from learning.thresholds import folds
from learning.thresholds.choosing import find_suspects
from learning.thresholds.folds import ALL, COPIES, HELD_OUT, NEW, Indices, LeftOut
from learning.thresholds.power import SimulatedScores
from learning.thresholds.rules import DROP, KEEP

FEW: Final = 8
"""Fewer normal pictures than this are scored with a warning."""

ROUNDING: Final = 1e-6
"""Relative difference of float32 scores that means nothing."""


@dataclass(frozen=True, slots=True)
class ScoredModel:
    """A model, and scores of pictures that it was not fitted on.

    fitted: the pictures that the model was fitted on; None if they are not known. suspects: names
    of the pictures that stand out, whether they were dropped or not. held_out: how many pictures
    were scored and not fitted. simulated: scores of simulated defects by models that were not
    fitted on the picture that the defect is on; None if there are none. anomalous: scores of real
    defects; None if there are none.
    """

    model: Any
    fitted: Normals | None
    left_out: LeftOut
    suspects: tuple[str, ...]
    held_out: int
    simulated: SimulatedScores | None = None
    anomalous: LeftOut | None = None


def fit_and_score(
    job: EngineJob, options: FitOptions, embeddings: Embeddings, held_out: Mask, copies: Copies
) -> ScoredModel:
    """embeddings: of the normal pictures that are fitted. copies: of these, fitted too. held_out:
    (n,) bool, the pictures that are scored and not fitted. If there is none, all are scored by
    k-fold."""
    if held_out.any():
        return _score_held_out(job, options, embeddings, held_out, copies)
    if len(held_out) == 1:
        return _score_copies(job, options, embeddings, copies)
    normals = job.normals
    left_out, simulated, model = _score_folds(job, options, normals, embeddings, copies.add)
    suspects = warn_of_suspects(left_out, normals.names, options)
    names = tuple(normals.names[index] for index in suspects)
    if len(suspects) and options.suspects == DROP:
        del model  # it was fitted on the suspects too
        others = np.setdiff1d(np.arange(len(held_out)), suspects)
        normals, embeddings = normals.take(others), folds.take_rows(embeddings, others)

        def expand(rows: Embeddings, pictures: Indices) -> Embeddings:
            return copies.add(rows, others[pictures])

        left_out, simulated, model = _score_folds(
            job, options, normals, embeddings, expand, step="left out again"
        )
    return ScoredModel(model, normals, left_out, names, 0, simulated)


def score_normals(job: EngineJob, model: Any, *, fitted: Normals | None) -> ScoredModel:
    """Scores all normal pictures of the job with a model that was fitted on none of them.

    fitted: the pictures that the model was fitted on; None if they are not known.
    """
    return _score_new(job, model, job.normals, fitted)


def _what_they_do(options: MakeOptions) -> str:
    if options.suspects == DROP:
        return "they are left out"
    if options.suspects == KEEP:
        return "they are used and can raise the thresholds"
    effect = "they do not raise" if options.rule.name == "robust" else "they can raise"
    return (
        f"{effect} the thresholds. Look at them: if they are good product, use the option suspects "
        "with keep, otherwise drop"
    )


def warn_of_suspects(
    left_out: LeftOut, names: tuple[str, ...], options: MakeOptions
) -> npt.NDArray[np.int64]:
    """Indices of the pictures that stand out, highest first. A warning names the first ones."""
    suspects = find_suspects(left_out.scores)
    if len(suspects):
        logger.warning(
            "pictures that stand out among the good ones: {}; the first has score {:.3f}, "
            "the median is {:.3f}; {}",
            list_some([names[index] for index in suspects]),
            left_out.scores[suspects[0]],
            float(np.median(left_out.scores)),
            _what_they_do(options),
        )
    return suspects


def _score_held_out(
    job: EngineJob, options: FitOptions, embeddings: Embeddings, held_out: Mask, copies: Copies
) -> ScoredModel:
    fitted = job.normals.take(~held_out)
    model = job.method.fit(copies.add(embeddings, np.arange(len(fitted.names))), options.seed)
    return _score_new(job, model, job.normals.take(held_out), fitted)


def _score_new(job: EngineJob, model: Any, normals: Normals, fitted: Normals | None) -> ScoredModel:
    """normals: that the model was not fitted on. fitted: see score_normals."""
    left_out = _score_pixels(job, model, normals.pixels, ordered=normals.ordered)
    left_out, suspects = _without_suspects(left_out, normals.names, job.options)
    everything = np.arange(len(normals.names))
    simulated = DefectScorer(job, normals, [everything])
    simulated.score(everything, model)
    return ScoredModel(model, fitted, left_out, suspects, len(left_out.scores), simulated.result())


def score_anomalous(job: EngineJob, model: Any, pixels: Image) -> LeftOut:
    """pixels: (m, H, W, 3) uint8 RGB of defective pictures."""
    return dataclasses.replace(_score_pixels(job, model, pixels, ordered=False), scheme=NEW)


def _score_pixels(job: EngineJob, model: Any, pixels: Image, *, ordered: bool) -> LeftOut:
    """pixels: (n, H, W, 3) of pictures that the model was not fitted on."""
    method = job.method

    def report(done: int) -> None:
        job.progress("score", done, len(pixels))

    parts = []
    for start in range(0, len(pixels), BATCH):
        embeddings = method.embed(job.features(pixels[start : start + BATCH]))
        parts.append(folds.score_pictures(method, model, embeddings, job.canvas, report))
    scores, peaks, levels = np.concatenate(parts, axis=1)
    return LeftOut(scores, peaks, levels, 1, HELD_OUT, ordered)


def _score_folds(
    job: EngineJob,
    options: FitOptions,
    normals: Normals,
    embeddings: Embeddings,
    expand: folds.Expand,
    *,
    step: str = "left out",
) -> tuple[LeftOut, SimulatedScores | None, Any]:
    """The scores of the pictures and of simulated defects, and the model of all pictures."""
    count, ordered = len(normals.names), normals.ordered
    _warn_of_few(count)
    parts = folds.split_folds(count, ordered=ordered, seed=options.seed, folds=options.scheme.folds)
    simulated = DefectScorer(job, normals, parts)
    model_of_all: Any = None

    def visit(part: Indices, model: Any) -> None:
        nonlocal model_of_all
        simulated.score(part, model)
        if part is ALL:
            model_of_all = model

    left_out = folds.score_left_out(
        job.method,
        embeddings,
        job.canvas,
        [*parts, ALL],
        seed=options.seed,
        ordered=ordered,
        progress=lambda done: job.progress(step, done, count),
        visit=visit,
        expand=expand,
    )
    return left_out, simulated.result(), model_of_all


def _score_copies(
    job: EngineJob, options: FitOptions, embeddings: Embeddings, copies: Copies
) -> ScoredModel:
    """The model of a single picture and its copies, and scores of other, more strongly altered
    copies."""
    logger.warning(
        "one good picture: its altered copies choose the thresholds, so nothing is promised about "
        "the rate of false alarms; with n good pictures it is 1 of n + 1 on average"
    )
    model = job.method.fit(copies.add(embeddings, np.arange(1)), options.seed)
    altered = make_copies(job.normals.pixels, STRONG, options.seed + 1)
    left_out = _score_pixels(job, model, altered, ordered=False)
    left_out = dataclasses.replace(left_out, scheme=COPIES)
    simulated = DefectScorer(job, job.normals, [np.arange(1)])
    simulated.score(np.arange(1), model)
    return ScoredModel(model, job.normals, left_out, (), 0, simulated.result())


def _without_suspects(
    left_out: LeftOut, names: tuple[str, ...], options: MakeOptions
) -> tuple[LeftOut, tuple[str, ...]]:
    """The scores, without those of suspects if they are dropped, and the names of the suspects."""
    _warn_of_few(len(names))
    suspects = warn_of_suspects(left_out, names, options)
    if len(suspects) and options.suspects == DROP:
        left_out = left_out.without(suspects)
    return left_out, tuple(names[index] for index in suspects)


def trained_on(scored: ScoredModel, normals: Normals, policy: str) -> dict[str, Any]:
    """EngineSpec.trained_on. policy: one of SUSPECTS. count: None if the pictures that the model
    was fitted on are not known."""
    fitted = scored.fitted
    several = {"sources": dict(normals.sources)} if normals.sources else {}
    return several | {
        "name": normals.name if fitted is None else fitted.name,
        "count": None if fitted is None else len(fitted.names),
        "list_sha256": None if fitted is None else names_hash(fitted.names),
        "unreadable": len(normals.unread),
        "unused": normals.unused,
        "empty": len(normals.empty),
        "copies": len(normals.copies),
        "held_out": scored.held_out,
        "suspects": list(scored.suspects),
        "suspects_policy": policy,
        "suspects_dropped": policy == DROP,
    }


def refuse_constant(what: str, values: npt.NDArray[Any], pixels: Image, *, reason: str) -> None:
    """Raises DataError if a value is the same on all good pictures: no threshold for it could tell
    them from defects.

    what: the value, for the sentence. values: (n,). pixels: (n, H, W, 3) of the pictures. reason:
    why it may be so and what to do, if the pictures differ.
    """
    lowest, highest = float(values.min()), float(values.max())
    if highest - lowest > ROUNDING * max(abs(lowest), abs(highest)):
        return
    if (pixels == pixels[:1]).all():
        reason = "all of these pictures are the same: give different pictures of good product"
    raise DataError(
        f"{what} is {highest:g} on all {len(values)} good pictures, so it cannot tell them from "
        f"defects: {reason}"
    )


def _warn_of_few(count: int) -> None:
    if count < FEW:
        logger.warning(
            "only {} good pictures choose the thresholds: the average rate of false alarms cannot "
            "be set below {:.0%}, and few pictures show little of how good product varies; use {} "
            "or more",
            count,
            1 / (count + 1),
            FEW,
        )
