"""Compares the verdicts of an int8 engine and of the float32 engine that it was made from.

Each engine judges by its own threshold, so scores are compared as shares of their threshold.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.errors import ParityError

BAND: Final = 0.05
"""Half width of the band around the image threshold, as a share of it. The verdict of a picture may
differ only if both engines score it within the band."""

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one group of pictures by both engines. near: pictures with another verdict that both
    engines score within the band. beyond: those with another verdict that lie outside. drift:
    median of int8 score / float32 score."""

    name: str
    pictures: int
    near: int
    beyond: int
    drift: float

    def require(self) -> None:
        """Raises ParityError for a verdict outside the band."""
        if self.beyond:
            raise ParityError(
                f"in int8 {self.beyond} of {self.pictures} {self.name} get another verdict, and "
                f"their scores differ from the threshold by more than {BAND:.0%}: use the engine "
                "in float32 or float16"
            )


def compare_verdicts(
    name: str, right: Values, right_threshold: float, scores: Values, threshold: float
) -> Verdicts:
    """right, right_threshold: of the float32 engine. scores, threshold: of the int8 engine, for the
    same pictures, at least one. A score that is not finite counts as outside."""
    shares = np.stack([right / right_threshold, scores / threshold])
    failed = np.stack([right >= right_threshold, scores >= threshold])
    # The comparison is written so that a score of NaN is outside.
    near = (np.abs(shares - 1) <= BAND).all(axis=0)
    differ = (failed[0] != failed[1]) | ~np.isfinite(shares).all(axis=0)
    positive = right > 0
    return Verdicts(
        name,
        len(scores),
        int((differ & near).sum()),
        int((differ & ~near).sum()),
        float(np.median(scores[positive] / right[positive])) if positive.any() else 1.0,
    )
