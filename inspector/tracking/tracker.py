"""Follows defects over frames in web coordinates and closes them when they cannot come back."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from inspector.core.refining import FrameBox
from inspector.core.types import Defect
from inspector.core.web_place import WebPlace
from inspector.tracking.association import assign, find_touching, pair_across_gap
from inspector.tracking.gaps import Gap, Gaps
from inspector.tracking.groups import OpenTracks
from inspector.tracking.known import Decide, Place, RegionMemory
from inspector.tracking.motion import Motion, MotionState
from inspector.tracking.plane import WebPlane
from inspector.tracking.tracks import (
    ClosedTrack,
    SeenFrame,
    Sighting,
    Track,
    add_view,
    choose_views,
    make_defect,
)

Region = tuple[FrameBox, Sequence[int]]
"""The box of a region of the map on the frame, and the indices of its defects."""

_COVERAGE: Final = 3.0
"""Standard uncertainties of the motion within which an outline may be away from its track."""


class Tracker:
    """Gives each sighting the number of its track.

    reach: length of web by which the line may run back, in units of the plane. position: way of the
    product since the start, along and across. decide: adds the decisions about the limits of sizes;
    None without limits. regions: the regions whose defects are known.
    """

    def __init__(self, plane: WebPlane, *, reach: float, decide: Decide | None = None) -> None:
        self._plane, self._reach, self._decide = plane, reach, decide
        self.regions = RegionMemory(plane, decide)
        self.position = np.zeros(2)
        self._variance = 0.0
        self.tracks = OpenTracks()
        self._next = 1
        self._horizon = self._top = -math.inf
        self._last_frame_id = -1
        self.gaps = Gaps()
        self.closed = 0

    @property
    def view_low(self) -> float:
        """Lowest web position that the current frame shows."""
        return float(self._plane.low[0] + self.position[0])

    @property
    def view_high(self) -> float:
        return float(self._plane.high[0] + self.position[0])

    @property
    def top(self) -> float:
        """Highest web position that any frame has shown."""
        return self._top

    @property
    def horizon(self) -> float:
        """Web below this position has passed. Nothing is tracked there any more."""
        return self._horizon

    @property
    def open_tracks(self) -> int:
        return len(self.tracks.by_number)

    def move(self, motion: Motion, frame_id: int) -> list[ClosedTrack]:
        """Moves the web. After unknown motion no track can be continued, so all are closed."""
        closed: list[ClosedTrack] = []
        if motion.state is MotionState.UNKNOWN:
            before, view_low = self.open_tracks, self.view_low
            closed = self.flush()
            # Without any speed, the frames are taken as neighbours on the web.
            self.position += (motion.along if motion.along > 0 else self._plane.length, 0.0)
            self._horizon = self.view_low
            limit = self.view_high + self._reach
            gap = Gap(self._last_frame_id, frame_id, before, limit, self.view_low)
            self.gaps.add(gap, view_low)
        else:
            self.position += (motion.along, -motion.across)
            self._variance += motion.u**2
            self._horizon = max(self._horizon, self.view_low - self._reach)
        self._last_frame_id = frame_id
        return closed

    def recall(self, boxes: Sequence[FrameBox], map_pixel: float) -> dict[int, tuple[Defect, ...]]:
        """The known defects of the current frame, see RegionMemory.recall."""
        reach = self._variance - (map_pixel / _COVERAGE) ** 2
        place = Place(self.position, reach, map_pixel)
        return self.regions.recall(boxes, self.tracks.by_number, place)

    def see(
        self,
        frame: SeenFrame,
        defects: Sequence[Defect],
        map_pixel: float,
        regions: Sequence[Region] = (),
        recorded: Sequence[int | None] | None = None,
    ) -> tuple[list[int | None], list[ClosedTrack]]:
        """The track of each defect of the frame, and the tracks that have passed.

        map_pixel: size of a pixel of the anomaly map in units of the plane. regions: of the map,
        with the indices of their defects. recorded: the tracks, if they are known from the log of a
        run. A defect on web that has passed already, because the line ran back too far, has no
        track.
        """
        sightings = [self._sight(defect, frame) for defect in defects]
        current = [i for i, s in enumerate(sightings) if s.high[0] >= self._horizon]
        if recorded is not None:
            current = [i for i, number in enumerate(recorded) if number is not None]
        tracks = list(self.tracks.by_number.values())
        tolerances = [map_pixel + _COVERAGE * self._u_since(track) for track in tracks]
        seen = [sightings[i] for i in current]
        pairs = find_touching(seen, tracks, tolerances)
        if self.view_low > self._top:
            pairs += pair_across_gap(seen, tracks, (self._top, self.view_low), map_pixel)
        self._top = max(self._top, self.view_high)
        assigned = assign(pairs)
        if recorded is not None:
            places = {track.number: t for t, track in enumerate(tracks)}
            named = [(s, places.get(recorded[i] or 0)) for s, i in enumerate(current)]
            assigned = {s: t for s, t in named if t is not None}
        touched: dict[int, list[Track]] = {}
        for _, _, s, t in pairs:
            touched.setdefault(s, []).append(tracks[t])
        free = set(self.tracks.by_number) - {tracks[t].number for t in assigned.values()}
        numbers: list[int | None] = [None] * len(sightings)
        for s, index in enumerate(current):
            track = tracks[assigned[s]] if s in assigned else None
            others = [t for t in touched.get(s, ()) if t is not track]
            number = None if recorded is None else recorded[index]
            numbers[index] = self._add(sightings[index], track, others, free, number).number
        self.tracks.note_apart([n for n in numbers if n is not None])
        for box, members in regions:
            self._learn(box, [(numbers[i], sightings[i]) for i in members])
        return numbers, self._close_passed()

    def _learn(self, box: FrameBox, members: Sequence[tuple[int | None, Sighting]]) -> None:
        """Remembers a region if all its defects were refined and are whole."""
        views = {
            number: sighting
            for number, sighting in members
            if number is not None
            and sighting.defect.size_source == "refined"
            and not sighting.defect.truncated
        }
        if views and len(views) == len(members):
            self.regions.learn(box, views, self.position)

    def restart(self) -> None:
        """Keeps the open tracks and their places for a run that continues this one. Their frames
        and sizes belong to the earlier run."""
        tracks, self.tracks = self.tracks.by_number.values(), OpenTracks()
        for track in tracks:
            fresh = Track(track.number, -1, track.last, track.low, track.high)
            self.tracks.by_number[track.number] = fresh
        self.regions, self.gaps, self.closed = RegionMemory(self._plane, self._decide), Gaps(), 0

    def flush(self) -> list[ClosedTrack]:
        """Closes all tracks."""
        return self._close(list(self.tracks.by_number))

    def place(self, defect: Defect) -> WebPlace:
        """Where the centre of a defect is: across from the edge of the frame, along from the edge
        of the first frame. The track is left out."""
        along, across = (
            self._plane.to_web(np.array((defect.centroid_px,)))[0] - self._plane.low
        ).tolist()
        along += float(self.position[0])
        if self._plane.unit == "mm":
            return WebPlace(None, x_mm=across, y_m=along / 1000)
        return WebPlace(None, x_px=across, y_px=along)

    def _sight(self, defect: Defect, frame: SeenFrame) -> Sighting:
        outer = defect.polygons[: len(defect.polygons) - defect.holes]
        outlines = tuple(self._plane.to_web(polygon) + self.position for polygon in outer)
        points = np.concatenate(outlines)
        low, high = points.min(axis=0), points.max(axis=0)
        way = self.position.copy(), self._variance
        return Sighting(defect, frame, self.place(defect), outlines, low, high, *way)

    def _u_since(self, track: Track) -> float:
        return math.sqrt(max(0.0, self._variance - track.last.variance))

    def _add(
        self,
        sighting: Sighting,
        track: Track | None,
        others: list[Track],
        free: set[int],
        number: int | None,
    ) -> Track:
        """Adds a sighting to its track, or begins a track. others: tracks that it touches, too.
        free: numbers of the tracks without a sighting in this frame. number: of a track that
        begins; None for the next one."""
        if track is None:
            track = self._begin(sighting, number)
            for other in others:
                self._split(other, track, sighting)
            track.add(sighting, alone=True)
            return track
        covered = [
            t
            for t in others
            if t.number in free and sighting.covers((t.last.low + t.last.high) / 2)
        ]
        track.add(sighting, alone=not covered)
        for other in covered:
            other.note_frame(sighting.frame)
            link = self.tracks.link(track, other)
            if sighting.defect.truncated:
                link.touched = True
            else:
                link.together += 1
                add_view(link.views, sighting)
        return track

    def _begin(self, sighting: Sighting, number: int | None) -> Track:
        number = self._next if number is None else number
        self._next = max(self._next, number + 1)
        track = Track(number, sighting.frame.frame_id, sighting, sighting.low, sighting.high)
        self.tracks.by_number[number] = track
        self.gaps.note_new_track(float(sighting.low[0]))
        return track

    def _split(self, track: Track, part: Track, sighting: Sighting) -> None:
        """A second outline appeared beside a track. Earlier outlines may have covered both."""
        link, place = self.tracks.link(track, part), (sighting.low + sighting.high) / 2
        link.touched = link.touched or any(view.covers(place) for view in track.cut)
        both = track.pop_views_of_both(place)
        for view in both:
            add_view(link.views, view)
        if both:
            link.together += track.whole_count
            track.whole_count = len(track.whole)

    def _close_passed(self) -> list[ClosedTrack]:
        tracks = self.tracks.by_number
        passed = {n: None for n, track in tracks.items() if track.high[0] < self._horizon}
        return self._close([n for n in passed if self.tracks.group(n) <= passed.keys()])

    def _close(self, numbers: list[int]) -> list[ClosedTrack]:
        """Closes whole groups, one defect for each set of tracks that are the same defect."""
        closed, waiting = [], set(numbers)
        for number in numbers:
            if number not in waiting:
                continue
            members = self.tracks.same_defect(number)
            waiting -= members
            # A track of an earlier run that was not seen again is counted there.
            if seen := sorted(n for n in members if self.tracks.by_number[n].sightings):
                closed.append(self._make_closed(seen))
        for number in numbers:
            self.tracks.remove(number)
        self.regions.forget(numbers)
        self.closed += len(closed)
        return closed

    def _make_closed(self, members: list[int]) -> ClosedTrack:
        tracks = [self.tracks.by_number[number] for number in members]
        views = choose_views(tracks, self.tracks.links_between(members))
        low = np.min([track.low for track in tracks], axis=0)
        high = np.max([track.high for track in tracks], axis=0)
        reach = float(np.max(high - low))
        # Places across are those in the frame, so the sideways drift of the web is taken out.
        origin = self._plane.low + self.position * (0, 1)
        defect = make_defect(views, reach, unit=self._plane.unit)
        return ClosedTrack(
            number=members[0],
            first_frame_id=min(track.first_frame_id for track in tracks),
            last_frame_id=max(track.last_frame_id for track in tracks),
            sightings=max(track.sightings for track in tracks),
            best=views[0],
            defect=defect if self._decide is None else self._decide(defect),
            merged=tuple(members[1:]),
            box=(low - origin, high - origin),
        )
