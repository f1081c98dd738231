"""Remembers the regions of the map whose defects were measured well enough."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from inspector.core.decisions import Decision
from inspector.core.geometry import Points
from inspector.core.refining import FrameBox
from inspector.core.types import Defect
from inspector.tracking.plane import WebPlane
from inspector.tracking.tracks import MOST_VIEWS, Sighting, Track

Decide = Callable[[Defect], Defect]
"""Adds the decisions about the limits of sizes."""

_SLACK: Final = 0.15
"""Share of the sides of a region by which it may differ from its earlier views, beside the pixels
of the map: the map is coarse, and a region grows and shrinks as it moves over the cells."""

_SLACK_PX: Final = 2.0
"""Pixels of the map."""


@dataclass(slots=True)
class _Region:
    """A region of the map on the web, over the views in which all its defects were refined.

    low, high: corners (along, across) of the smallest box that contains all views. inner_low,
    inner_high: of the box that all views contain. views: the newest sighting of each track.
    """

    low: Points
    high: Points
    inner_low: Points
    inner_high: Points
    views: dict[int, Sighting]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the web is in a frame.

    position: way of the web, (along, across). reach: variance of the position up to which a view
    is near enough in time. map_pixel: in units of the plane.
    """

    position: Points
    reach: float
    map_pixel: float


class RegionMemory:
    """Recalls the defects of a region if it is the same one as in MOST_VIEWS earlier views.

    All that is near a defect has been in these views too, so nothing new can be in its region. A
    region is not recalled if it is larger, smaller or divided in another way, or if another track
    is in it. At the border of the frame only the visible part is compared. decide: None if no
    limits of sizes count.
    """

    def __init__(self, plane: WebPlane, decide: Decide | None) -> None:
        self._plane, self._decide = plane, decide
        self._regions: dict[tuple[int, ...], _Region] = {}

    def learn(self, box: FrameBox, views: Mapping[int, Sighting], position: Points) -> None:
        """Adds a view of a region. views: track -> the refined and whole sighting in this frame."""
        low, high = self._on_web(box, position)
        key = tuple(sorted(views))
        region = self._regions.get(key)
        if region is None:
            self._regions[key] = _Region(low, high, low, high, dict(views))
            return
        region.low, region.high = np.minimum(region.low, low), np.maximum(region.high, high)
        region.inner_low = np.maximum(region.inner_low, low)
        region.inner_high = np.minimum(region.inner_high, high)
        region.views, region.count = dict(views), region.count + 1

    def forget(self, numbers: Collection[int]) -> None:
        """Forgets the regions of tracks that were closed."""
        for key in [key for key in self._regions if not set(key).isdisjoint(numbers)]:
            del self._regions[key]

    def recall(
        self, boxes: Sequence[FrameBox], tracks: Mapping[int, Track], place: Place
    ) -> dict[int, tuple[Defect, ...]]:
        """Index of a box -> its defects in this frame."""
        regions = [(key, r) for key, r in self._regions.items() if r.count >= MOST_VIEWS]
        if not regions or not boxes:
            return {}
        on_web = np.array([self._on_web(box, place.position) for box in boxes])
        low, high = on_web[:, 0], on_web[:, 1]
        same = self._find_same(low, high, [region for _, region in regions], place)
        alone = same & (same.sum(axis=0) == 1)[None] & (same.sum(axis=1) == 1)[:, None]
        recalled = {}
        for index, number in np.argwhere(alone).tolist():
            key, region = regions[number]
            if self._is_settled([tracks[n] for n in key], region, place) and not any(
                (track.last.low <= high[index]).all() and (track.last.high >= low[index]).all()
                for track in tracks.values()
                if track.number not in key
            ):
                moved = [self._move(tracks[n], region.views[n], place.position) for n in key]
                recalled[index] = tuple(defect for defect in moved if defect is not None)
        return {index: defects for index, defects in recalled.items() if defects}

    def _on_web(self, box: FrameBox, position: Points) -> tuple[Points, Points]:
        x0, y0, x1, y1 = box
        corners = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
        web = self._plane.to_web(corners) + position
        return web.min(axis=0), web.max(axis=0)

    def _find_same(
        self, low: Points, high: Points, regions: Sequence[_Region], place: Place
    ) -> "np.typing.NDArray[np.bool_]":
        """(boxes, regions): whether a box contains the inner box and is inside the outer box."""
        outer_low, outer_high, inner_low, inner_high = (
            np.array([getattr(region, name) for region in regions])
            for name in ("low", "high", "inner_low", "inner_high")
        )
        slack = _SLACK_PX * place.map_pixel + _SLACK * (outer_high - outer_low)
        # Only the part of the inner box that is in the frame can be seen.
        inner_low = np.maximum(inner_low, self._plane.low + place.position)
        inner_high = np.minimum(inner_high, self._plane.high + place.position)
        inside = (low[:, None] >= outer_low - slack) & (high[:, None] <= outer_high + slack)
        contains = (low[:, None] <= inner_low + slack) & (high[:, None] >= inner_high - slack)
        return np.asarray((inside & contains).all(axis=2))

    def _is_settled(self, tracks: Sequence[Track], region: _Region, place: Place) -> bool:
        """Whether a further view would change nothing."""
        numbers = set(region.views)
        return all(
            len(track.whole) >= MOST_VIEWS
            and all(view.defect.size_source == "refined" for view in track.whole)
            and track.links <= numbers
            and region.views[track.number].variance >= place.reach
            and self._is_decided(track.size)
            for track in tracks
        )

    def _is_decided(self, defect: Defect) -> bool:
        if self._decide is None:
            return True
        return self._decide(defect).decision is not Decision.CANNOT_BE_DECIDED

    def _move(self, track: Track, view: Sighting, position: Points) -> Defect | None:
        """The defect with the size of its track and the outline of its newest refined view, cut at
        the border of the frame; None if the frame does not show it."""
        back, seen = view.position - position, view.defect
        height, width = self._plane.frame_hw

        def move(points: Points) -> Points:
            moved = self._plane.to_frame(self._plane.to_web(points) + back)
            return np.clip(moved, 0.0, (width, height))

        polygons = tuple(map(move, seen.polygons))
        outer = np.concatenate(polygons[: len(polygons) - seen.holes])
        centroid = move(np.array((seen.centroid_px,)))
        on_plane = self._plane.to_plane(centroid)
        (x0, y0), (x1, y1) = outer.min(axis=0).tolist(), outer.max(axis=0).tolist()
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        return replace(
            track.size,
            polygons=polygons,
            holes=seen.holes,
            box_px=(x0, y0, x1, y1),
            centroid_px=tuple(centroid[0].tolist()),
            centroid_mm=None if on_plane is None else tuple(on_plane[0].tolist()),
            orientation_deg=seen.orientation_deg,
            shape_figures=seen.shape_figures,
            size_source="track",
        )
