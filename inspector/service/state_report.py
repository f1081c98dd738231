"""Describes a line from its sessions. Any thread may ask."""

import math
from collections.abc import Mapping

from loguru import logger

from inspector.command_line import find_version
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, SinkError
from inspector.core.protocols import ReportsConnection
from inspector.run import Run, RunOutcome
from inspector.service.checks.routine_checks import RoutineChecks
from inspector.service.disk_guard import free_bytes
from inspector.service.line_config import LineConfig
from inspector.service.line_state import DiskState, LineState, RefitState, SourceState
from inspector.service.line_store import LineStore
from inspector.service.next_start import find_next_start
from inspector.service.preparing import Plan
from inspector.service.source_monitor import SourceMonitor
from inspector.session import Session


class StateReport:
    """Makes the LineState. The line calls note() and begin() when something changes."""

    def __init__(
        self, config: LineConfig, store: LineStore, monitors: Mapping[str, SourceMonitor]
    ) -> None:
        self._config, self._store, self._monitors = config, store, monitors
        self._state, self._since_utc = "starting", utc_now()
        self._message: str | None = None
        self._session: Session | None = None
        self._plan: Plan | None = None
        self._version = find_version()

    def note(self, state: str, message: str | None = None) -> None:
        """state: see LineState. message: None keeps the last one."""
        if state != self._state:
            self._state, self._since_utc = state, utc_now()
        self._message = message or self._message

    def begin(self, session: Session, plan: Plan) -> None:
        """The session is the current one from now on."""
        self._session, self._plan = session, plan
        self.note("running", plan.text)

    def make(
        self,
        checks: RoutineChecks,
        triggers: Mapping[str, int],
        next_plan: Plan | None,
        refit: RefitState | None,
    ) -> LineState:
        """triggers, refit: see LineState. next_plan: of the next start; None while the line
        inspects."""
        session, plan = self._session, self._plan
        base = self._config.base
        return LineState(
            state=self._state,
            since_utc=self._since_utc,
            message=self._message,
            recipe=None if plan is None else plan.recipe,
            recipes=self._find_recipes(),
            mode=base.mode,
            release_locked=checks.has_unsaved_miss or self._is_release_locked(),
            disk=self._measure_disk(),
            sources=()
            if session is None
            else tuple(self._describe(run, session.outcome(run)) for run in session.runs),
            version=self._version,
            checks=checks.states(),
            triggers=triggers,
            next_start=None if next_plan is None else find_next_start(self._config, next_plan),
            refit=refit,
        )

    def _find_recipes(self) -> tuple[str, ...]:
        try:
            return self._config.recipe_names
        except ConfigError:  # the folder is away now; a change of recipe says why
            return ()

    def _is_release_locked(self) -> bool:
        """True also if it cannot be known."""
        try:
            return self._store.is_release_locked
        except SinkError as exc:
            logger.warning("the alarms cannot be read: {}", exc)
            return True

    def _measure_disk(self) -> DiskState | None:
        try:
            free = free_bytes(self._store.folder)
        except OSError:
            return None
        runs = () if self._session is None else self._session.runs
        levels = [run.disk.level for run in runs if run.disk is not None]
        return DiskState(free_mb=free / 1e6, level=max(levels, default=0))

    def _describe(self, run: Run, outcome: RunOutcome | None) -> SourceState:
        stats, info = run.pipeline.stats, run.info
        last = self._monitors[info.source_name].last
        p50, p99 = stats.latency.quantile(0.5), stats.latency.quantile(0.99)
        return SourceState(
            name=info.source_name,
            state=_state_of(run, outcome),
            error=None if outcome is None else outcome.sentence,
            condition=run.health.sentence,
            captured=stats.captured,
            inspected=stats.inspected,
            dropped=stats.dropped,
            errored=stats.errored,
            passed=stats.passed,
            failed=stats.failed,
            missing=stats.missing,
            frames_per_s=stats.frames_per_s,
            latency_p50_ms=None if math.isnan(p50) else p50,
            latency_p99_ms=None if math.isnan(p99) else p99,
            last_frame_id=None if last is None else last[0],
            last_verdict=None if last is None else last[1].value,
            last_captured_ns=None if last is None else last[2],
            image_threshold=info.image_threshold,
            pixel_threshold=info.pixel_threshold,
            engine=info.config["engine"]["path"],
            run_id=info.run_id,
            folder=info.output_dir,
            conditions=run.health.conditions,
            dropped_by_cause=stats.dropped_by_cause,
            recipe=info.recipe_id,
        )


def _state_of(run: Run, outcome: RunOutcome | None) -> str:
    if outcome is not None:
        return "ended" if outcome.status == "finished" else outcome.status
    if not run.pipeline.reporting:
        return "opening"
    source = run.source
    lost = isinstance(source, ReportsConnection) and not source.connected
    return "reconnecting" if lost else "running"
