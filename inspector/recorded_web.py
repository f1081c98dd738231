"""Follows the defects of a run again from its log, for a run that was killed or goes on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines.roi import draw_mask
from engines.spec import Roi
from inspector.core.errors import ConfigError
from inspector.core.events import Event
from inspector.core.geometry import Affine
from inspector.core.schema import build
from inspector.core.types import BadFrame, Frame, Inspection, RunInfo
from inspector.core.web_place import FrameOnWeb
from inspector.outputs.record_reading import read_inspection
from inspector.outputs.records import Record
from inspector.processing.postprocess import SCORE, VerdictOptions
from inspector.tracking.motion import Motion, MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.setup import EarlierRun, TrackingSetup
from inspector.tracking.stage import TrackingStage


class RecordedMotion:
    """The motion that the log of a run says."""

    def __init__(self) -> None:
        self.place: FrameOnWeb | None = None
        self.encoder_mm: float | None = None
        self._last = (0.0, 0.0)

    def step(self, frame: Frame | BadFrame, *, usable: bool) -> Motion:
        assert self.place is not None
        place, last = self.place, self._last
        self.encoder_mm = place.encoder_mm
        along = place.y_px if place.y_m is None else 1000 * place.y_m
        across = place.x_px if place.x_mm is None else place.x_mm
        self._last = (along or 0.0, across or 0.0)
        u = (place.u_px if place.u_mm is None else place.u_mm) or 0.0
        state = MotionState(place.motion)
        return Motion(self._last[0] - last[0], last[1] - self._last[1], u, state)


class RecordedWeb:
    """The tracking stage of a run, which gets the inspections of its log.

    Raises ConfigError if the log does not say enough.
    """

    def __init__(self, run: RunInfo, calibration: Calibration | None) -> None:
        self._motion = RecordedMotion()
        self._source_id = run.source.source_id
        frame_hw = run.source.frame_hw if calibration is None else calibration.frame_hw
        if frame_hw is None:
            raise ConfigError(
                "the log does not say how large the frames are, because the source is live and has "
                "no calibration; so the defects cannot be followed again"
            )
        self.frame_hw = frame_hw
        self._to_frame = _map_to_frame(run, frame_hw)
        self.stage = TrackingStage(_make_setup(run, calibration), self._motion)

    def see(self, record: Record) -> tuple[Inspection, Sequence[Event]]:
        """record: a `measured` record, in the order of the log."""
        inspection = read_inspection(record, self._source_id, self.frame_hw)
        inspection = replace(inspection, to_frame=self._to_frame)
        self._motion.place = inspection.web
        if inspection.web is None:  # before the first frame of a usable size
            return inspection, ()
        return self.stage.see(self.stage.follower.follow(inspection))

    def see_all(self, records: Iterable[Record]) -> Iterator[tuple[Inspection, Sequence[Event]]]:
        return (self.see(record) for record in records if record["type"] == "measured")

    def state(self) -> EarlierRun | None:
        """The state after the last frame; None if no frame had a place on the web."""
        follower = self.stage.follower
        if follower.tracker is None:
            return None
        return EarlierRun(
            follower.tracker, self.frame_hw, self._motion.encoder_mm, follower.ids.text
        )


def _map_to_frame(run: RunInfo, frame_hw: tuple[int, int]) -> Affine:
    """From pixels of the anomaly map to pixels of the frame."""
    left, top, right, bottom = run.engine["resize"]["crop"]
    rows, columns = run.engine["map_hw"]
    height, width = frame_hw
    scale_x, scale_y = (right - left) * width / columns, (bottom - top) * height / rows
    return Affine(scale_x, scale_y, left * width, top * height)


def calibration_of(run: RunInfo, config: dict[str, Any]) -> Calibration | None:
    """The calibration of a run. Raises ConfigError if its file is another one now."""
    if run.calibration_hash is None:
        return None
    path = Path(config["calibration"]["path"])
    calibration = load_calibration(path)
    if calibration.sha256() != run.calibration_hash:
        raise ConfigError(f"{path} is not the calibration of the run any more")
    return calibration


def _make_setup(run: RunInfo, calibration: Calibration | None) -> TrackingSetup:
    verdict = build(VerdictOptions, run.config["verdict"], ConfigError)
    engine, mask = run.engine, None
    crop = tuple(engine["resize"]["crop"])
    if engine["roi"] is not None:
        roi = build(Roi, engine["roi"], ConfigError)
        mask = draw_mask(roi, tuple(engine["map_hw"]), crop)
    return TrackingSetup(
        options=build(TrackingOptions, run.config["tracking"], ConfigError),
        calibration=calibration,
        prefix=f"{run.run_id}/{run.source_name}",
        live=run.source.live,
        inspected=mask,
        crop=crop,
        decide=None if verdict.rule == SCORE else verdict.decide,
    )
