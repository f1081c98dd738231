"""Does the exported file compute what its method says? Checked on pictures it was not fitted on."""

import base64
import zlib
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
from inspector.core.errors import EngineError, ParityError

PICTURES: Final = 8

Float = npt.NDArray[np.float64]


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
    found_maps, found_scores = engine.infer(pixels)
    spotted = found_scores[1::2]
    parity = Parity(
        pictures=len(pixels),
        spots=len(spotted),
        spots_found=int((spotted >= limit).sum()),
        map_max_abs=float(np.abs(found_maps - maps).max()),
        score_max_abs=float(np.abs(found_scores - scores).max()),
        decision_flips=int(np.count_nonzero((found_scores >= limit) != (scores >= limit))),
        tolerance=tolerance * max(1.0, float(maps.max()), float(scores.max())),
    )
    # Written so that a difference of NaN is refused as well.
    if not (parity.map_max_abs <= parity.tolerance and parity.score_max_abs <= parity.tolerance):
        raise ParityError(
            f"the exported engine differs from its method by {parity.map_max_abs:.3g} on the map "
            f"and {parity.score_max_abs:.3g} on the score, more than {parity.tolerance:.3g}"
        )
    return parity


def golden(pixels: Image, maps: Float, scores: Float) -> dict[str, Any]:
    """Pictures and reference outputs as plain values: PNG and zlib, both base64; maps in float16
    unless a value is too large for it."""
    dtype = "float16" if maps.max() < np.finfo(np.float16).max else "float32"
    return {
        "pictures": [_png(picture) for picture in pixels],
        "scores": [float(score) for score in scores],
        "maps": [_packed(one, dtype) for one in maps],
        "map_dtype": dtype,
    }


def unpack_golden(
    stored: dict[str, Any], map_hw: tuple[int, int]
) -> tuple[Image, npt.NDArray[np.floating], Float]:
    """Pixels (n, H, W, 3) uint8 RGB, maps (n, h, w) and scores (n,) of `golden`."""
    pictures, maps = [], []
    for text, packed in zip(stored["pictures"], stored["maps"], strict=True):
        raw = np.frombuffer(base64.b64decode(text), np.uint8)
        pictures.append(cv2.cvtColor(cv2.imdecode(raw, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
        values = np.frombuffer(zlib.decompress(base64.b64decode(packed)), stored["map_dtype"])
        maps.append(values.reshape(map_hw))
    return np.stack(pictures), np.stack(maps), np.array(stored["scores"])


def _png(picture: Image) -> str:
    done, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise EngineError(f"a golden picture of shape {picture.shape} cannot be stored as PNG")
    return base64.b64encode(content.tobytes()).decode()


def _packed(one: Float, dtype: str) -> str:
    return base64.b64encode(zlib.compress(one.astype(dtype).tobytes(), 9)).decode()
