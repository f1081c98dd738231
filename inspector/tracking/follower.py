"""Follows the defects of a moving web on the measure thread: motion, tracks, known sizes."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from inspector.core.geometry import Affine
from inspector.core.refining import FrameBox, KnownDefects
from inspector.core.stage_items import EngineOutput
from inspector.core.types import BadFrame, Cause, Defect, Frame, Inspection, Verdict
from inspector.core.web_place import FrameOnWeb
from inspector.tracking.motion import AbsoluteMotion, Motion, MotionSource, MotionState
from inspector.tracking.picture_motion import PictureMotion
from inspector.tracking.plane import WebPlane
from inspector.tracking.setup import EarlierRun, Followed, TrackingSetup
from inspector.tracking.track_ids import TrackIds
from inspector.tracking.tracker import Region, Tracker
from inspector.tracking.tracks import ClosedTrack, SeenFrame

_SHOWS_PRODUCT: Final = (None, Cause.NOT_FINITE, Cause.HEALTH, Cause.NO_PRODUCT)
"""Causes of frames whose picture is that of the product at the time of the frame."""


@dataclass(slots=True)
class _Step:
    """The motion up to the frame that is in work. known: its recalled defects and its regions."""

    frame_id: int
    usable: bool
    motion: Motion
    closed: list[ClosedTrack]
    known: "_KnownInFrame | None" = None


@dataclass(slots=True)
class _KnownInFrame:
    """See KnownDefects. boxes, ranks: what the analyzer reported about the frame."""

    tracker: Tracker
    map_pixel: float
    boxes: Sequence[FrameBox] = ()
    ranks: Sequence[int] = ()

    def recall(self, boxes: Sequence[FrameBox]) -> Mapping[int, Sequence[Defect]]:
        self.boxes = boxes
        return self.tracker.recall(boxes, self.map_pixel)

    def learn(self, ranks: Sequence[int]) -> None:
        self.ranks = ranks

    def regions(self) -> list[Region]:
        """Empty if nothing was refined in this frame."""
        if not self.boxes:
            return []
        members: dict[int, list[int]] = {}
        for index, rank in enumerate(self.ranks):
            members.setdefault(rank, []).append(index)
        return [(self.boxes[rank], indices) for rank, indices in members.items()]


@dataclass(slots=True)
class _Web:
    """The parts for frames of one size."""

    plane: WebPlane
    motion: MotionSource
    tracker: Tracker

    def map_pixel(self, to_frame: Affine | None) -> float:
        """Size of a pixel of the map in units of the plane; of a frame pixel without a map."""
        pixel = self.plane.pixel
        return pixel if to_frame is None else pixel * max(to_frame.scale_x, to_frame.scale_y)


class Follower:
    """Knows which defects of a frame are known, and labels each defect with its track.

    For every frame that is measured, recall() is called before and follow() after. For other frames
    follow() alone is called. So all that it knows comes from earlier frames, and it does not
    depend on the speed of the threads. Both run on the measure thread. take() and flush() run on
    the output thread: take() gives one result for each call of follow(), in the same order.

    motion: None to measure it from the pictures.
    """

    def __init__(self, setup: TrackingSetup, motion: MotionSource | None = None) -> None:
        self._setup = setup
        self._motion = motion
        self._web: _Web | None = None
        self._step: _Step | None = None
        self._followed: deque[Followed] = deque()
        self._lock = Lock()
        self._flushed = False
        self.ids = TrackIds(setup.prefix)
        self._earlier: EarlierRun | None = None
        self.start: float | None = None
        """Web position at which an earlier run ended; None if it is not known."""

    @property
    def plane(self) -> WebPlane | None:
        """None before the first frame with a usable size."""
        return None if self._web is None else self._web.plane

    @property
    def tracker(self) -> Tracker | None:
        return None if self._web is None else self._web.tracker

    @property
    def encoder_mm(self) -> float | None:
        """Position of the encoder at the last frame; None if there is none."""
        return None if self._web is None else _encoder_mm(self._web.motion)

    def recall(self, output: EngineOutput) -> KnownDefects | None:
        """The known defects of a frame; None if the motion up to it is not known well."""
        with self._lock:
            fault = output.fault
            step = self._begin(output.frame, None if fault is None else fault.cause)
            if step is None or self._web is None:
                return None
            if not step.usable or step.motion.state is not MotionState.KNOWN:
                return None
            step.known = _KnownInFrame(self._web.tracker, self._web.map_pixel(output.to_frame))
            return step.known

    def follow(self, inspection: Inspection) -> Inspection:
        """Adds the track of each defect and the place of the frame on the web."""
        with self._lock:
            if self._flushed:  # the run was aborted
                return inspection
            step = self._begin(inspection.frame, inspection.cause)
            if step is None or self._web is None:
                self._followed.append(Followed())
                return inspection
            self._step = None
            return self._add(self._web, step, inspection)

    def take(self) -> Followed:
        return self._followed.popleft()

    def flush(self) -> list[ClosedTrack]:
        """Closes all tracks. Frames that did not reach the log do not count."""
        with self._lock:
            self._flushed = True
            if self._web is None:
                return []
            tracker, waiting = self._web.tracker, [t for f in self._followed for t in f.closed]
            tracker.tracks.drop_unlogged()
            logged = [track for track in waiting if track.best.frame.seq is not None]
            tracker.closed -= len(waiting) - len(logged)
            return logged + tracker.flush()

    def continue_run(self, earlier: EarlierRun) -> None:
        """Makes the web of an earlier run go on, with its open tracks and their ids."""
        self._earlier = earlier

    def _begin(self, frame: Frame | BadFrame, cause: Cause | None) -> _Step | None:
        """Moves the web up to a frame, once for each frame. None if its size is not known yet."""
        if self._step is not None and self._step.frame_id == frame.frame_id:
            return self._step
        hw = _frame_hw(frame)
        if self._web is None:
            if hw is None or cause is Cause.SIZE:
                return None
            self._web = self._make_web(hw)
        web = self._web
        usable = hw == web.plane.frame_hw and cause in _SHOWS_PRODUCT
        motion = web.motion.step(frame, usable=usable)
        if self._earlier is not None:
            motion = self._go_on(web, self._earlier)
        closed = web.tracker.move(motion, frame.frame_id)
        self._earlier = None
        self._step = _Step(frame.frame_id, usable, motion, closed)
        return self._step

    def _make_web(self, frame_hw: tuple[int, int]) -> _Web:
        setup, options, earlier = self._setup, self._setup.options, self._earlier
        plane = WebPlane(frame_hw, options.direction, setup.calibration)
        motion = self._motion or PictureMotion(plane, live=setup.live)
        reach = options.reverse_mm or plane.length
        tracker = Tracker(plane, reach=reach, decide=setup.decide)
        if earlier is not None and earlier.frame_hw == frame_hw:
            tracker = earlier.tracker
            tracker.restart()
            self.ids.adopt({n: earlier.track_id(n) for n in tracker.tracks.by_number})
        else:
            self._earlier = None
        return _Web(plane, motion, tracker)

    def _go_on(self, web: _Web, earlier: EarlierRun) -> Motion:
        """The motion from the last frame of an earlier run to the first frame of this one."""
        now = _encoder_mm(web.motion)
        if now is None or earlier.encoder_mm is None:
            return Motion(0.0, 0.0, 0.0, MotionState.UNKNOWN)
        self.start = web.tracker.top
        return Motion(now - earlier.encoder_mm, 0.0, 0.0, MotionState.KNOWN)

    def _add(self, web: _Web, step: _Step, inspection: Inspection) -> Inspection:
        tracker, closed = web.tracker, step.closed
        seen = SeenFrame(without_picture(inspection))
        if inspection.verdict is not Verdict.ERROR and step.usable:
            regions = [] if step.known is None else step.known.regions()
            defects, map_pixel = inspection.defects, web.map_pixel(inspection.to_frame)
            if sum(len(members) for _, members in regions) != len(defects):
                regions = []  # the frame was late, and these are the defects of its map
            recorded = None
            if inspection.web is not None:  # from a log
                recorded = [self.ids.number(d.web.track_id if d.web else None) for d in defects]
            numbers, more = tracker.see(seen, defects, map_pixel, regions, recorded)
            closed = closed + more
            inspection = replace(inspection, defects=self._label(tracker, defects, numbers))
        along, across = tracker.position.tolist()
        self._followed.append(
            Followed(
                frame=seen,
                state=step.motion.state,
                position=along,
                horizon=tracker.horizon,
                closed=closed,
                has_other_size=_frame_hw(inspection.frame) != web.plane.frame_hw,
            )
        )
        state, u = step.motion.state.value, step.motion.u
        place = FrameOnWeb(state, y_px=along, x_px=across, u_px=u)
        if web.plane.unit == "mm":
            place = FrameOnWeb(state, y_m=along / 1000, x_mm=across, u_mm=u)
        return replace(inspection, web=replace(place, encoder_mm=_encoder_mm(web.motion)))

    def _label(
        self, tracker: Tracker, defects: Sequence[Defect], numbers: Sequence[int | None]
    ) -> tuple[Defect, ...]:
        return tuple(
            replace(
                defect,
                web=replace(
                    tracker.place(defect), track_id=None if n is None else self.ids.text(n)
                ),
            )
            for defect, n in zip(defects, numbers, strict=True)
        )


def _encoder_mm(motion: MotionSource) -> float | None:
    return motion.encoder_mm if isinstance(motion, AbsoluteMotion) else None


def _frame_hw(frame: Frame | BadFrame) -> tuple[int, int] | None:
    return None if frame.image is None else (frame.image.shape[0], frame.image.shape[1])


def without_picture(inspection: Inspection) -> Inspection:
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
