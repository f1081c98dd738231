"""Finds which sightings of a frame touch which tracks, and assigns them."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.geometry import Points
from inspector.tracking.tracks import Sighting, Track

Pair = tuple[float, float, int, int]
"""Distance of the outlines, distance of their centres, sighting, track."""

_MOST_VERTICES: Final = 200

_FAR: Final = float("inf")


def find_touching(
    sightings: Sequence[Sighting], tracks: Sequence[Track], tolerances: Sequence[float]
) -> list[Pair]:
    """Pairs whose outlines are at most the tolerance of the track apart, the nearest first."""
    if not sightings or not tracks:
        return []
    low, high = _boxes(sightings)
    track_low, track_high = _boxes([track.last for track in tracks])
    gaps = np.maximum(low[:, None] - track_high[None], track_low[None] - high[:, None])
    near = np.argwhere((gaps <= np.array(tolerances)[None, :, None]).all(axis=2))
    pairs = []
    for s, t in near.tolist():
        sighting, last = sightings[s], tracks[t].last
        distance = outline_distance(sighting.outlines, last.outlines)
        if distance <= tolerances[t]:
            middle = (sighting.low + sighting.high - last.low - last.high) / 2
            pairs.append((distance, float(np.hypot(*middle)), s, t))
    return sorted(pairs)


def assign(pairs: Sequence[Pair]) -> dict[int, int]:
    """Sighting -> track, one to one, the nearest pairs first."""
    assigned: dict[int, int] = {}
    used: set[int] = set()
    for _, _, sighting, track in pairs:
        if sighting not in assigned and track not in used:
            assigned[sighting] = track
            used.add(track)
    return assigned


def pair_across_gap(
    sightings: Sequence[Sighting],
    tracks: Sequence[Track],
    gap: tuple[float, float],
    tolerance: float,
) -> list[Pair]:
    """Pairs of an outline that is cut off where the inspected web ends, and an outline that begins
    where the web is inspected again, at the same place across: a defect longer than the gap.

    gap: web positions where the inspected web ends and begins again.
    """
    end, begin = gap
    before = [(t, track.last) for t, track in enumerate(tracks) if track.last.defect.truncated]
    return [
        (0.0, 0.0, s, t)
        for s, sighting in enumerate(sightings)
        if sighting.defect.truncated and sighting.low[0] <= begin + tolerance
        for t, last in before
        if last.high[0] >= end - tolerance
        and sighting.low[1] <= last.high[1] + tolerance
        and last.low[1] <= sighting.high[1] + tolerance
    ]


def _boxes(sightings: Sequence[Sighting]) -> tuple[Points, Points]:
    return np.array([s.low for s in sightings]), np.array([s.high for s in sightings])


def outline_distance(first: Sequence[Points], second: Sequence[Points]) -> float:
    """Smallest distance between two sets of polygons, 0 if they overlap."""
    distances = (_polygon_distance(a, b) for a in first for b in second)
    return min(distances, default=_FAR)


def _polygon_distance(first: Points, second: Points) -> float:
    first, second = _thin(first), _thin(second)
    if _edges_cross(first, second) or _holds(first, second) or _holds(second, first):
        return 0.0
    return min(_vertex_distance(first, second), _vertex_distance(second, first))


def _thin(polygon: Points) -> Points:
    """At most _MOST_VERTICES vertices: the distance of two polygons takes a time for each pair."""
    return polygon[:: -(-len(polygon) // _MOST_VERTICES)]


def _holds(polygon: Points, other: Points) -> bool:
    """Whether the first vertex of the other polygon is inside."""
    near = (polygon - other[0]).astype(np.float32)
    return bool(cv2.pointPolygonTest(near[:, None], (0.0, 0.0), False) >= 0)


def _edges_cross(first: Points, second: Points) -> bool:
    """Whether an edge of one polygon crosses an edge of the other: the ends of each edge are on
    different sides of the other edge."""
    a, c = first[:, None], second[None]
    b, d = np.roll(first, -1, axis=0)[:, None], np.roll(second, -1, axis=0)[None]
    apart = _side(a, b, c) * _side(a, b, d) < 0
    return bool((apart & (_side(c, d, a) * _side(c, d, b) < 0)).any())


def _side(start: Points, end: Points, point: Points) -> npt.NDArray[np.float64]:
    """Positive on one side of a line, negative on the other."""
    edge, to_point = end - start, point - start
    return np.asarray(edge[..., 0] * to_point[..., 1] - edge[..., 1] * to_point[..., 0])


def _vertex_distance(points: Points, polygon: Points) -> float:
    """Smallest distance from a vertex to an edge of the other polygon."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    square = np.maximum((edge**2).sum(axis=1), 1e-12)
    offset = points[:, None] - polygon[None]
    share = np.clip((offset * edge).sum(axis=2) / square, 0, 1)
    nearest = offset - share[..., None] * edge
    return float(np.sqrt((nearest**2).sum(axis=2).min()))
