"""Collects the defects of a log: one per track with tracking, else one per defect and frame."""

from bisect import bisect_left
from collections import defaultdict
from typing import Final

from inspector.report.run_log import SEVERITIES, FrameTable, Record, ReportDefect, Sighting

_OUTLINE: Final = "polygons"
"""Takes most of the memory of a defect; the report takes outlines from the pictures."""


class DefectCollector:
    """Gets the records of a log in order. repeated: sightings of web that was counted before."""

    def __init__(self) -> None:
        self._sightings: dict[str, list[Sighting]] = defaultdict(list)
        self._views: dict[str, ReportDefect] = {}
        self._untracked: list[ReportDefect] = []
        self._closed: list[ReportDefect] = []
        self._merged: dict[str, str] = {}
        self._repeated: list[ReportDefect] = []

    @property
    def repeated(self) -> int:
        return len(self._repeated)

    def see(self, line: int, record: Record) -> None:
        """Takes the defects of a frame."""
        if not record["defects"]:
            return
        sighting = Sighting(record["frame_id"], record.get("seq"), line)
        for values in record["defects"]:
            web = values.get("web")
            track_id = None if web is None else web.get("track_id")
            defect = _make_defect(record, sighting, values, track_id)
            if track_id is not None:
                self._add_sighting(track_id, defect)
            elif web is not None:
                self._repeated.append(defect)
            else:
                self._untracked.append(defect)

    def close(self, line: int, record: Record) -> None:
        """Takes a track that has ended."""
        track_id = record["track_id"]
        for merged in record.get("merged_track_ids", ()):
            self._merged[merged] = track_id
        best = Sighting(record["best_frame_id"], None, line)
        values = record.get("defect") or {}
        defect = _make_defect(record, best, values, track_id)
        defect.closed_line, defect.count = line, record["sightings"]
        defect.picture = record.get("picture") or defect.picture
        self._closed.append(defect)

    def finish(self, frames: FrameTable, *, tracked: bool) -> list[ReportDefect]:
        """All defects, the worst first, with their numbers."""
        for merged, track_id in self._merged.items():
            self._sightings[track_id] += self._sightings.pop(merged, [])
            self._views.pop(merged, None)
        for defect in self._closed:
            assert defect.track_id is not None
            sightings = sorted(self._sightings.pop(defect.track_id, ()), key=_by_line)
            view = self._views.pop(defect.track_id, None)
            defect.sightings = sightings or [defect.best]
            defect.best = next(
                (s for s in sightings if s.frame_id == defect.best.frame_id), defect.best
            )
            if not defect.values and view is not None:
                defect.values = view.values
        still_open = list(self._views.values()) if tracked else []
        for defect in still_open:
            assert defect.track_id is not None
            defect.sightings = sorted(self._sightings[defect.track_id], key=_by_line)
            defect.count = len(defect.sightings)
        defects = [*self._closed, *still_open, *self._untracked]
        defects.sort(key=_badness)
        for number, defect in enumerate(defects, 1):
            defect.number = number
            index = bisect_left(frames.frame_ids, defect.best.frame_id)
            if index < len(frames) and frames.frame_ids[index] == defect.best.frame_id:
                defect.index = index
        return defects

    def _add_sighting(self, track_id: str, defect: ReportDefect) -> None:
        self._sightings[track_id].append(defect.best)
        view = self._views.get(track_id)
        if view is None or _quality(defect) > _quality(view):
            self._views[track_id] = defect


def _make_defect(
    record: Record, sighting: Sighting, values: Record, track_id: str | None
) -> ReportDefect:
    light = {name: value for name, value in values.items() if name != _OUTLINE}
    return ReportDefect(
        values=light,
        sightings=[sighting],
        best=sighting,
        event_id=str(record.get("event_id", "")),
        track_id=track_id,
        picture=values.get("picture"),
    )


def _quality(defect: ReportDefect) -> tuple[bool, bool, float]:
    """A view that shows the defect whole is better than one that cuts it off; then measured ones,
    then those with the higher score."""
    values = defect.values
    is_whole, is_measured = not values["truncated"], values["size_source"] == "refined"
    return is_whole, is_measured, values["peak_score"]


def _badness(defect: ReportDefect) -> tuple[int, float, float, int]:
    values = defect.values
    rank = SEVERITIES.index(defect.severity) if values else len(SEVERITIES)
    length = values.get("length_mm") or values.get("length_px") or 0.0
    return rank, -length, -(values.get("peak_score") or 0.0), defect.best.frame_id


def _by_line(sighting: Sighting) -> int:
    return sighting.line
