"""Holds the run of one source, its result, and the content of its summary."""

import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, Final

from loguru import logger

from inspector.core.clock import utc_now
from inspector.core.errors import (
    InspectorError,
    SinkError,
    SourceError,
    StageError,
    UnjudgedError,
)
from inspector.core.events import Event
from inspector.core.memory import peak_memory_mb
from inspector.core.protocols import SoftwareTrigger, Source
from inspector.core.secrets import mask_secrets
from inspector.core.types import RunInfo
from inspector.early_signals import INTERRUPTED
from inspector.event_stages import EventStages
from inspector.health.condition_log import ConditionLog
from inspector.measure.defect_summary import DefectSummary
from inspector.outputs.folder import ResultFolder
from inspector.outputs.queued import QueuedOutput
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output, Stages
from inspector.report.roll_map_sink import RollMapSink
from inspector.run_evidence import RunEvidence
from inspector.service.disk_guard import DiskGuard
from inspector.tracking.stage import TrackingStage

ANOMALY: Final = 3
"""Exit code with fail_on_anomaly."""


def summarize_ledger(tracking: TrackingStage | None) -> dict[str, Any] | None:
    """The fields of the `ledger` line; None without tracking, or if no frame had a picture."""
    if tracking is None or tracking.ledger is None:
        return None
    ledger = tracking.ledger
    envelope = {f.name for f in fields(Event)}
    names = [f.name for f in fields(ledger) if f.name not in envelope]
    return {name: getattr(ledger, name) for name in names}


