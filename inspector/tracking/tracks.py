"""The data of one track, a defect that is followed over frames, and of two tracks that touch."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import Defect, Inspection
from inspector.core.web_place import WebPlace
from inspector.tracking.sizes import combine_views

MOST_VIEWS: Final = 5
"""Views of a track whose sizes are combined. More views hardly improve the mean."""

_NOT_WHOLE: Final = "no frame shows the whole defect, so it may be larger"


@dataclass(slots=True)
class SeenFrame:
    """A frame that the tracks use.

    inspection: without picture, map and defects, which need memory. seq: as in Inspection; None
    until the frame is in the log. part_id, trace: of the part that it shows.
    """

    inspection: Inspection
    seq: int | None = None
    part_id: str | None = None
    trace: TraceFields = UNTRACED

    @property
    def frame_id(self) -> int:
        return self.inspection.frame_id


@dataclass(frozen=True, slots=True)
class Sighting:
    """One defect in one frame.

    place: of its centre. outlines: outer polygons, (n, 2) along and across, in web coordinates.
    low, high: corners of their box. position, variance: of the web in the frame, since the start of
    the run; position is (along, across).
    """

    defect: Defect
    frame: SeenFrame
    place: WebPlace
    outlines: tuple[Points, ...]
    low: Points
    high: Points
    position: Points
    variance: float

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Sorts views: refined before map, then by relative uncertainty, then by score."""
        defect = self.defect
        u, area = defect.area_u_mm2, defect.area_mm2
        # Sizes of the map have the same relative uncertainty, except for the last digits.
        relative = round(u / area, 4) if u and area else 0.0
        return defect.size_source != "refined", relative, -defect.peak_score

    def covers(self, place: Points) -> bool:
        """Whether a point (along, across) is inside the box."""
        return bool((self.low <= place).all() and (place <= self.high).all())


@dataclass(slots=True)
class Track:
    """A defect in web coordinates.

    last: its newest sighting. low, high: box over all sightings. whole: the best views that show it
    whole and alone. whole_count: number of all such views. cut: the largest views that show only a
    part. links: numbers of the tracks that touch it. frames: the newest frames that show it, back
    to one that is in the log.
    """

    number: int
    first_frame_id: int
    last: Sighting
    low: Points
    high: Points
    last_frame_id: int = -1
    sightings: int = 0
    whole_count: int = 0
    whole: list[Sighting] = field(default_factory=list)
    cut: list[Sighting] = field(default_factory=list)
    links: set[int] = field(default_factory=set)
    frames: list[SeenFrame] = field(default_factory=list)
    _size: Defect | None = None

    @property
    def size(self) -> Defect:
        """The combined size of the whole views. There must be at least one."""
        if self._size is None:
            self._size = combine_views([view.defect for view in self.whole])
        return self._size

    def add(self, sighting: Sighting, *, alone: bool) -> None:
        """alone: the outline covers no other track."""
        self.note_frame(sighting.frame)
        self.last = sighting
        self.low = np.minimum(self.low, sighting.low)
        self.high = np.maximum(self.high, sighting.high)
        if sighting.defect.truncated:
            self.cut.append(sighting)
            self.cut.sort(key=lambda view: -view.defect.area_px)
            del self.cut[MOST_VIEWS:]
        elif alone:
            self.whole_count += 1
            if sighting.defect.size_source != "track":  # its size comes from these views
                add_view(self.whole, sighting)
                self._size = None

    def note_frame(self, frame: SeenFrame) -> None:
        if not self.sightings:
            self.first_frame_id = frame.frame_id
        if frame.frame_id != self.last_frame_id:
            self.sightings += 1
            logged = [f for f in self.frames if f.seq is not None]
            self.frames = [*logged[-1:], *(f for f in self.frames if f.seq is None), frame]
        self.last_frame_id = frame.frame_id

    def pop_views_of_both(self, place: Points) -> list[Sighting]:
        """Removes and returns the views whose outline covers a place outside this track."""
        both = [view for view in self.whole if view.covers(place)]
        self.whole = [view for view in self.whole if not view.covers(place)]
        self._size = None
        return both

    def drop_unlogged(self) -> bool:
        """Removes the frames that are not in the log. False if no frame is left."""
        logged = [frame for frame in self.frames if frame.seq is not None]
        self.sightings -= len(self.frames) - len(logged)
        if logged and len(logged) < len(self.frames):
            self.last_frame_id = logged[-1].frame_id
            self.whole = [view for view in self.whole if view.frame.seq is not None]
            self.cut = [view for view in self.cut if view.frame.seq is not None]
            self._size = None
        return bool(logged)


@dataclass(frozen=True, slots=True)
class ClosedTrack:
    """One defect that cannot be seen again.

    best: the view that shows it best. merged: numbers of tracks that turned out to be parts of it.
    box: its lowest and highest corner on the web, (along, across), with the origin of its place.
    """

    number: int
    first_frame_id: int
    last_frame_id: int
    sightings: int
    best: Sighting
    defect: Defect
    merged: tuple[int, ...]
    box: tuple[Points, Points]


@dataclass(slots=True)
class Link:
    """Two tracks that touch. They are one defect if a whole outline covers both in at least as many
    frames as show two whole outlines.

    together, apart: numbers of these frames. views: the best views that cover both. touched: an
    outline that is cut off covered both.
    """

    together: int = 0
    apart: int = 0
    touched: bool = False
    views: list[Sighting] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        if self.together or self.apart:
            return self.together >= self.apart
        return self.touched


def add_view(views: list[Sighting], sighting: Sighting) -> None:
    """Adds a view to a list of the best views, the best first."""
    views.append(sighting)
    views.sort(key=lambda view: view.rank)
    del views[MOST_VIEWS:]


def choose_views(tracks: list[Track], links: list[Link]) -> list[Sighting]:
    """The views that show a defect best. Several tracks are parts of the same defect.

    Only views of one kind are combined: those that show it whole, or else the largest of those
    that show a part.
    """
    whole: list[Sighting] = []
    views = [view for link in links for view in link.views] if links else tracks[0].whole
    for view in dict.fromkeys(map(_Same, views)):
        add_view(whole, view.sighting)
    if whole:
        refined = [view for view in whole if not view.rank[0]]
        return refined or whole
    cut = [view for track in tracks for view in track.cut]
    return [max(cut or [track.last for track in tracks], key=lambda v: v.defect.area_px)]


@dataclass(frozen=True, slots=True)
class _Same:
    """A sighting that equals itself only: its arrays cannot be compared."""

    sighting: Sighting

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.sighting is self.sighting

    def __hash__(self) -> int:
        return id(self.sighting)


def make_defect(views: list[Sighting], reach: float, *, unit: str) -> Defect:
    """The defect with its size over its views. reach: length or width, whichever is larger, of the
    box of web over which it was seen, in unit (mm or px).

    Without a view that shows it whole it stays truncated. Its length is then at least the reach.
    """
    if not views[0].defect.truncated:
        return combine_views([view.defect for view in views])
    best = views[0].defect
    if unit == "mm" and best.length_mm is not None:
        return replace(best, size_note=_NOT_WHOLE, length_mm=max(reach, best.length_mm))
    length = best.length_px if unit == "mm" else max(reach, best.length_px)
    return replace(best, size_note=_NOT_WHOLE, length_px=length)
