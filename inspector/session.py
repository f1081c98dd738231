"""Runs each source of a configuration once, from its first frame to its results."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.build_runs import NO_OBSERVERS, build_runs
from inspector.config import Config
from inspector.console import ProgressBar
from inspector.core.errors import InspectorError, SinkError
from inspector.core.memory import freeze_objects
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import SINGLE
from inspector.early_signals import EarlySignals
from inspector.machine.controls import TriggerMessage
from inspector.operator_input import OperatorInput
from inspector.outputs.run_folder import remove_empty
from inspector.part_triggers import announce_part, receive_triggers
from inspector.pipeline.reporter import Observer
from inspector.run import ANOMALY, Run, RunOutcome, end_run
from inspector.run_link import FIRST, OpenSource, RunLink
from inspector.service.notify import Notifier
from inspector.session_notice import REPORT, SessionNotice
from inspector.session_report import check_report, write_session_report
from inspector.session_summary import SessionSummary, find_joiner
from inspector.state_outputs import NO_STATES, StateOutputs
from inspector.triggers.gate import TriggerGate
from inspector.triggers.message import make_message

_DRAIN_POLL_S: Final = 0.2


class Session:
    """One run of each source. A source that fails does not stop the others.

    run() does all of it on the main thread. A line instead calls open(), start(), poll() until it
    returns False, finish() and close(); a session may still end while the next one captures.

    operator: signals and window; None: those of this session alone. opener, link: see build_run.
    observers: name of a source -> functions that see its inspections. states: run() opens and
    closes them. Raises the errors of build_run; ConfigError without a display, before all else.
    """

    def __init__(
        self,
        config: Config,
        *,
        operator: OperatorInput | None = None,
        opener: OpenSource | None = None,
        link: RunLink = FIRST,
        observers: Mapping[str, Sequence[Observer]] = NO_OBSERVERS,
        states: StateOutputs = NO_STATES,
    ) -> None:
        self._config = config
        self._operator = operator or OperatorInput(show=config.window.show)
        check_report(config.report)
        if self._operator.has_window:
            first = config.sources[0].name if config.sources else SINGLE
            observers = {**observers, first: [*observers.get(first, ()), self._operator.show]}
        self._states = states
        self.runs = build_runs(config, observers, opener=opener, link=link, states=states)
        self._running: list[Run] = []
        self._results: list[RunOutcome] = []
        self._stopped = False
        self.triggers = TriggerGate(self.take_trigger, repeat_s=config.parts.repeat_s)
        self._notice = SessionNotice(Notifier(), self.runs)
        folder = self.runs[0].info.output_dir
        self._folder = folder.parent if config.sources else folder
        self._summary: SessionSummary | None = None
        if config.sources:
            joiner = find_joiner(self.runs)
            self._summary = SessionSummary(self._folder, config.output, joiner=joiner)

    @property
    def folder(self) -> Path:
        """Of the results; that of several sources contains a folder for each."""
        return self._folder

    @property
    def is_ready(self) -> bool:
        """Whether the engines and the outputs of all runs are open."""
        return all(run.pipeline.reporting for run in self.runs)

    def run(self, early: EarlySignals | None = None, notifier: Notifier | None = None) -> int:
        """Runs all sources and returns the exit code. At the end, raises the first error.

        A signal stops the session; everything captured is still inspected and saved. early: signals
        that arrived before, which stop it too. notifier: tells the service manager the state.
        """
        if notifier is not None:
            self._notice = SessionNotice(notifier, self.runs)
        with self._operator.handle_signals(early):
            try:
                # This also writes the summaries. A further signal must not prevent that.
                self._run_all()
                self._notice.completing()
                return self.finish()
            finally:
                self._states.stop()
                self._operator.close()
                self.close()

    def trigger(
        self,
        part_id: str | None = None,
        time_s: float | None = None,
        trace: TraceFields = UNTRACED,
    ) -> None:
        """Announces a part to all sources whose parts.by is trigger. Any thread may call this.

        part_id: None for a number in order. time_s: monotonic time at which the part is in front of
        the cameras, or the time in the file; None: now. trace: what is known about the part. Raises
        TypeError if no source takes it, and ValueError for a text or a time that cannot be used.
        """
        if not announce_part(self.runs, make_message(part_id, time_s, trace)):
            raise TypeError("no source takes triggers: set parts.by to trigger")

    def take_trigger(self, message: TriggerMessage) -> bool:
        """A trigger from outside, for live sources: its time is not that of a file. Returns whether
        a source takes it. Raises ValueError."""
        return announce_part([run for run in self.runs if run.info.source.live], message)

    def open(self, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Opens all engines and outputs, one run after the other. Nothing is captured yet.

        while_waiting: called every 0.1 s; it may call stop() or abort(). An engine that cannot be
        opened ends its run. Raises ConfigError if another run uses the folder.
        """
        self._running = list(self.runs)
        if self._summary is not None:
            self._summary.lock()
        for run in self.runs:
            run.pipeline.open(while_waiting)
        if self._summary is not None and any(run.pipeline.reporting for run in self.runs):
            self._summary.open(self.runs[0])

    def start(self) -> None:
        """Begins to capture. No source captures before all engines are open."""
        if any(run.info.source.live for run in self.runs):
            freeze_objects()
        for run in self.runs:
            run.pipeline.start()

    def poll(self, timeout_s: float) -> bool:
        """Waits a short time and ends the finished runs. True if others are still running. Raises
        SinkError if the table of joined parts was damaged."""
        for run in list(self._running):
            if run.pipeline.wait(timeout_s / len(self._running)):
                self._results.append(self._end(run))
                self._running.remove(run)
        if self._summary is not None and self._running:
            self._summary.check()
        return bool(self._running)

    def stop(self) -> None:
        """Ends the capture. Everything captured is still inspected. Any thread may call this."""
        self._stopped = True
        for run in list(self._running):
            run.pipeline.stop()

    def abort(self) -> None:
        """Drops the frames that are not yet inspected. Any thread may call this."""
        self._stopped = True
        for run in list(self._running):
            run.pipeline.abort()

    def pause(self, paused: bool) -> None:
        for run in list(self._running):
            run.pipeline.pause(paused)

    def release_sources(self) -> None:
        """Says that the runs end before the end of their sources, because a later session gets
        the sources."""
        self._stopped = True
        for run in self.runs:
            run.pipeline.stats.stopped = True

    def drain(self) -> int:
        """Waits for the end of all runs, and ends the session. See finish()."""
        try:
            complete = False
            try:
                while self.poll(_DRAIN_POLL_S):
                    pass
                complete = True
            finally:
                if not complete:
                    self.abandon(sys.exception())
            return self.finish()
        finally:
            self.close()

    def outcome(self, run: Run) -> RunOutcome | None:
        """How a run ended; None if it has not ended."""
        return next((result for result in self._results if result.run is run), None)

    def abandon(self, exc: BaseException | None, *, report: bool = True) -> None:
        """Ends all runs because of an error of the caller, and writes their summaries and, unless
        `report` is False, the report. Raises the first error of a run, otherwise the error."""
        reason = exc
        if exc is not None and not isinstance(exc, InspectorError):
            reason = InspectorError(f"the main thread failed: {type(exc).__name__}: {exc}")
            reason.__cause__ = exc
        assert reason is None or isinstance(reason, InspectorError)
        runs, self._running = self._running, []
        for run in runs:
            run.pipeline.abort()
        for run in runs:
            self._results.append(self._end(run, reason))
        self.finish(reason, report=report)

    def finish(self, reason: InspectorError | None = None, *, report: bool = True) -> int:
        """Writes the summary over all sources and the report, and returns the exit code of the
        session. Raises the first error of a source, otherwise `reason`."""
        errors = (result.error for result in self._results if result.error is not None)
        error = next(errors, reason)
        codes = [result.exit_code for result in self._results]
        if self._summary is not None and self._config.fail_on_anomaly:
            captured = any(result.run.pipeline.stats.captured for result in self._results)
            codes.append(ANOMALY if captured and self._summary.lacks_good_parts else 0)
        code = max(codes) if error is None else error.exit_code
        try:
            if self._summary is not None:
                self._summary.write(self._results, code, error)
        except SinkError as exc:
            if error is not None:
                logger.error("{}", exc)
            error = error or exc
        if report:
            self._write_report()
        if error is not None:
            raise error
        return code

    def close(self) -> None:
        """Unlocks the folder, and removes it if nothing was written. May be called twice."""
        if self._summary is not None:
            self._summary.close()
        remove_empty(self._config.output.dir, self._folder)

    def _run_all(self) -> None:
        complete = False
        try:
            self._running = list(self.runs)  # an error closes their sources
            self._states.start(self)
            with receive_triggers(self._config, self.triggers):
                self.open(self._stop_opening)
                self.start()
                self._drive()
            complete = True
        finally:
            if not complete:
                self.abandon(sys.exception())

    def _drive(self) -> None:
        progress = ProgressBar([(run.info.source, run.pipeline.stats) for run in self.runs])
        try:
            self._states.turn()
            while self.poll(self._operator.wait_s):
                self._states.turn()
                progress.update()
                self._operator.apply_signals(self)
                self._notice.inspecting(self._running, stopping=self._operator.stopping)
                self._operator.poll_window(self)
            self._states.turn()  # what follows, such as a report, takes time
        finally:
            progress.close()

    def _stop_opening(self) -> None:
        """A signal while an engine opens. No frame is captured yet, so none can be lost."""
        self._notice.opening()
        if self._operator.signals:
            self.abort()

    def _end(self, run: Run, reason: InspectorError | None = None) -> RunOutcome:
        """Ends one source. reason: the error of the session that ends it."""
        result = end_run(
            *(run, reason, self._operator.signals),
            stopped=self._stopped,
            fail_on_anomaly=self._config.fail_on_anomaly,
        )
        if result.error is not reason or reason is None:
            several = self._summary is not None
            result.log(several=several, others=several and len(self._running) > 1)
        return result

    def _write_report(self) -> None:
        """A report that fails is a warning; it does not change the exit code, which is in
        summary.json already. After a second signal the program must end soon, without a report."""
        before = len(self._operator.signals)
        has_results = any(run.pipeline.reporting for run in self.runs)
        if self._config.report.enabled and has_results and before < 2:
            write_session_report(self._folder, lambda: self._is_interrupted(before))

    def _is_interrupted(self, before: int) -> bool:
        self._notice.completing(REPORT)
        return len(self._operator.signals) > before
