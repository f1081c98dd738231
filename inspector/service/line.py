"""A line: one session after the other on the same open sources, for months."""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from inspector.build import open_source
from inspector.config import Config
from inspector.console import ProgressBar
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import InspectorError, SinkError
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import RunInfo
from inspector.early_signals import INTERRUPTED, EarlySignals
from inspector.interruption import InterruptionStage
from inspector.machine.controls import TriggerMessage
from inspector.operator_input import OperatorInput
from inspector.run import Run
from inspector.run_link import RunLink
from inspector.service.attendants import Attendants
from inspector.service.ending import EndingSessions
from inspector.service.line_config import LineConfig, frames_of_parts
from inspector.service.line_requests import PROGRAM, RequestDesk
from inspector.service.line_state import LineState, Watch
from inspector.service.line_store import LineStore, store_path
from inspector.service.options import END
from inspector.service.preparing import Plan, Preparation, discard
from inspector.service.recipes import check_last_recipe
from inspector.service.routine_checks import RoutineChecks
from inspector.service.settings import FILE, read_settings, write_settings
from inspector.service.shared_source import SharedSources
from inspector.service.source_monitor import SourceMonitor
from inspector.service.state_report import StateReport
from inspector.session import Session
from inspector.state_outputs import make_state_outputs
from inspector.triggers.gate import TriggerAnswer, TriggerGate

_WAIT_S: Final = 0.1


