"""The sessions of a line: the current one, the next one, and those that end."""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from inspector.config import Config
from inspector.console import ProgressBar
from inspector.core.errors import InspectorError
from inspector.core.types import RunInfo
from inspector.interruption import InterruptionStage
from inspector.operator_input import OperatorInput
from inspector.pipeline.reporter import Observer
from inspector.run import Run
from inspector.run_link import RunLink
from inspector.service.ending import EndingSessions
from inspector.service.line_config import LineConfig, frames_of_parts
from inspector.service.preparing import Plan, Preparation, discard
from inspector.service.shared_source import SharedSources
from inspector.session import Session
from inspector.sources.opening import open_source
from inspector.state_outputs import StateOutputs


class LineSessions:
    """Sessions that read the same open sources, one after the other.

    operator: signals and window of all sessions. observers, states: see Session. current: the
    session that inspects; None while the line is stopped. ending: the sessions before. The main
    thread calls all methods; any thread may read `current` and `runs`.
    """

    def __init__(
        self,
        operator: OperatorInput,
        observers: Mapping[str, Sequence[Observer]],
        states: StateOutputs,
    ) -> None:
        self._operator, self._observers, self._states = operator, observers, states
        self._sources = SharedSources(open_source)
        self._executor = ThreadPoolExecutor(thread_name_prefix="line")
        self._preparation: Preparation | None = None
        self._progress: ProgressBar | None = None
        self.current: Session | None = None
        self.ending = EndingSessions(self._executor)

    @property
    def runs(self) -> Sequence[Run]:
        """Those of the current session; none without a session."""
        session = self.current  # other threads ask too
        return () if session is None else session.runs

    @property
    def infos(self) -> Mapping[str, RunInfo]:
        """Name of a source -> its run in the current session."""
        return {run.info.source_name: run.info for run in self.runs}

    @property
    def unfinished_runs(self) -> Sequence[Run]:
        """Those of the current session and of the sessions that end."""
        return [*self.runs, *(run for session in self.ending for run in session.runs)]

    @property
    def is_preparing(self) -> bool:
        """Whether a session is being prepared, or does not have all sources yet."""
        return self._preparation is not None or self._sources.is_handing_over

    @property
    def are_over(self) -> bool:
        """Whether no session inspects, ends or is being prepared."""
        return self.current is None and not self.ending and self._preparation is None

    @property
    def prepared_plan(self) -> Plan | None:
        """The plan of the session that take_prepared() can take now; None: there is none yet."""
        preparation = self._preparation
        return None if preparation is None or not preparation.is_done else preparation.plan

    def start(
        self,
        config: Config,
        link: RunLink,
        while_waiting: Callable[[Session], None],
        before_frames: Callable[[Session], None],
        *,
        needs_all: bool,
    ) -> None:
        """Opens the sources, and starts the current session. while_waiting: called every 0.1 s.
        before_frames: called when all is open. needs_all: an engine or an output that cannot be
        opened is an error. Raises the errors of Session and that one; the sources are closed then.
        """
        session: Session | None = None
        complete = False
        try:
            session = self._make(config, link)
            session.open(lambda: while_waiting(session))
            if needs_all and not (session.is_ready or self._operator.signals):
                raise InspectorError("an engine or an output cannot be opened")
            before_frames(session)
            session.start()
            complete = True
        finally:
            if not complete:
                self._sources.close()
                if session is not None:
                    discard(session, sys.exception())
        self._begin(session)

    def prepare(
        self, plan: Plan, config: LineConfig, interruptions: Mapping[str, InterruptionStage]
    ) -> None:
        """Opens the next session in the background. interruptions: see RunLink."""
        assert self.current is not None
        assert self._preparation is None
        self._preparation = Preparation(
            plan, config, self._make, self.infos, interruptions, self._executor
        )

    def take_prepared(self, accept: Callable[[], None]) -> Session:
        """The session that was prepared. accept: called if it can start; after an InspectorError of
        it the session is discarded. Raises InspectorError if there is no session."""
        preparation, self._preparation = self._preparation, None
        assert preparation is not None
        try:
            session = preparation.take()
        except InspectorError:
            if self.current is None:
                self._sources.close()  # the preparation may have opened one again
            raise
        try:
            accept()
        except InspectorError as exc:
            discard(session, exc)
        return session

    def hand_over(self, session: Session) -> None:
        """Gives the sources to this session between two frames. The one before ends."""
        before = self.current
        assert before is not None
        before.release_sources()
        frames = frames_of_parts(self.infos)
        self.current = session  # so that no trigger goes to a run that has ended
        self._sources.hand_over(frames)
        session.start()
        self._begin(session)
        self.ending.add(before)

    def end_current(self) -> None:
        """All its sources have ended, or are closed. The next one is given up."""
        session, self.current = self.current, None
        assert session is not None
        self.ending.add(session)
        self._sources.close()
        if self._preparation is not None:
            self._preparation.cancel()

    def show_progress(self) -> None:
        """Updates the bar of the current session."""
        if self._progress is not None:
            self._progress.update()

    def abort(self) -> None:
        """Drops what is not yet inspected."""
        for session in (self.current, *self.ending):
            if session is not None:
                session.abort()

    def close(self) -> None:
        """Waits for the sessions that end, and discards the next one."""
        self._sources.close()
        self._executor.shutdown()
        if self._preparation is not None:
            with suppress(InspectorError):  # it is only discarded
                self._preparation.take()
        self._end_progress()

    def _begin(self, session: Session) -> None:
        self.current = session
        self._end_progress()
        self._progress = ProgressBar([(r.info.source, r.pipeline.stats) for r in session.runs])

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.close()

    def _make(self, config: Config, link: RunLink) -> Session:
        return Session(
            config,
            operator=self._operator,
            opener=self._sources.open_view,
            link=link,
            observers=self._observers,
            states=self._states,
        )
