"""Makes the tracking stage of one source."""

from calibration.plane import Calibration
from engines.roi import draw_mask
from engines.spec import EngineSpec
from inspector.config import Config
from inspector.core.types import RunInfo
from inspector.processing.postprocess import SCORE
from inspector.recorded_web import read_last_state
from inspector.tracking.feed_motion import FeedMotion, Recorder
from inspector.tracking.motion_sources import make_motion
from inspector.tracking.setup import TrackingSetup
from inspector.tracking.stage import TrackingStage


def make_tracking(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    run: RunInfo,
    record: Recorder | None = None,
) -> TrackingStage | None:
    """The stage that follows defects; None if tracking is off. record: gets the positions of a line
    that arrive over the network. Raises ConfigError for a file of encoder positions that cannot be
    used, and for a receiver that cannot be made."""
    if not config.tracking.enabled:
        return None
    crop = spec.resize.crop
    setup = TrackingSetup(
        options=config.tracking,
        calibration=calibration,
        prefix=f"{run.run_id}/{run.source_name}",
        live=run.source.live,
        inspected=None if spec.roi is None else draw_mask(spec.roi, spec.map_hw, crop),
        crop=crop,
        decide=None if config.verdict.rule == SCORE else config.verdict.decide,
    )
    motion = make_motion(config.tracking, live=run.source.live)
    if isinstance(motion, FeedMotion):
        motion.record = record
    stage = TrackingStage(setup, motion)
    # The log of a run that still captures is not complete.
    is_first = run.continues is None
    if (
        config.tracking.continue_last_run
        and is_first
        and (earlier := read_last_state(run, calibration))
    ):
        stage.follower.continue_run(earlier)
    return stage
