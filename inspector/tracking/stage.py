"""The event stage that follows defects on a moving web and keeps the ledger of its surface."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from loguru import logger

from calibration.plane import Calibration
from inspector.core.arrays import Mask
from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.types import BadFrame, Cause, Frame, Inspection, Verdict
from inspector.tracking.ledger import (
    DROPPED,
    MOTION_UNKNOWN,
    NOT_CAPTURED,
    SurfaceLedger,
)
from inspector.tracking.lost_lengths import Span
from inspector.tracking.motion import MotionSource, MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.picture_motion import PictureMotion
from inspector.tracking.plane import WebPlane
from inspector.tracking.tracker import ClosedTrack, Tracker

_SHOWS_PRODUCT: Final = (Cause.NOT_FINITE, Cause.HEALTH)
"""Causes of ERROR frames whose picture is that of the product at the time of the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSetup:
    """What the stage must know about the run.

    prefix: of every track id; it differs for every run and source. live: whether times are those
    of the capture. inspected, crop: as in SurfaceLedger.
    """

    options: TrackingOptions
    calibration: Calibration | None
    prefix: str
    live: bool
    inspected: Mask | None = None
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


class TrackingStage:
    """Labels each defect with its track, closes tracks, and sums up the surface.

    The parts are made with the first frame, when its size is known. ledger: None until flush().
    """

    name = "tracking"

    def __init__(self, setup: TrackingSetup, motion: MotionSource | None = None) -> None:
        """motion: None to measure it from the pictures."""
        self._setup = setup
        self._motion = motion
        self._web: _Web | None = None
        self._last: Inspection | None = None
        self._states: Counter[str] = Counter()
        self.ledger: Ledger | None = None
        self.warnings: list[str] = []

    @property
    def open_tracks(self) -> int:
        """Number of defects that may be seen again."""
        return 0 if self._web is None else self._web.tracker.open_tracks

    @property
    def web_length_m(self) -> float | None:
        """Length of the web so far; None without a calibration, or before the first picture."""
        if self._web is None or self._web.plane.unit != "mm":
            return None
        return self._web.ledger.length / 1000

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        frame = inspection.frame
        hw = _frame_hw(frame)
        if self._web is None:
            if hw is None:
                return inspection, ()
            self._web = _Web(self._setup, hw, self._motion)
        web = self._web
        usable = hw == web.plane.frame_hw and (
            inspection.cause is None or inspection.cause in _SHOWS_PRODUCT
        )
        motion = web.motion.step(frame, usable=usable)
        self._states[motion.state.value] += 1
        closed = web.tracker.move(motion, frame.frame_id)
        gap = self._gap_cause(frame.frame_id, motion.state)
        cause = inspection.cause
        if cause is None and hw != web.plane.frame_hw:
            cause = Cause.SIZE  # what it shows of the web is not known
        web.ledger.add(float(web.tracker.position[0]), cause=cause and cause.value, gap=gap)
        web.ledger.pass_rows(web.tracker.horizon)
        if inspection.verdict is not Verdict.ERROR and usable:
            inspection, more = self._follow(web, inspection)
            closed += more
        self._last = _without_picture(inspection)
        return inspection, [self._close(track, self._last) for track in closed]

    def flush(self) -> Sequence[Event]:
        if self._web is None or self._last is None:
            return ()
        closed = self._web.tracker.flush()
        events: list[Event] = [self._close(track, self._last) for track in closed]
        self.ledger = ledger = self._make_ledger(self._web, self._last)
        if ledger.defects != ledger.defects_low:
            warning = (
                f"tracking: the number of defects is between {ledger.defects_low} and "
                f"{ledger.defects}, because the motion of the web was unknown at "
                f"{ledger.gap_count} places; an encoder would remove the doubt"
            )
            logger.warning("{}", warning)
            self.warnings.append(warning)
        return [*events, ledger]

    def _gap_cause(self, frame_id: int, state: MotionState) -> str:
        if state is MotionState.UNKNOWN:
            return MOTION_UNKNOWN
        if self._last is not None and frame_id > self._last.frame_id + 1:
            return DROPPED
        return NOT_CAPTURED

    def _follow(self, web: "_Web", inspection: Inspection) -> tuple[Inspection, list[ClosedTrack]]:
        pixel = web.map_pixel(inspection)
        light, defects = _without_picture(inspection), inspection.defects
        numbers, closed = web.tracker.see(light, defects, pixel)
        if not defects:
            return inspection, closed
        labelled = tuple(
            replace(defect, web=replace(web.tracker.place(defect), track_id=self._track_id(number)))
            for defect, number in zip(defects, numbers, strict=True)
        )
        return replace(inspection, defects=labelled), closed

    def _track_id(self, number: int | None) -> str | None:
        return None if number is None else f"{self._setup.prefix}/d{number}"

    def _close(self, track: ClosedTrack, at: Inspection) -> DefectClosed:
        best = track.best
        track_id = f"{self._setup.prefix}/d{track.number}"
        return DefectClosed(
            wall_time_utc=at.frame.wall_time_utc,
            frame_id=at.frame_id,
            captured_ns=at.frame.captured_ns,
            part_id=best.inspection.part_id,
            track_id=track_id,
            first_frame_id=track.first_frame_id,
            last_frame_id=track.last_frame_id,
            best_frame_id=best.inspection.frame_id,
            sightings=track.sightings,
            defect=replace(track.defect, web=replace(best.place, track_id=track_id)),
            merged_track_ids=tuple(f"{self._setup.prefix}/d{n}" for n in track.merged),
            extent=self._extent(track),
            best=best.inspection,
        )

    def _extent(self, track: ClosedTrack) -> dict[str, float]:
        assert self._web is not None
        (y_from, x_from), (y_to, x_to) = (corner.tolist() for corner in track.box)
        along, scale = self._web.along_unit
        return {
            f"y_from_{along}": round(y_from / scale, 6),
            f"y_to_{along}": round(y_to / scale, 6),
            f"x_from_{self._web.plane.unit}": round(x_from, 4),
            f"x_to_{self._web.plane.unit}": round(x_to, 4),
        }

    def _make_ledger(self, web: "_Web", last: Inspection) -> Ledger:
        tracker, totals = web.tracker, web.ledger.finish()
        times = dict(sorted(totals.by_times.items()))
        length, unit, width = web.ledger.length, web.plane.unit, web.ledger.width
        along, scale = web.along_unit
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
            lengths_not_inspected_count=web.ledger.lost.count,
            lengths_not_inspected=tuple(
                _span(span, along, scale) for span in web.ledger.lost.newest
            ),
            bands_not_inspected=tuple(_span(span, unit, 1.0) for span in web.ledger.lost_bands),
            defects=tracker.closed,
            # The gaps count tracks that turned out to be parts of one defect several times.
            defects_low=max(tracker.closed - tracker.gaps.most_doubled, min(tracker.closed, 1)),
            gap_count=tracker.gaps.count,
            gaps=tuple(
                {
                    "last_frame_id": gap.last_frame_id,
                    "first_frame_id": gap.first_frame_id,
                    "most_doubled": gap.doubled,
                    f"at_{along}": round((gap.place - float(web.plane.low[0])) / scale, 6),
                }
                for gap in tracker.gaps.newest
            ),
            frames_by_motion=dict(self._states),
        )


