"""Does a backend compute what the method says? Golden pictures against their stored reference."""

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
}
"""Precision of the engine file -> quantity -> largest difference that is put down to rounding.

map, score: as a share of the largest reference value. mask: 1 - IoU. length, area: of the regions,
as a share of their own.
"""

LEAST_SIDE: Final = 8
"""Map pixels: regions and masks smaller than this by this are compared as if they were so large,
or a single pixel at the threshold would decide."""


Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a map above the pixel threshold. centre: x, y in frame pixels."""

    centre: tuple[float, float]
    length: float
    area: float


@dataclass(frozen=True, slots=True)
class Ruler:
    """How regions are measured. unit: px (of the frame) or mm. pixel: side of a map pixel in it.
    fails: whether a picture of this score and map is to fail; None: by its score alone."""

    measure: Callable[[Map], Sequence[Region]]
    unit: str
    pixel: float
    fails: Callable[[float, Map], bool] | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Largest differences of a backend from the reference, over all golden pictures.

    pictures: those that were run, some of them again in a batch. flips: those that the two judge
    differently. differences: as in TOLERANCES. length, area: of matched regions, in the ruler's
    unit. unmatched: regions that only one of the two has.
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
    def broken(self) -> tuple[str, ...]:
        """What breaks the gate, each as a few words."""
        limits = TOLERANCES[self.precision]
        # Written so that a difference of NaN is refused as well.
        found = [
            f"{key} by {value:.3g}, more than {limits[key]:g}"
            for key, value in self.differences.items()
            if not value <= limits[key]
        ]
        if self.flips:
            found.append(f"the verdict of {self.flips} of {self.pictures} pictures")
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for logs; None for a difference that is not finite."""
        figures = {key: _finite(value) for key, value in self.differences.items()}
        return {
            "backend": self.backend,
            "precision": self.precision,
            "passed": not self.broken,
            "pictures": self.pictures,
            "flips": self.flips,
            "differences": figures,
            "tolerances": TOLERANCES[self.precision],
            f"length_{self.unit}": _finite(self.length),
            f"area_{self.unit}2": _finite(self.area),
            "unmatched_regions": self.unmatched,
            "seconds": round(self.seconds, 4),
        }


def find(
    engine: Engine,
    *,
    image_threshold: float | None = None,
    pixel_threshold: float | None = None,
    ruler: Ruler | None = None,
    batch: int = 1,
) -> Findings | None:
    """Runs the golden pictures one by one, and where the batch is larger than 1 once more as one,
    repeated until it is full; None for a file that has none.

    Thresholds: None for the engine's own. ruler: None measures no regions. Raises SpecError for
    golden pictures that are damaged.
    """
    started_ns = now_ns()
    spec = engine.spec
    if (kept := golden.unpack(spec)) is None:
        return None
    limit = spec.image_threshold if image_threshold is None else image_threshold
    level = spec.pixel_threshold if pixel_threshold is None else pixel_threshold
    runs = [engine.infer(picture[np.newaxis]) for picture in kept.pixels]
    if batch > 1:
        together = np.arange(batch) % len(runs)
        runs.append(engine.infer(kept.pixels[together]))
        kept = _taken(kept, np.concatenate([np.arange(len(kept.pixels)), together]))
    maps = np.concatenate([one for one, _ in runs])
    scores = np.concatenate([score for _, score in runs]).astype(np.float64)
    # Rounded as the reference is, or pixels at the threshold would differ by its rounding alone.
    with np.errstate(over="ignore"):
        rounded = maps.astype(kept.map_dtype).astype(np.float32)
    sizes = _sizes(kept, rounded, ruler)
    least = LEAST_SIDE * (1.0 if ruler is None else ruler.pixel)
    return Findings(
        backend=engine.running_on,
        precision=spec.precision,
        pictures=len(scores),
        flips=_flips(rounded, scores, kept, limit, ruler),
        differences={
            "map": _share(maps, kept.maps),
            "score": _share(scores, kept.scores),
            "mask": max(map(_mask_share, rounded >= level, kept.maps >= level)),
            "length": max((abs(a - b) / max(a, b, least) for a, b in sizes.lengths), default=0.0),
            "area": max((abs(a - b) / max(a, b, least**2) for a, b in sizes.areas), default=0.0),
        },
        length=max((abs(a - b) for a, b in sizes.lengths), default=0.0),
        area=max((abs(a - b) for a, b in sizes.areas), default=0.0),
        unmatched=sizes.unmatched,
        unit="px" if ruler is None else ruler.unit,
        seconds=ms_since(started_ns) / 1e3,
    )