class Line:
    """Runs sessions. A change prepares the next session while the current one inspects; then every
    source is handed over between two frames, and the session before ends on its own.

    read: reads the configuration. The methods of LineView may be called on any thread; all others
    belong to the main thread. attendants: what works beside the sessions. desk: other parts add
    their kinds of requests there. triggers: gets those from outside. states: the state outputs.
    interruptions: see RunLink; a session gets those that have no sentence yet. has_failed: known at
    the end. Raises ConfigError.
    """

    def __init__(self, read: Callable[[], Config]) -> None:
        self.config = LineConfig(read)
        base = self.config.base
        self._operator = OperatorInput(show=base.window.show)
        self._settings_file = store_path(base).parent / FILE
        settings = read_settings(self._settings_file)
        if base.recipes.dir and settings.recipe and not base.recipes.start:
            check_last_recipe(Path(base.recipes.dir), settings.recipe, self._settings_file)
        self.store = LineStore(base)
        recipe = None if base.recipes.dir is None else base.recipes.start or settings.recipe
        self.plan = Plan(base, recipe, settings, PROGRAM, "start", "the line is started")
        self._sources = SharedSources(open_source)
        self._monitors = {name: SourceMonitor() for name in self.config.source_names}
        self._executor = ThreadPoolExecutor(thread_name_prefix="line")
        self._session: Session | None = None
        self._ending = EndingSessions(self._executor)
        self._preparation: Preparation | None = None
        self._progress: ProgressBar | None = None
        self._rotated_ns = now_ns()
        self.stop_is_asked = False
        self._reloads_done = 0
        self.desk = RequestDesk(self)
        self.attendants = Attendants()
        self.states = make_state_outputs(base)
        self.triggers = TriggerGate(self._take_trigger, repeat_s=base.parts.repeat_s)
        self.interruptions: Mapping[str, InterruptionStage] = {}
        self.has_failed = False
        self._report = StateReport(self.config, self.store, self._monitors)
        self._checks = RoutineChecks(self)

    def run(self, early: EarlySignals | None = None) -> int:
        """Runs the line to its end, and returns its exit code. At the end, raises the first error.
        early: signals that arrived before."""
        with self._operator.handle_signals(early, reloads=True):
            complete = False
            try:
                self.start(self.plan)
                while self._turn():
                    pass
                complete = True
            finally:
                self._close(None if complete else sys.exception())
        if self._ending.error is not None:
            raise self._ending.error
        interrupted = signal.SIGINT in self._operator.signals
        return max(self._ending.code, INTERRUPTED if interrupted else 0)

    def state(self) -> LineState:
        """See LineView."""
        return self._report.make(self._checks, self.triggers.counts())

    def watch(self, source: str) -> AbstractContextManager[Watch]:
        """See LineView."""
        return self._monitors[source].watch()

    def trigger(
        self,
        part_id: str | None = None,
        time_s: float | None = None,
        trace: TraceFields = UNTRACED,
    ) -> None:
        """Announces a part to the current session; see Session.trigger(). Any thread may call this.
        Without a session it has no effect."""
        if (session := self._session) is not None:
            session.trigger(part_id, time_s, trace)

    def receive_trigger(self, message: TriggerMessage, who: str) -> TriggerAnswer:
        """See LineView."""
        return self.triggers.receive(message, who, may_repeat=True)

    def _take_trigger(self, message: TriggerMessage) -> bool:
        session = self._session
        return session is not None and session.take_trigger(message)

    @property
    def runs(self) -> Sequence[Run]:
        """Those of the current session; none without a session."""
        session = self._session  # other threads ask too
        return () if session is None else session.runs

    @property
    def unfinished_runs(self) -> Sequence[Run]:
        """Those of the current session and of the sessions that end."""
        return [*self.runs, *(run for session in self._ending for run in session.runs)]

    @property
    def is_ending(self) -> bool:
        """Whether a signal or q ends the line."""
        return self._operator.stopping

    @property
    def reloads(self) -> int:
        """Number of SIGHUPs."""
        return self._operator.reloads

    @property
    def is_running(self) -> bool:
        return self._session is not None

    @property
    def is_changing(self) -> bool:
        """Whether a session is being prepared or is a routine check. Other changes have to wait."""
        return self.is_preparing or self.plan.check is not None

    @property
    def is_preparing(self) -> bool:
        """Whether a session is being prepared, or does not have all sources yet."""
        return self._preparation is not None or self._sources.is_handing_over

    def start(self, plan: Plan) -> None:
        """Opens the sources and starts a session. Raises the errors of Session, and if somebody
        asked for it also the first error of an engine or an output that cannot be opened."""
        self._report.note("starting")
        former, (who, why) = self.store.last_runs, self.store.find_askers()
        link = RunLink(
            plan.recipe, who=who, why=why, interruptions=self._unsaid_interruptions(), former=former
        )
        config = self.config.compose(plan.base, plan.recipe, plan.settings)
        session: Session | None = None
        complete = False
        try:
            session = self._make_session(config, link)
            session.open(partial(self._wait_for_engine, session))
            if plan.request is not None and not (session.is_ready or self._operator.signals):
                raise InspectorError("an engine or an output cannot be opened")
            session.start()
            complete = True
        finally:
            if not complete:
                self._report.note("stopped")
                self._sources.close()
                if session is not None:
                    discard(session, sys.exception())
        self._begin(session, plan)
        infos = [run.info for run in session.runs]
        self.store.record_changes(former, infos, who=who, why=why)

    def _wait_for_engine(self, session: Session) -> None:
        self.attendants.turn()
        if self._operator.signals:
            session.abort()

    def set_plan(self, plan: Plan) -> None:
        """What the next start uses. Raises SinkError if the settings cannot be written."""
        assert self._session is None
        if plan.settings != self.plan.settings:
            write_settings(self._settings_file, plan.settings)
        self._use(plan)

    def change(self, plan: Plan) -> None:
        """Prepares the next session. The current one inspects until it is ready."""
        assert self._session is not None
        assert self._preparation is None
        self._report.note("changing")
        self._preparation = Preparation(
            plan,
            self.config,
            self._make_session,
            self._current_runs(),
            self._unsaid_interruptions(),
            self._executor,
        )

    def _unsaid_interruptions(self) -> dict[str, InterruptionStage]:
        return {name: stage for name, stage in self.interruptions.items() if not stage.sentences}

    def stop_inspecting(self) -> None:
        """Closes the sources. Everything captured is still inspected. The line goes on."""
        self.stop_is_asked = True
        if self._session is not None:
            self._session.stop()
            self._end_current()

    def stop(self) -> None:
        """Ends the line; see Controlled."""
        self.stop_inspecting()

    def abort(self) -> None:
        """Drops what is not yet inspected, and ends the line; see Controlled."""
        self.stop_inspecting()
        for session in (self._session, *self._ending):
            if session is not None:
                session.abort()

    def pause(self, paused: bool) -> None:
        """Pauses files; see Controlled."""
        if self._session is not None:
            self._session.pause(paused)

    def _turn(self) -> bool:
        """One turn of the main loop. False at the end of the line."""
        if self._session is None:
            time.sleep(_WAIT_S)
        elif not self._session.poll(self._operator.wait_s):
            self._end_current()
        if self._progress is not None:
            self._progress.update()
        self._operator.apply_signals(self)
        self._operator.poll_window(self)
        if not self._operator.stopping:
            self._begin_changes()
        self._finish_change()
        self._ending.collect()
        self.attendants.turn()
        return not self._is_over()

    def _is_over(self) -> bool:
        if self._session is not None or self._ending or self._preparation is not None:
            return False
        ended = not self.stop_is_asked and self.plan.base.service.when_sources_end == END
        return ended or self._operator.stopping

    def _begin_changes(self) -> None:
        if self._reloads_done < self._operator.reloads and not self.is_changing:
            self._reloads_done = self._operator.reloads
            self.desk.reload_on_hangup()
        hours = self.plan.base.service.rotate_hours
        is_due = hours is not None and ms_since(self._rotated_ns) > hours * 3.6e6
        if is_due and self.is_running and not self.is_changing:
            self._rotated_ns = now_ns()  # if it fails, it is tried again after the same time
            self.desk.rotate()
        self.desk.serve()

    def _make_session(self, config: Config, link: RunLink) -> Session:
        observers = {name: [monitor.see] for name, monitor in self._monitors.items()}
        return Session(
            config,
            operator=self._operator,
            opener=self._sources.open_view,
            link=link,
            observers=observers,
            states=self.states,
        )

    def _begin(self, session: Session, plan: Plan) -> None:
        """The session is the current one from now on."""
        self._session = session
        self._use(plan)
        self.stop_is_asked = False
        self._rotated_ns = now_ns()
        self.store.follow(session.folder)
        if plan.check is None:
            self.store.last_runs = self._current_runs()
        if self._progress is not None:
            self._progress.close()
        self._progress = ProgressBar([(r.info.source, r.pipeline.stats) for r in session.runs])
        self._report.begin(session, plan)

    def _use(self, plan: Plan) -> None:
        self.plan, self.config.base = plan, plan.base

    def _finish_change(self) -> None:
        """Hands over to the prepared session, or says why it cannot be used."""
        preparation = self._preparation
        if preparation is None or not preparation.is_done:
            return
        self._preparation = None
        plan = preparation.plan
        try:
            session = preparation.take()
            if plan.settings != self.plan.settings:
                self._save(plan, session)
        except InspectorError as exc:
            text = f"nothing was changed: {exc}"
            if not self.is_running:
                self._sources.close()  # the preparation may have opened one again
            self._report.note("running" if self.is_running else "stopped", text)
            self.desk.answer(plan, done=False, text=text)
            return
        before = self._current_runs()
        self._hand_over(session, plan)
        after = [run.info for run in session.runs]
        self.store.record_changes(before, after, who=plan.who, why=plan.why)
        self.desk.answer(plan, done=True, text=plan.text)

    def _save(self, plan: Plan, session: Session) -> None:
        """Raises SinkError."""
        try:
            write_settings(self._settings_file, plan.settings)
        except SinkError as exc:
            discard(session, exc)

    def _hand_over(self, session: Session, plan: Plan) -> None:
        before = self._session
        assert before is not None
        before.release_sources()
        frames = frames_of_parts(self._current_runs())
        self._session = session  # so that no trigger goes to a run that has ended
        self._sources.hand_over(frames)
        session.start()
        self._begin(session, plan)
        self._ending.add(before)

    def _end_current(self) -> None:
        """All sources of the session have ended, or are closed."""
        session, self._session = self._session, None
        assert session is not None
        self._ending.add(session)
        self._sources.close()
        self.plan = replace(self.plan, check=None)
        if self._preparation is not None:
            self._preparation.cancel()
        self._report.note("stopped" if self.stop_is_asked else "ended")

    def _current_runs(self) -> Mapping[str, RunInfo]:
        return {run.info.source_name: run.info for run in self.runs}

    def _close(self, exc: BaseException | None) -> None:
        """Ends everything. exc: the error of the main thread that ends the line."""
        self.has_failed = exc is not None or self._ending.error is not None
        try:
            if exc is not None:
                self.abort()
            if self._session is not None:
                self._session.abandon(exc)
        finally:
            self.attendants.stop()
            self.desk.refuse_waiting()
            self._sources.close()
            self._executor.shutdown()
            if self._preparation is not None:
                with suppress(InspectorError):  # it is only discarded
                    self._preparation.take()
            self._operator.close()
            if self._progress is not None:
                self._progress.close()
            self.store.close()