@dataclass(slots=True)
class Run:
    """A pipeline that is ready to start, and the content of its summary.

    warnings: lists of engine, frames, pictures and configuration, which the stages fill.
    running_on: empty until the engine is open, then one entry. health: of the camera. disk:
    None if no limit is set.
    """

    pipeline: Pipeline
    source: Source
    stages: Stages
    outputs: Sequence[Output]
    info: RunInfo
    defects: DefectSummary
    warnings: Sequence[list[str]]
    running_on: list[str]
    calibration: dict[str, Any] | None
    evidence: RunEvidence
    health: ConditionLog
    events: EventStages = field(default_factory=EventStages)
    disk: DiskGuard | None = None

    def fire(self) -> None:
        """Makes the camera take a picture, if it has a software trigger. A camera that is away
        takes none; a part that no frame shows is ERROR."""
        if isinstance(self.source, SoftwareTrigger):
            try:
                self.source.fire()
            except SourceError as exc:
                logger.warning("{}: the camera was not triggered: {}", self.info.source_name, exc)

    def describe(self) -> str:
        """One sentence with the counts."""
        stats = self.pipeline.stats
        return f"{self.info.source_name}: {stats.equation()}; {stats.failed} failed"

    def summary(self, status: str, exit_code: int, error: str | None) -> dict[str, Any]:
        """The content of summary.json. status: finished, stopped or failed."""
        info = self.info
        maps = [output.sink for output in self.outputs if isinstance(output.sink, RollMapSink)]
        return {
            **self.pipeline.stats.as_dict(),
            "status": status,
            "exit_code": exit_code,
            "error": error,
            "peak_memory_mb": peak_memory_mb(),
            "warnings": list(chain(*self.warnings, *(sink.warnings for sink in maps))),
            "run_id": info.run_id,
            "source_name": info.source_name,
            "output_dir": str(info.output_dir),
            "started_utc": info.started_utc,
            "ended_utc": utc_now(),
            "source": info.source.source_id,
            "live": info.source.live,
            "decoder": info.source.decoder,
            "video_encoder": info.video_encoder,
            "check": info.check,
            "image_threshold": info.image_threshold,
            "pixel_threshold": info.pixel_threshold,
            "defects": self.defects.as_dict(),
            "tracking": summarize_ledger(self.events.tracking),
            "four_points": next((sink.score for sink in maps), None),
            **self.events.summary(),
            "health": self.health.summary(),
            "disk": None if self.disk is None else self.disk.summary(),
            "background": self.pipeline.background.summary(),
            "outputs": {
                output.sink.name: output.sink.counts()
                for output in self.outputs
                if isinstance(output.sink, QueuedOutput)
            },
            "engine": info.engine
            | {"sha256": info.engine_hash, "running_on": "".join(self.running_on)},
            "parity": info.parity,
            "judged_by": info.judged_by,
            "calibration": self.calibration,
            "calibration_hash": info.calibration_hash,
            "config": info.config,
            "config_hash": info.config_hash,
        }

    def write_summary(self, status: str, exit_code: int, error: str | None) -> None:
        """Writes summary.json. Raises SinkError, also if the output folder is another one now."""
        for output in self.outputs:
            if isinstance(output.sink, ResultFolder):
                output.sink.check_place()
        self.evidence.write_summary(self.info, self.summary(status, exit_code, error))

    @property
    def has_anomaly(self) -> bool:
        """Whether a frame or a roll is not PASS. With parts: whether a part is not PASS, there was
        none, or one may have passed unseen. Frames do not count then, because they may show the
        empty scene."""
        stats, events = self.pipeline.stats, self.events
        if events.rolls is not None and not events.rolls.all_passed:
            return True
        if events.parts is None:
            return stats.failed + stats.errored > 0
        totals = events.part_totals
        has_bad_part = totals is not None and stats.captured > 0 and not totals.all_passed
        return has_bad_part or events.parts.gaps.count > 0

    def finish(self, reason: InspectorError | None) -> InspectorError | None:
        """Ends the pipeline and returns its error, otherwise `reason`."""
        try:
            self.pipeline.finish()
        except InspectorError as exc:
            return exc
        stats = self.pipeline.stats
        if reason is None and stats.errored and not stats.inspected:
            return UnjudgedError(f"none of the {stats.errored} frames could be judged; see the log")
        return reason


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. status: finished, stopped or failed. error: None, or why it failed."""

    run: Run
    status: str
    exit_code: int
    error: InspectorError | None

    @property
    def sentence(self) -> str | None:
        """The error as text, without passwords."""
        return error_text(self.error)

    def log(self, *, several: bool, others: bool) -> None:
        """several: whether the session has a list of sources. others: whether some of them still
        run."""
        run, name = self.run, self.run.info.source_name
        parts = run.events.part_totals
        prefix = f"{name}: " if several else ""
        if self.error is None and not run.pipeline.reporting:
            logger.info("{}stopped before the first frame; nothing was written", prefix)
        elif self.error is None:
            logger.info(
                "{}{}; {} failed; {}{:.1f} frames per s; results in {}",
                *(prefix, run.pipeline.stats.equation()),
                *(run.pipeline.stats.failed, "" if parts is None else f"{parts.describe()}; "),
                run.pipeline.stats.frames_per_s,
                run.info.output_dir,
            )
        elif several:
            end = "; the other sources continue" if others else ""
            logger.error("source {} failed: {}{}", name, self.sentence, end)


def end_run(
    run: Run,
    reason: InspectorError | None,
    signals: Sequence[int],
    *,
    stopped: bool,
    fail_on_anomaly: bool,
) -> RunOutcome:
    """Ends a run: finds its error and exit code, and writes its summary. reason: the error that
    ends it. signals: numbers of those that came. stopped: whether its session was stopped."""
    error = run.finish(reason)
    run.events.end()
    stats = run.pipeline.stats
    code, status = 0, "stopped" if stopped or signals else "finished"
    if error is not None:
        code, status = error.exit_code, "failed"
    elif signal.SIGINT in signals or (len(signals) > 1 and stats.dropped_abort):
        code = INTERRUPTED
    elif fail_on_anomaly and run.has_anomaly:
        code = ANOMALY
    outcome = RunOutcome(run, status, code, error)
    if run.pipeline.reporting:
        try:
            run.write_summary(status, code, outcome.sentence)
        except SinkError as exc:
            logger.error("there is no summary of {}: {}", stats.equation(), exc)
            if error is None:
                return RunOutcome(run, "failed", exc.exit_code, exc)
    return outcome


def error_text(error: InspectorError | None) -> str | None:
    """An error as text, without passwords."""
    return None if error is None else mask_secrets(str(error))


def find_stuck_stages(runs: Iterable[Run], default_s: float | None) -> list[StageError]:
    """Of each run the stage that is stuck. default_s: see Pipeline.find_stuck_stage()."""
    stuck = [run.pipeline.find_stuck_stage(default_s) for run in runs]
    return [error for error in stuck if error is not None]
