"""Tells a picture without product from an error of the engine."""

import math
from typing import Final

from engines.spec import EngineSpec

NO_PRODUCT: Final = math.inf
"""Score of a picture that shows less product than every good picture, by an engine that computes
the foreground of every picture. No threshold lets it PASS."""

SENTENCE: Final = "the picture shows no product, or much less of it than every good picture"


def explains_infinity(spec: EngineSpec) -> bool:
    """Whether an infinite score of this engine means NO_PRODUCT."""
    return spec.foreground is not None and spec.foreground.mask is None


def explain_not_finite(spec: EngineSpec, score: float) -> str:
    """A clause about a map or a score that is not finite."""
    if score == NO_PRODUCT and explains_infinity(spec):
        return SENTENCE
    return "the engine returned a map or a score that is not finite"