class _Web:
    """The parts of the stage for frames of one size."""

    def __init__(
        self, setup: TrackingSetup, frame_hw: tuple[int, int], motion: MotionSource | None
    ) -> None:
        options = setup.options
        self.plane = WebPlane(frame_hw, options.direction, setup.calibration)
        self.motion = motion or PictureMotion(self.plane, live=setup.live)
        self.tracker = Tracker(self.plane, reach=options.reverse_mm or self.plane.length)
        self.ledger = SurfaceLedger(
            self.plane,
            inspected=setup.inspected,
            crop=setup.crop,
            web_width=options.web_width_mm,
        )

    @property
    def along_unit(self) -> tuple[str, float]:
        """The unit of places along the web, and how many units of the plane it has."""
        return ("m", 1000.0) if self.plane.unit == "mm" else ("px", 1.0)

    def map_pixel(self, inspection: Inspection) -> float:
        """Size of a pixel of the map in units of the plane; of a frame pixel without a map."""
        pixel = self.plane.pixel
        to_frame = inspection.to_frame
        return pixel if to_frame is None else pixel * max(to_frame.scale_x, to_frame.scale_y)


def _span(span: Span, unit: str, scale: float) -> dict[str, float | str]:
    start, end = round(span.start / scale, 6), round(span.end / scale, 6)
    return {f"from_{unit}": start, f"to_{unit}": end, "cause": span.cause}


def _frame_hw(frame: Frame | BadFrame) -> tuple[int, int] | None:
    return None if frame.image is None else (frame.image.shape[0], frame.image.shape[1])


def _without_picture(inspection: Inspection) -> Inspection:
    """The facts of an inspection, without the picture and the map, which need memory."""
    frame = inspection.frame
    light = BadFrame(
        frame_id=frame.frame_id,
        source_id=frame.source_id,
        error="",
        captured_ns=frame.captured_ns,
        pts_s=frame.pts_s,
        wall_time_utc=frame.wall_time_utc,
        name=frame.name,
    )
    return replace(inspection, frame=light, anomaly_map=None, to_frame=None, defects=())