def _taken(kept: Golden, order: npt.NDArray[np.int_]) -> Golden:
    return Golden(kept.pixels[order], kept.maps[order], kept.scores[order], kept.map_dtype)


def _flips(maps: Map, scores: Values, kept: Golden, limit: float, ruler: Ruler | None) -> int:
    if ruler is None or ruler.fails is None:
        return int(np.count_nonzero((scores >= limit) != (kept.scores >= limit)))
    # A map that is not finite cannot be judged, and is refused for what it is.
    return sum(
        bool(np.isfinite(one).all())
        and ruler.fails(float(score), one) != ruler.fails(float(right_score), right)
        for one, score, right, right_score in zip(maps, scores, kept.maps, kept.scores, strict=True)
    )


def check(findings: Findings) -> None:
    """Raises ParityError where a verdict flips or a tolerance breaks."""
    if findings.broken:
        raise ParityError(
            f"{findings.backend} does not compute what the engine's method says: on its golden "
            f"pictures it differs in {'; '.join(findings.broken)}"
        )


def doubt(engine: Engine) -> str | None:
    """What to say of an engine without golden pictures; None of the fake one, which is its own
    reference."""
    if engine.spec.method == "fake":
        return None
    return (
        "the engine file holds no golden pictures, so nobody knows whether "
        f"{engine.running_on} computes what its method says"
    )


def verify(engine: Engine, *, batch: int = 1) -> Findings | None:
    """`find` with the engine's own thresholds, and `check`."""
    findings = find(engine, batch=batch)
    if findings is not None:
        check(findings)
    return findings


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Pairs of matched regions: what was found and what should be."""

    lengths: list[tuple[float, float]]
    areas: list[tuple[float, float]]
    unmatched: int


def _sizes(kept: Golden, maps: Map, ruler: Ruler | None) -> _Sizes:
    lengths, areas, unmatched = [], [], 0
    for found_map, right_map in zip(maps, kept.maps, strict=True):
        if ruler is None or not np.isfinite(found_map).all():
            continue
        found, right = ruler.measure(found_map), ruler.measure(right_map)
        pairs = _matched(found, right)
        lengths += [(found[i].length, right[j].length) for i, j in pairs]
        areas += [(found[i].area, right[j].area) for i, j in pairs]
        unmatched += len(found) + len(right) - 2 * len(pairs)
    return _Sizes(lengths, areas, unmatched)


def _matched(found: Sequence[Region], right: Sequence[Region]) -> list[tuple[int, int]]:
    """Regions that are each other's nearest by their centres."""
    if not found or not right:
        return []
    apart = np.array([math.dist(a.centre, b.centre) for a, b in product(found, right)])
    apart = apart.reshape(len(found), len(right))
    nearest, back = apart.argmin(axis=1), apart.argmin(axis=0)
    return [(i, int(j)) for i, j in enumerate(nearest) if back[j] == i]


def _share(found: Values, right: Values) -> float:
    return float(np.abs(found - right).max() / (np.abs(right).max() or 1.0))


def _mask_share(found: Mask, right: Mask) -> float:
    """1 - IoU of two masks."""
    union = int((found | right).sum())
    return float((found ^ right).sum() / max(union, LEAST_SIDE**2))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
