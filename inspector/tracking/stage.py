"""The event stage that closes the defects of a moving web and keeps the ledger of its surface."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from loguru import logger

from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.types import Cause, Inspection
from inspector.tracking.follower import Follower, without_picture
from inspector.tracking.ledger import (
    DROPPED,
    MOTION_UNKNOWN,
    NOT_CAPTURED,
    SurfaceLedger,
)
from inspector.tracking.lost_lengths import Span
from inspector.tracking.motion import MotionSource, MotionState
from inspector.tracking.plane import WebPlane
from inspector.tracking.setup import Followed, TrackingSetup
from inspector.tracking.tracker import Tracker
from inspector.tracking.tracks import ClosedTrack


class TrackingStage:
    """Turns the results of its follower into events, and sums up the surface.

    It runs on the output thread. Its follower has seen each inspection before. ledger: None until
    flush().
    """

    name = "tracking"

    def __init__(self, setup: TrackingSetup, motion: MotionSource | None = None) -> None:
        """motion: None to measure it from the pictures."""
        self.follower = Follower(setup, motion)
        self._setup = setup
        self._surface: SurfaceLedger | None = None
        self._last: Inspection | None = None
        self._states: Counter[str] = Counter()
        self._continued = 0
        self.ledger: Ledger | None = None
        self.warnings: list[str] = []

    @property
    def web_length_m(self) -> float | None:
        """Length of the web so far; None without a calibration, or before the first picture."""
        plane = self.follower.plane
        if self._surface is None or plane is None or plane.unit != "mm":
            return None
        return self._surface.length / 1000

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        followed = self.follower.take()
        if followed.frame is None:
            return inspection, ()
        followed.frame.seq = inspection.seq
        followed.frame.part_id, followed.frame.trace = inspection.part_id, inspection.trace
        self._states[followed.state.value] += 1
        self._add_to_surface(followed, inspection)
        self._last = without_picture(inspection)
        return inspection, [self._close(track, self._last) for track in followed.closed]

    def flush(self) -> Sequence[Event]:
        closed = self.follower.flush()
        plane, tracker, last = self.follower.plane, self.follower.tracker, self._last
        if plane is None or tracker is None or last is None:
            return ()
        events: list[Event] = [self._close(track, last) for track in closed]
        self.ledger = ledger = self._make_ledger(plane, tracker, last)
        if ledger.defects != ledger.defects_low:
            warning = (
                f"tracking: the number of defects is between {ledger.defects_low} and "
                f"{ledger.defects}, because the motion of the web was unknown at "
                f"{ledger.gap_count} places; an encoder would remove the doubt"
            )
            logger.warning("{}", warning)
            self.warnings.append(warning)
        return [*events, ledger]

    def _add_to_surface(self, followed: Followed, inspection: Inspection) -> None:
        if self._surface is None:
            assert self.follower.plane is not None
            self._surface = SurfaceLedger(
                self.follower.plane,
                inspected=self._setup.inspected,
                crop=self._setup.crop,
                web_width=self._setup.options.web_width_mm,
                start=self.follower.start,
            )
        cause = inspection.cause
        if cause is None and followed.has_other_size:
            cause = Cause.SIZE
        gap = self._gap_cause(inspection.frame_id, followed.state)
        self._surface.add(followed.position, cause=cause and cause.value, gap=gap)
        self._surface.pass_rows(followed.horizon)

    def _gap_cause(self, frame_id: int, state: MotionState) -> str:
        if state is MotionState.UNKNOWN:
            return MOTION_UNKNOWN
        if self._last is not None and frame_id > self._last.frame_id + 1:
            return DROPPED
        return NOT_CAPTURED

    def _close(self, track: ClosedTrack, at: Inspection) -> DefectClosed:
        best, track_id = track.best, self.follower.ids.text(track.number)
        self._continued += self.follower.ids.is_earlier(track.number)
        seq = best.frame.seq
        assert seq is not None  # a track is closed after its last frame
        return DefectClosed(
            wall_time_utc=at.frame.wall_time_utc,
            frame_id=at.frame_id,
            captured_ns=at.frame.captured_ns,
            part_id=best.frame.part_id,
            trace=best.frame.trace,
            track_id=track_id,
            first_frame_id=track.first_frame_id,
            last_frame_id=track.last_frame_id,
            best_frame_id=best.frame.frame_id,
            sightings=track.sightings,
            defect=replace(track.defect, web=replace(best.place, track_id=track_id)),
            merged_track_ids=tuple(map(self.follower.ids.text, track.merged)),
            extent=self._extent(track),
            best=replace(
                best.frame.inspection,
                seq=seq,
                part_id=best.frame.part_id,
                trace=best.frame.trace,
            ),
        )

    def _extent(self, track: ClosedTrack) -> dict[str, float]:
        assert self.follower.plane is not None
        unit = self.follower.plane.unit
        (y_from, x_from), (y_to, x_to) = (corner.tolist() for corner in track.box)
        along, scale = _along_unit(unit)
        return {
            f"y_from_{along}": round(y_from / scale, 6),
            f"y_to_{along}": round(y_to / scale, 6),
            f"x_from_{unit}": round(x_from, 4),
            f"x_to_{unit}": round(x_to, 4),
        }

    def _make_ledger(self, plane: WebPlane, tracker: Tracker, last: Inspection) -> Ledger:
        assert self._surface is not None  # there was a frame
        surface, unit = self._surface, plane.unit
        totals = surface.finish()
        times = dict(sorted(totals.by_times.items()))
        length, width = surface.length, surface.width
        along, scale = _along_unit(unit)
        return Ledger(
            wall_time_utc=last.frame.wall_time_utc,
            frame_id=last.frame_id,
            captured_ns=last.frame.captured_ns,
            unit=f"{unit}2",
            total=totals.total,
            inspected_once=times.get(1, 0.0),
            inspected_more=sum(area for number, area in times.items() if number > 1),
            not_inspected_by_cause=totals.not_inspected,
            inspected_by_times={str(number): area for number, area in times.items()},
            length_m=length / 1000 if unit == "mm" else None,
            width_mm=width if unit == "mm" else None,
            width_px=width if unit == "px" else None,
            lengths_not_inspected_count=surface.lost.count,
            lengths_not_inspected=tuple(_span(s, along, scale) for s in surface.lost.newest),
            bands_not_inspected=tuple(_span(s, unit, 1.0) for s in surface.lost_bands),
            defects=tracker.closed,
            # The gaps count tracks that turned out to be parts of one defect several times.
            defects_low=max(tracker.closed - tracker.gaps.most_doubled, min(tracker.closed, 1)),
            defects_continued=self._continued,
            gap_count=tracker.gaps.count,
            gaps=tuple(
                {
                    "last_frame_id": gap.last_frame_id,
                    "first_frame_id": gap.first_frame_id,
                    "most_doubled": gap.doubled,
                    f"at_{along}": round((gap.place - float(plane.low[0])) / scale, 6),
                }
                for gap in tracker.gaps.newest
            ),
            frames_by_motion=dict(self._states),
        )


def _along_unit(unit: str) -> tuple[str, float]:
    """The unit of places along the web, and how many units of the plane it has."""
    return ("m", 1000.0) if unit == "mm" else ("px", 1.0)


def _span(span: Span, unit: str, scale: float) -> dict[str, float | str]:
    start, end = round(span.start / scale, 6), round(span.end / scale, 6)
    return {f"from_{unit}": start, f"to_{unit}": end, "cause": span.cause}
