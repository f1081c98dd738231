"""Compares the outputs of a backend on the golden pictures with their stored reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines import golden
from engines.golden import Golden
from engines.opening import Engine
from inspector.core.arrays import Map, Mask
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import ParityError

TOLERANCES: Final[dict[str, dict[str, float]]] = {
    "float32": {"map": 2e-3, "score": 5e-4, "mask": 0.02, "length": 0.02, "area": 0.02},
    "float16": {"map": 0.05, "score": 0.03, "mask": 0.15, "length": 0.25, "area": 0.25},
    "int8": {"map": 0.05, "score": 0.03, "mask": 0.75, "length": 0.5, "area": 0.75},
}
"""Precision of the engine file -> quantity -> largest difference that rounding may cause.

map, score: relative to the largest reference value. mask: 1 - IoU. length, area: of a region,
relative to its own length and area. In int8 every runtime rounds in its own way: then masks and
sizes of regions that hardly reach the pixel threshold differ most.
"""

MIN_SIDE: Final = 8
"""Side in map pixels. Differences of smaller regions and masks are divided by this size, because
otherwise a single pixel at the threshold could fail the check."""


Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class RegionSize:
    """Size of one region above the pixel threshold. centre: (x, y) in frame pixels."""

    centre: tuple[float, float]
    length: float
    area: float


@dataclass(frozen=True, slots=True)
class Ruler:
    """How regions are measured and pictures are judged.

    measure: returns the regions of a map. unit: of their lengths, px (of the frame) or mm. pixel:
    side of a map pixel in this unit. fails: whether a picture with this score and map gets the
    verdict FAIL; None: the score alone decides.
    """

    measure: Callable[[Map], Sequence[RegionSize]]
    unit: str
    pixel: float
    fails: Callable[[float, Map], bool] | None = None


@dataclass(frozen=True, slots=True)
class ParityResult:
    """Largest differences between a backend and the reference, over all golden pictures.

    pictures: how many were run; a run in a batch counts again. flips: how many of them get another
    verdict. differences: as in TOLERANCES. length, area: largest differences of matched regions, in
    the ruler's unit. unmatched: number of regions that only the backend or only the reference has.
    """

    backend: str
    precision: str
    pictures: int
    flips: int
    differences: dict[str, float]
    length: float
    area: float
    unmatched: int
    unit: str
    seconds: float

    @property
    def failures(self) -> tuple[str, ...]:
        """Short descriptions of every difference that is not allowed; empty if the check passes."""
        limits = TOLERANCES[self.precision]
        # This form of the comparison also refuses a difference of NaN.
        failures = [
            f"{key} by {value:.3g}, more than {limits[key]:g}"
            for key, value in self.differences.items()
            if not value <= limits[key]
        ]
        if self.flips:
            failures.append(f"the verdict of {self.flips} of {self.pictures} pictures")
        return tuple(failures)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for logs; None for a difference that is not finite."""
        figures = {key: _finite(value) for key, value in self.differences.items()}
        return {
            "backend": self.backend,
            "precision": self.precision,
            "passed": not self.failures,
            "pictures": self.pictures,
            "flips": self.flips,
            "differences": figures,
            "tolerances": TOLERANCES[self.precision],
            f"length_{self.unit}": _finite(self.length),
            f"area_{self.unit}2": _finite(self.area),
            "unmatched_regions": self.unmatched,
            "seconds": round(self.seconds, 4),
        }


def compare_golden(
    engine: Engine,
    *,
    image_threshold: float | None = None,
    pixel_threshold: float | None = None,
    ruler: Ruler | None = None,
    batch: int = 1,
) -> ParityResult | None:
    """Runs the golden pictures and compares the outputs; None if the engine file has none.

    The pictures run one at a time. If batch is above 1, they also run as one batch, repeated until
    it is full. image_threshold, pixel_threshold: None for those of the engine file. ruler: None
    measures no regions. Raises SpecError for damaged golden pictures.
    """
    started_ns = now_ns()
    spec = engine.spec
    if (reference := golden.unpack(spec)) is None:
        return None
    limit = spec.image_threshold if image_threshold is None else image_threshold
    level = spec.pixel_threshold if pixel_threshold is None else pixel_threshold
    runs = [engine.infer(picture[np.newaxis]) for picture in reference.pixels]
    if batch > 1:
        in_batch = np.arange(batch) % len(runs)
        runs.append(engine.infer(reference.pixels[in_batch]))
        order = np.concatenate([np.arange(len(reference.pixels)), in_batch])
        reference = _select_pictures(reference, order)
    maps = np.concatenate([run_maps for run_maps, _ in runs])
    scores = np.concatenate([run_scores for _, run_scores in runs]).astype(np.float64)
    # The reference maps are rounded. Rounding these too keeps pixels at the threshold equal.
    with np.errstate(over="ignore"):
        rounded = maps.astype(reference.map_dtype).astype(np.float32)
    sizes = _compare_regions(reference, rounded, ruler)
    least = MIN_SIDE * (1.0 if ruler is None else ruler.pixel)
    return ParityResult(
        backend=engine.running_on,
        precision=spec.precision,
        pictures=len(scores),
        flips=_count_flips(rounded, scores, reference, limit, ruler),
        differences={
            "map": _relative_difference(maps, reference.maps),
            "score": _relative_difference(scores, reference.scores),
            "mask": max(map(_mask_difference, rounded >= level, reference.maps >= level)),
            "length": max((abs(a - b) / max(a, b, least) for a, b in sizes.lengths), default=0.0),
            "area": max((abs(a - b) / max(a, b, least**2) for a, b in sizes.areas), default=0.0),
        },
        length=max((abs(a - b) for a, b in sizes.lengths), default=0.0),
        area=max((abs(a - b) for a, b in sizes.areas), default=0.0),
        unmatched=sizes.unmatched,
        unit="px" if ruler is None else ruler.unit,
        seconds=ms_since(started_ns) / 1e3,
    )


