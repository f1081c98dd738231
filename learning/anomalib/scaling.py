"""Scales the outputs of an export of anomalib, and refuses those that cannot separate pictures."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from loguru import logger

from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from learning.anomalib.graph import MAP, SCORE, Export
from learning.anomalib.run import Wide
from learning.anomalib.wrap import ScoreScale
from learning.scoring import refuse_constant
from learning.thresholds.folds import LeftOut

SMALL: Final = 0.01
"""Raw scores below this are stretched, because thresholds have a smallest value."""

MANY: Final = 0.5
"""Share of the good pictures at the lower end of the scale that is worth a warning."""

WITHOUT_NORMALISATION: Final = (
    "set model.post_processor.enable_normalization = False in anomalib and export it again"
)

CHECK_MODEL: Final = "check that the model was trained and that the pictures show its product"

LEFT, KEPT, NONE = "taken out of the graph", "kept in the graph", "none found"
"""How anomalib's normalisation is replaced."""

ScoreScales = dict[str, tuple[ScoreScale, str]]
"""Output -> how it is scaled, and how its normalisation is replaced."""


def scale_outputs(export: Export, seen: list[dict[str, Wide]]) -> ScoreScales:
    """seen: raw values, in parts, the last part of altered pictures.

    If the normalisation is known, scores keep anomalib's scale without its clipping, plus 0.5: a
    value of 1 is at its threshold, and a value of 0 is at or below the smallest score of its
    validation pictures.
    """
    return {
        name: _scale(export, name, [values[name] for values in seen]) for name in export.outputs
    }


def _scale(export: Export, name: str, seen: list[Wide]) -> tuple[ScoreScale, str]:
    normalised = export.normalised.get(name)
    if normalised is not None and normalised.flat:
        return _scale_of_normals(name, normalised.raw, seen[:-1]), LEFT
    if normalised is not None:
        zero = normalised.threshold - normalised.span
        return ScoreScale(normalised.raw, zero, normalised.span), LEFT
    lowest, highest = min(part.min() for part in seen), max(part.max() for part in seen)
    if lowest >= 0 and SMALL <= highest <= 1:
        _warn_of_clipping(export, name, seen)
        return ScoreScale(name, 0.0, 1.0), KEPT
    return _scale_of_normals(name, name, seen[:-1]), NONE


def _warn_of_clipping(export: Export, name: str, seen: list[Wide]) -> None:
    share = float(np.mean(np.concatenate([part.ravel() for part in seen]) == 1))
    if share > 0:
        logger.warning(
            "{} of {} is clipped to [0, 1] inside the graph, and {:.2%} of its values here are 1: "
            "worse defects get no higher value: {}",
            *(name, export.path, share, WITHOUT_NORMALISATION),
        )


def _scale_of_normals(name: str, tensor: str, seen: list[Wide]) -> ScoreScale:
    """Raw scores are not changed, unless they are below 0 or close to it on normal pictures."""
    low, high = float(min(part.min() for part in seen)), float(max(part.max() for part in seen))
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise DataError(
            f"{name} is {high:g} on every good picture, so it says nothing: {CHECK_MODEL}; "
            f"{WITHOUT_NORMALISATION}"
        )
    if low >= 0 and high >= SMALL:
        return ScoreScale(tensor, 0.0, 1.0)
    return ScoreScale(tensor, low, high - low)


def apply_scales(scales: ScoreScales, raw: Mapping[str, Wide]) -> tuple[Wide, Wide]:
    maps = scales[MAP][0].of(raw[MAP])
    return maps, scales[SCORE][0].of(raw[SCORE]) if SCORE in scales else maps.max(axis=(1, 2))


def refuse_useless(export: Export, spec: EngineSpec, left_out: LeftOut, pixels: Image) -> None:
    for name, values in ((SCORE, left_out.scores), (MAP, left_out.peaks)):
        if not np.isfinite(values).all():
            raise DataError(f"{name} of {export.path} is not finite on good pictures")
        became = spec.parameters.get(name, {}).get("normalisation")
        if became == KEPT and values.max() >= 1:
            raise DataError(
                f"{name} of {export.path} reaches 1 on good pictures, the end of its scale, so "
                f"that no defect could score higher: {WITHOUT_NORMALISATION}"
            )
        clipped = became == KEPT and values.max() <= 0
        reason = "0 is the lower end of its scale" if clipped else CHECK_MODEL
        refuse_constant(
            f"{name} of {export.path}",
            values,
            pixels,
            reason=f"{reason}; {WITHOUT_NORMALISATION}",
        )
        at_end = float(np.mean(values <= 0))
        if became == KEPT and at_end > MANY:
            logger.warning(
                "{} of {} is 0, the lower end of its scale, on {:.0%} of the good pictures, so "
                "that only the other ones choose its threshold: {}",
                *(name, export.path, at_end, WITHOUT_NORMALISATION),
            )
