"""The regions of an anomaly map on the frame, and their outlines: refined or from the map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine, Points
from inspector.core.refining import FrameBox
from inspector.core.types import Defect
from inspector.measure import shape
from inspector.measure.budget import Budget, Term
from inspector.measure.contours import MapRegion, find_regions, score_region
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.refine import refine

MAP_AREA_U = 0.85
"""Relative standard uncertainty of an area on the map. The true area is usually 4 to 17 times
smaller, so the error is nearly as large as the value."""

MAP_LENGTH_U = 1.0
"""Standard uncertainty of a length or width on the map, in widths of the region. A region is too
large at its ends by about as much as at its sides. Of a weak defect it may show only a part."""


@dataclass(frozen=True, slots=True)
class FrameRegion:
    """One region of the map, in map and in frame pixels."""

    region: MapRegion
    polygons: tuple[Points, ...]
    box: FrameBox
    peak: float
    mean: float

    @property
    def outer(self) -> Points:
        return np.concatenate(self.polygons[: len(self.polygons) - self.region.holes])


RegionOutlines = tuple[Sequence[Outline | Defect], str | None]
"""The outlines of a region, and why it was not refined. A Defect is known from earlier frames."""


@dataclass(frozen=True, slots=True)
class MapOnFrame:
    """The arguments of one call of analyze()."""

    image: Image
    anomaly_map: Map
    to_frame: Affine
    pixel_threshold: float


def find_candidates(view: MapOnFrame) -> list[FrameRegion]:
    candidates = []
    for region in find_regions(view.anomaly_map, view.pixel_threshold):
        peak, mean = score_region(view.anomaly_map, region)
        polygons = tuple(view.to_frame.apply(p) for p in region.polygons)
        box = shape.bounding_box(polygons[0])
        candidates.append(FrameRegion(region, polygons, box, peak, mean))
    return sorted(candidates, key=lambda candidate: -candidate.peak)


def refine_candidate(view: MapOnFrame, candidates: list[FrameRegion], rank: int) -> RegionOutlines:
    candidate = candidates[rank]
    others = tuple((c.box, c.polygons) for i, c in enumerate(candidates) if i != rank)
    result = refine(view.image, candidate.region, view.anomaly_map, view.to_frame, others)
    if isinstance(result, Unrefined):
        return keep_map(candidate, result.reason)
    return result, None


def keep_map(candidate: FrameRegion, note: str) -> RegionOutlines:
    return (_outline_from_map(candidate),), note


def _outline_from_map(candidate: FrameRegion) -> Outline:
    area = shape.region_area(candidate.polygons, candidate.region.holes)
    length_u = MAP_LENGTH_U * shape.min_feret(candidate.outer)
    polygons, holes = candidate.polygons, candidate.region.holes
    term = Term("map", MAP_AREA_U * area, length_u, length_u)
    return Outline(polygons, holes, Budget((term,)))