def _select_pictures(golden: Golden, order: npt.NDArray[np.int_]) -> Golden:
    maps, scores = golden.maps[order], golden.scores[order]
    return Golden(golden.pixels[order], maps, scores, golden.map_dtype)


def _count_flips(
    maps: Map, scores: Values, reference: Golden, limit: float, ruler: Ruler | None
) -> int:
    if ruler is None or ruler.fails is None:
        return int(np.count_nonzero((scores >= limit) != (reference.scores >= limit)))
    flips = 0
    rows = zip(maps, scores, reference.maps, reference.scores, strict=True)
    for actual_map, score, expected_map, expected_score in rows:
        # A map that is not finite has no verdict. The difference of the maps refuses it.
        if np.isfinite(actual_map).all():
            actual = ruler.fails(float(score), actual_map)
            flips += actual != ruler.fails(float(expected_score), expected_map)
    return flips


def require_parity(result: ParityResult) -> None:
    """Raises ParityError if a verdict differs or a difference is above its tolerance."""
    if result.failures:
        raise ParityError(
            f"{result.backend} does not give the reference outputs of the engine file: on the "
            f"golden pictures it differs in {'; '.join(result.failures)}"
        )


def explain_missing_golden(engine: Engine) -> str | None:
    """The warning for an engine without golden pictures; None for the fake engine, which needs
    no reference."""
    if engine.spec.method == "fake":
        return None
    return (
        "the engine file holds no golden pictures, so the outputs of "
        f"{engine.running_on} cannot be checked"
    )


def verify(engine: Engine, *, batch: int = 1) -> ParityResult | None:
    """Compares the outputs with the thresholds of the engine file; None without golden pictures.

    Raises ParityError if they differ; see compare_golden and require_parity.
    """
    result = compare_golden(engine, batch=batch)
    if result is not None:
        require_parity(result)
    return result


@dataclass(frozen=True, slots=True)
class _RegionPairs:
    """(actual, expected) sizes of matched regions."""

    lengths: list[tuple[float, float]]
    areas: list[tuple[float, float]]
    unmatched: int


def _compare_regions(reference: Golden, maps: Map, ruler: Ruler | None) -> _RegionPairs:
    lengths, areas, unmatched = [], [], 0
    for actual_map, expected_map in zip(maps, reference.maps, strict=True):
        if ruler is None or not np.isfinite(actual_map).all():
            continue
        actual, expected = ruler.measure(actual_map), ruler.measure(expected_map)
        pairs = _match_regions(actual, expected)
        lengths += [(actual[i].length, expected[j].length) for i, j in pairs]
        areas += [(actual[i].area, expected[j].area) for i, j in pairs]
        unmatched += len(actual) + len(expected) - 2 * len(pairs)
    return _RegionPairs(lengths, areas, unmatched)


def _match_regions(
    actual: Sequence[RegionSize], expected: Sequence[RegionSize]
) -> list[tuple[int, int]]:
    """Index pairs of regions whose centres are nearest to each other."""
    if not actual or not expected:
        return []
    distances = np.array([math.dist(a.centre, b.centre) for a, b in product(actual, expected)])
    distances = distances.reshape(len(actual), len(expected))
    nearest, back = distances.argmin(axis=1), distances.argmin(axis=0)
    return [(i, int(j)) for i, j in enumerate(nearest) if back[j] == i]


def _relative_difference(actual: Values, expected: Values) -> float:
    return float(np.abs(actual - expected).max() / (np.abs(expected).max() or 1.0))


def _mask_difference(actual: Mask, expected: Mask) -> float:
    """1 - IoU of two masks."""
    union = int((actual | expected).sum())
    return float((actual ^ expected).sum() / max(union, MIN_SIDE**2))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
