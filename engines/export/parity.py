"""Does the exported file compute what its method says? Checked on pictures it was not fitted on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.base import Engine
from engines.graph.maps import Canvas
from engines.methods.base import Features, Scorer
from inspector.core.arrays import Image
from inspector.core.errors import ParityError

PICTURES: Final = 8

Float = npt.NDArray[np.float64]
Wide = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest absolute differences between engine and float64 reference, and how many pictures
    the two judge differently at the image threshold. spots, spots_found: how many pictures had a
    dark spot painted on them, and how many of those reach the image threshold."""

    pictures: int
    spots: int
    spots_found: int
    map_max_abs: float
    score_max_abs: float
    decision_flips: int
    tolerance: float


def unseen(normals: Image, count: int, seed: int) -> Image:
    """Altered copies of normal pictures, (count, H, W, 3): shifted, brighter or darker, mirrored
    every third time, and a dark spot on every second, so that high scores are checked too."""
    random = np.random.default_rng(seed)
    copies = []
    for index in range(count):
        picture = normals[random.integers(len(normals))]
        picture = np.roll(picture, tuple(random.integers(3, 24, 2)), axis=(0, 1))
        if index % 3 == 2:
            picture = picture[:, ::-1]
        picture = np.clip(picture * random.uniform(0.85, 1.15), 0, 255).astype(np.uint8)
        copies.append(_spotted(picture, random) if index % 2 else picture)
    return np.ascontiguousarray(np.stack(copies))


def _spotted(picture: Image, random: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    centre = int(random.integers(width)), int(random.integers(height))
    spotted = np.ascontiguousarray(picture)
    cv2.circle(spotted, centre, max(2, min(height, width) // 16), (20, 16, 24), -1)
    return spotted


def check(
    engine: Engine,
    method: Scorer[Any],
    model: Any,
    canvas: Canvas,
    pixels: Image,
    extract: Callable[[Image], Features],
) -> tuple[Parity, Float, Float]:
    """The figures, and the reference's maps and scores. Raises ParityError beyond the method's
    tolerance.

    extract: backbone features of pictures as the graph sees them (blanked outside the region).
    """
    maps, scores = method.reference(model, extract(pixels), canvas)
    limit = engine.spec.image_threshold
    parity = compare(engine, pixels, maps, scores, limit=limit, tolerance=method.tolerance)
    return parity, maps, scores


def compare(
    engine: Engine, pixels: Image, maps: Float, scores: Float, *, limit: float, tolerance: float
) -> Parity:
    """What an engine gives for `unseen` pictures beside what it should. limit: image threshold.
    tolerance: as a share of the largest value, or of 1. Raises ParityError beyond it."""
    allowed = tolerance * max(1.0, float(maps.max()), float(scores.max()))
    parity = differences(engine.infer(pixels), (maps, scores), limit=limit, allowed=allowed)
    # Written so that a difference of NaN is refused as well.
    if not (parity.map_max_abs <= parity.tolerance and parity.score_max_abs <= parity.tolerance):
        raise ParityError(
            f"the exported engine differs from its method by {parity.map_max_abs:.3g} on the map "
            f"and {parity.score_max_abs:.3g} on the score, more than {parity.tolerance:.3g}"
        )
    return parity


def differences(
    found: tuple[Wide, Wide], right: tuple[Wide, Wide], *, limit: float, allowed: float
) -> Parity:
    """Maps and scores of `unseen` pictures beside what they should be. limit: image threshold.
    allowed: kept with the figures; nothing is refused."""
    (found_maps, found_scores), (maps, scores) = found, right
    spotted = found_scores[1::2]
    return Parity(
        pictures=len(scores),
        spots=len(spotted),
        spots_found=int((spotted >= limit).sum()),
        map_max_abs=float(np.abs(found_maps - maps).max()),
        score_max_abs=float(np.abs(found_scores - scores).max()),
        decision_flips=int(np.count_nonzero((found_scores >= limit) != (scores >= limit))),
        tolerance=allowed,
    )
