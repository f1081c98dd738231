"""Follows the defects of a run again from its log: to recover a killed run, or to continue it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from loguru import logger

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines.roi import draw_mask
from engines.spec import Roi
from inspector.core.errors import ConfigError
from inspector.core.events import Event
from inspector.core.files import sole_writer
from inspector.core.geometry import Affine
from inspector.core.schema import build
from inspector.core.types import BadFrame, Frame, Inspection, RunInfo
from inspector.core.web_place import FrameOnWeb
from inspector.outputs.folder import LOG
from inspector.outputs.json_log import READABLE
from inspector.outputs.record_reading import read_inspection, read_lines, read_run
from inspector.outputs.records import Record
from inspector.outputs.run_folder import find_last_file
from inspector.processing.postprocess import SCORE, VerdictOptions
from inspector.tracking.motion import Motion, MotionState
from inspector.tracking.options import TrackingOptions
from inspector.tracking.setup import EarlierRun, TrackingSetup
from inspector.tracking.stage import TrackingStage

_TAIL_BYTES: Final = 8_000_000
"""End of a log that is read to continue its web. It has the last place of each open defect."""


class RecordedMotion:
    """Gives the motion that the log of a run states."""

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

    def state(self) -> EarlierRun | None:
        """The state after the last frame; None if no frame had a place on the web."""
        follower = self.stage.follower
        if follower.tracker is None:
            return None
        return EarlierRun(
            follower.tracker, self.frame_hw, self._motion.encoder_mm, follower.ids.text
        )


def read_last_state(run: RunInfo, calibration: Calibration | None) -> EarlierRun | None:
    """The state of the web at the end of the last run with the same output.dir. None, with a line
    in the log of the program, if there is no run that this one can continue."""
    path = find_last_file(run.config["output"]["dir"], LOG)
    if path is None:
        logger.info("tracking.continue_last_run: there is no earlier run")
        return None
    try:
        with sole_writer(path.parent):
            state = _read_state(path, run, calibration)
    except (ConfigError, OSError) as exc:
        logger.warning("tracking.continue_last_run: {} cannot be continued: {}", path.parent, exc)
        return None
    logger.info("tracking continues the web of {}", path.parent)
    return state


def _read_state(path: Path, run: RunInfo, calibration: Calibration | None) -> EarlierRun | None:
    header = next(map(json.loads, read_lines(path)), None)
    if header is None or header.get("format") != READABLE[-1]:
        raise ConfigError("its log has no header of this format")
    last = read_run(header)
    for name, values in {
        "source": (last.source_name, run.source_name),
        "calibration": (last.calibration_hash, run.calibration_hash),
        "direction": tuple(r.config["tracking"]["direction"] for r in (last, run)),
        "tracking": (last.config["tracking"]["enabled"], True),
    }.items():
        if values[0] != values[1]:
            raise ConfigError(f"its {name} is {values[0]}, but this run has {values[1]}")
    web = RecordedWeb(last, calibration)
    start = max(0, path.stat().st_size - _TAIL_BYTES)
    lines = read_lines(path, start)
    if start:
        next(lines)  # a part of a line
    for line in lines:
        record = json.loads(line)
        if record["type"] == "measured":
            web.see(record)
    return web.state()


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
