"""A line: one session after the other on the same open sources, for months."""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from inspector.config import Config
from inspector.core.errors import InspectorError
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import RunInfo
from inspector.early_signals import INTERRUPTED, EarlySignals
from inspector.interruption import InterruptionStage
from inspector.machine.controls import TriggerMessage
from inspector.operator_input import OperatorInput
from inspector.run import Run
from inspector.run_link import RunLink
from inspector.service.attendants import Attendants
from inspector.service.checks.routine_checks import RoutineChecks
from inspector.service.line_config import LineConfig, start_recipes
from inspector.service.line_requests import PROGRAM, RequestDesk
from inspector.service.line_sessions import LineSessions
from inspector.service.line_state import LineState, RefitState, Watch
from inspector.service.line_store import LineStore, store_path
from inspector.service.options import END
from inspector.service.preparing import Plan
from inspector.service.settings import FILE, read_settings, write_settings
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
    belong to the main thread. sessions: the current one and those around it. attendants: what
    works beside them. desk: other parts add their kinds of requests there. triggers: gets those
    from outside. states: the state outputs. interruptions: see RunLink; a session gets those that
    have no sentence yet. has_failed: known at the end. refit: see LineState. Raises ConfigError.
    """

    def __init__(self, read: Callable[[], Config]) -> None:
        self.config = LineConfig(read)
        base = self.config.base
        self._operator = OperatorInput(show=base.window.show)
        self._settings_file = store_path(base).parent / FILE
        settings = read_settings(self._settings_file)
        recipe, settings = start_recipes(base, settings, self._settings_file)
        self.store = LineStore(base)
        self.plan = Plan(base, recipe, settings, PROGRAM, "start", "the line is started")
        self._monitors = {name: SourceMonitor() for name in self.config.source_names}
        observers = {name: [monitor.see] for name, monitor in self._monitors.items()}
        self.states = make_state_outputs(base)
        self.sessions = LineSessions(self._operator, observers, self.states)
        self.stop_is_asked = False
        self.desk = RequestDesk(self)
        self.attendants = Attendants()
        self.triggers = TriggerGate(self._take_trigger, repeat_s=base.parts.repeat_s)
        self.interruptions: Mapping[str, InterruptionStage] = {}
        self.has_failed = False
        self.refit: RefitState | None = None
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
        ending = self.sessions.ending
        if ending.error is not None:
            raise ending.error
        interrupted = signal.SIGINT in self._operator.signals
        return max(ending.code, INTERRUPTED if interrupted else 0)

    def state(self) -> LineState:
        """See LineView."""
        plan = None if self.is_running else self.plan
        return self._report.make(self._checks, self.triggers.counts(), plan, self.refit)

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
        if (session := self.sessions.current) is not None:
            session.trigger(part_id, time_s, trace)

    def receive_trigger(self, message: TriggerMessage, who: str) -> TriggerAnswer:
        """See LineView."""
        return self.triggers.receive(message, who, may_repeat=True)

    def _take_trigger(self, message: TriggerMessage) -> bool:
        session = self.sessions.current
        return session is not None and session.take_trigger(message)

    @property
    def runs(self) -> Sequence[Run]:
        """Those of the current session; none without a session."""
        return self.sessions.runs

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
        return self.sessions.current is not None

    @property
    def is_changing(self) -> bool:
        """Whether a session is being prepared or is a routine check. Other changes have to wait."""
        return self.sessions.is_preparing or self.plan.check is not None

    def start(self, plan: Plan) -> None:
        """Opens the sources and starts a session. Raises the errors of Session, and if somebody
        asked for it also the first error of an engine or an output that cannot be opened."""
        self._report.note("starting")
        former, (who, why) = self.store.last_runs, self.store.find_askers()
        link = RunLink(
            plan.recipe,
            who=who,
            why=why,
            interruptions=self._unsaid_interruptions(),
            former=former,
            source_recipes=plan.source_recipes,
        )
        config = self.config.compose(plan.base, plan.recipe, plan.settings)
        complete = False
        try:
            self.sessions.start(
                config,
                link,
                self._wait_for_engine,
                lambda session: self._record_changes(former, session, who, why),
                needs_all=plan.request is not None,
            )
            complete = True
        finally:
            if not complete:
                self._report.note("stopped")
        self._begin(plan)

    def _record_changes(
        self, before: Mapping[str, RunInfo], session: Session, who: str, why: str | None
    ) -> None:
        """Called before the first frame of the session. After a kill in between, the next start
        adds the same entries again, so that none is ever missing."""
        self.store.record_changes(before, [run.info for run in session.runs], who=who, why=why)

    def _wait_for_engine(self, session: Session) -> None:
        self.attendants.turn()
        if self._operator.signals:
            session.abort()

    def set_plan(self, plan: Plan) -> None:
        """What the next start uses. Raises SinkError if the settings cannot be written."""
        assert not self.is_running
        self._save_settings(plan)
        self.plan, self.config.base = plan, plan.base

    def change(self, plan: Plan) -> None:
        """Prepares the next session. The current one inspects until it is ready."""
        self._report.note("changing")
        self.sessions.prepare(plan, self.config, self._unsaid_interruptions())

    def _unsaid_interruptions(self) -> dict[str, InterruptionStage]:
        return {name: stage for name, stage in self.interruptions.items() if not stage.sentences}

    def stop_inspecting(self) -> None:
        """Closes the sources. Everything captured is still inspected. The line goes on."""
        self.stop_is_asked = True
        if (session := self.sessions.current) is not None:
            session.stop()
            self._end_current()

    def stop(self) -> None:
        """Ends the line; see Controlled."""
        self.stop_inspecting()

    def abort(self) -> None:
        """Drops what is not yet inspected, and ends the line; see Controlled."""
        self.stop_inspecting()
        self.sessions.abort()

    def pause(self, paused: bool) -> None:
        """Pauses files; see Controlled."""
        if (session := self.sessions.current) is not None:
            session.pause(paused)

    def _turn(self) -> bool:
        """One turn of the main loop. False at the end of the line."""
        session = self.sessions.current
        if session is None:
            time.sleep(_WAIT_S)
        elif not session.poll(self._operator.wait_s):
            self._end_current()
        self.sessions.show_progress()
        self._operator.apply_signals(self)
        self._operator.poll_window(self)
        if not self._operator.stopping:
            self.desk.turn()
        self._finish_change()
        for ended in self.sessions.ending.collect():
            self.store.leave(ended.folder)
        self.attendants.turn()
        return not self._is_over()

    def _is_over(self) -> bool:
        if not self.sessions.are_over:
            return False
        ended = not self.stop_is_asked and self.plan.base.service.when_sources_end == END
        return ended or self._operator.stopping

    def _begin(self, plan: Plan) -> None:
        """Another session is the current one from now on."""
        session = self.sessions.current
        assert session is not None
        self.plan, self.config.base = plan, plan.base
        self.stop_is_asked = False
        self.desk.note_new_run()
        self.store.follow(session.folder)
        if plan.check is None:
            self.store.last_runs = self.sessions.infos
        self._report.begin(session, plan)

    def _finish_change(self) -> None:
        """Hands over to the prepared session, or says why it cannot be used."""
        plan = self.sessions.prepared_plan
        if plan is None:
            return
        try:
            session = self.sessions.take_prepared(lambda: self._save_settings(plan))
        except InspectorError as exc:
            text = f"nothing was changed: {exc}"
            self._report.note("running" if self.is_running else "stopped", text)
            self.desk.answer(plan, done=False, text=text)
            return
        self._record_changes(self.sessions.infos, session, plan.who, plan.why)
        self.sessions.hand_over(session)
        self._begin(plan)
        self.desk.answer(plan, done=True, text=plan.text)

    def _save_settings(self, plan: Plan) -> None:
        """Raises SinkError."""
        if plan.settings != self.plan.settings:
            write_settings(self._settings_file, plan.settings)

    def _end_current(self) -> None:
        """All sources of the session have ended, or are closed."""
        self.sessions.end_current()
        self.plan = replace(self.plan, check=None)
        self._report.note("stopped" if self.stop_is_asked else "ended")

    def _close(self, exc: BaseException | None) -> None:
        """Ends everything. exc: the error of the main thread that ends the line."""
        self.has_failed = exc is not None or self.sessions.ending.error is not None
        try:
            if exc is not None:
                self.abort()
            if (session := self.sessions.current) is not None:
                session.abandon(exc)
        finally:
            self.attendants.stop()
            self.desk.refuse_waiting()
            self.sessions.close()
            self._operator.close()
            self.store.close()
