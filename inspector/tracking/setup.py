"""Data of tracking: setup of a run, result for one frame, and end of an earlier run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calibration.plane import Calibration
from inspector.core.arrays import Mask
from inspector.tracking.known import Decide
from inspector.tracking.motion import MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.tracker import Tracker
from inspector.tracking.tracks import ClosedTrack, SeenFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSetup:
    """What tracking must know about the run.

    prefix: of every track id; it differs for every run and source. live: whether times are those
    of the capture. inspected, crop: as in SurfaceLedger. decide: adds the decisions about the
    limits of sizes; None if they do not decide the verdict.
    """

    options: TrackingOptions
    calibration: Calibration | None
    prefix: str
    live: bool
    inspected: Mask | None = None
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    decide: Decide | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """What the output thread needs about one frame.

    frame: None before the first frame with a usable size. horizon: as in Tracker. closed: tracks
    that ended. has_other_size: what the frame shows of the web is not known.
    """

    frame: SeenFrame | None = None
    state: MotionState = MotionState.UNKNOWN
    position: float = 0.0
    horizon: float = 0.0
    closed: Sequence[ClosedTrack] = ()
    has_other_size: bool = False


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The state of the web at the last frame of an earlier run.

    encoder_mm: position of the encoder; None if unknown. track_id: gives the id of a track.
    """

    tracker: Tracker
    frame_hw: tuple[int, int]
    encoder_mm: float | None
    track_id: Callable[[int], str]
