"""Does the exported file compute what its method says? Checked on pictures it was not fitted on."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.opening import Engine
from inspector.core.arrays import Image
from inspector.core.errors import ParityError
from learning.graph.maps import Canvas
from learning.methods.base import Features, Scorer

PICTURES: Final = 32

BATCHES: Final = (1, 2, 7)
"""How many pictures the engine is given at a time, in turn: its graph must not depend on that."""

PART: Final = 8
PART_PIXELS: Final = 1 << 21
"""The reference is computed of 8 pictures at a time, or of as many as have so many pixels together:
few parts, for PaDiM's does most of its work anew for each, but not all at once, for features take
up to 50 bytes a pixel."""

Float = npt.NDArray[np.float64]
Wide = npt.NDArray[np.floating]

Outputs = tuple[Wide, Wide]
"""(n, h, w) maps and (n,) scores."""

Reference = Callable[[slice], Outputs]
"""What a part of the pictures should give."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest absolute differences between engine and reference, and how many pictures the two
    judge differently at the image threshold: counted, for these scores lie within score_max_abs
    of it. spots, spots_found: how many pictures had a dark spot painted on them, and how many of
    those reach the image threshold."""

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


def outputs(engine: Engine, pixels: Image) -> Outputs:
    """Of an engine that is given the pictures in BATCHES."""
    runs, start = [], 0
    for size in itertools.cycle(BATCHES):
        runs.append(engine.infer(pixels[start : start + size]))
        if (start := start + size) >= len(pixels):
            break
    maps, scores = zip(*runs, strict=True)
    return np.concatenate(maps), np.concatenate(scores)


def check(
    found: Outputs,
    method: Scorer[Any],
    model: Any,
    canvas: Canvas,
    pixels: Image,
    extract: Callable[[Image], Features],
    *,
    limit: float,
) -> tuple[Parity, Float, Float]:
    """The figures, and the reference's maps and scores of the first pictures, at least PART. Raises
    ParityError beyond the method's tolerance.

    found: what the engine gives for the pixels. extract: backbone features of pictures as the
    graph sees them (blanked outside the region). limit: image threshold.
    """

    def reference(part: slice) -> tuple[Float, Float]:
        return method.reference(model, extract(pixels[part]), canvas)

    maps, scores = first = reference(_parts(found)[0])
    parity = compare(
        found,
        lambda part: reference(part) if part.start else first,
        limit=limit,
        tolerance=method.tolerance,
    )
    return parity, maps, scores


def compare(found: Outputs, reference: Reference, *, limit: float, tolerance: float) -> Parity:
    """What an engine gives for `unseen` pictures beside what it should. limit: image threshold.
    tolerance: as a share of the largest value, or of 1. Raises ParityError beyond it."""
    parity = differences(found, reference, limit=limit, tolerance=tolerance, least=1.0)
    # Written so that a difference of NaN is refused as well.
    if not (parity.map_max_abs <= parity.tolerance and parity.score_max_abs <= parity.tolerance):
        raise ParityError(
            f"the exported engine differs from its method by {parity.map_max_abs:.3g} on the map "
            f"and {parity.score_max_abs:.3g} on the score, more than {parity.tolerance:.3g}"
        )
    return parity


def differences(
    found: Outputs, reference: Reference, *, limit: float, tolerance: float, least: float = 0.0
) -> Parity:
    """As `compare`, but nothing is refused. tolerance: as a share of the largest value, or of
    `least`."""
    maps, scores = found
    right_scores, apart, largest = [], [], least
    for part in _parts(found):
        right_map, right_score = reference(part)
        largest = max(largest, float(np.abs(right_map).max()), float(np.abs(right_score).max()))
        apart.append(np.abs(maps[part] - right_map).max())
        right_scores.append(right_score)
    right = np.concatenate(right_scores)
    spotted = scores[1::2]
    return Parity(
        pictures=len(scores),
        spots=len(spotted),
        spots_found=int((spotted >= limit).sum()),
        # Of numpy, whose largest value of a NaN is NaN.
        map_max_abs=float(np.max(apart)),
        score_max_abs=float(np.abs(scores - right).max()),
        decision_flips=int(np.count_nonzero((scores >= limit) != (right >= limit))),
        tolerance=tolerance * largest,
    )


def _parts(found: Outputs) -> list[slice]:
    maps, scores = found
    size = max(PART, PART_PIXELS // maps[0].size)
    return [slice(start, start + size) for start in range(0, len(scores), size)]
