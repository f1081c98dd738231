"""Runs the sources of a configuration to their end, with signals, window, progress and results."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Final

from loguru import logger

from inspector.build_runs import build_runs
from inspector.config import Config
from inspector.console import ProgressBar
from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError, InspectorError, SinkError, UnjudgedError
from inspector.core.protocols import Picture
from inspector.core.types import Inspection
from inspector.early_signals import INTERRUPTED, EarlySignals, stopping_signals
from inspector.outputs.live_view import LiveView
from inspector.outputs.run_folder import remove_empty
from inspector.outputs.window import CLOSE, PAUSE, QUIT
from inspector.run import Run, RunOutcome
from inspector.session_report import check_report, write_session_report
from inspector.session_summary import SessionSummary, find_joiner

ANOMALY: Final = 3


class Session:
    """Runs the pipelines on their threads. Window, signals and progress use the main thread.

    A source that fails does not stop the others.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        # Without a display this raises an error here, before a source is opened.
        self._window = _open_window() if config.window.show else None
        check_report(config.report)
        self._signals: list[int] = []
        self._quit = False
        self._runs = build_runs(config, [self._to_window] if self._window else [])
        self._running: list[Run] = []
        self._results: list[RunOutcome] = []
        folder = self._runs[0].info.output_dir
        self._folder = folder.parent if config.sources else folder
        self._summary: SessionSummary | None = None
        if config.sources:
            joiner = find_joiner(self._runs)
            self._summary = SessionSummary(self._folder, config.output, joiner=joiner)

    def run(self, early: EarlySignals | None = None) -> int:
        """Runs all sources and returns the exit code. At the end, raises the first error.

        A signal stops the session; everything captured is still inspected and saved. early: signals
        that arrived before, which stop it too.
        """
        # Python lets only the main thread of a process handle signals.
        is_main = threading.current_thread() is threading.main_thread()
        numbers = stopping_signals() if is_main else []
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        if early is not None:
            self._signals[:0] = early.hand_over()
        try:
            # This also writes the summaries. A further signal must not prevent that.
            self._run_all()
            return self._finish()
        finally:
            if self._window is not None:
                self._window.close()
            if self._summary is not None:
                self._summary.close()
            remove_empty(self._config.output.dir, self._folder)
            for number, handler in before.items():
                signal.signal(number, handler)

    def trigger(self, part_id: str | None, time_s: float | None = None) -> None:
        """Announces a part to all sources with parts. Any thread may call this.

        part_id: None for a number in order. time_s: monotonic time at which the part is in front of
        the cameras, or the time in the file; None: now. Raises TypeError if parts.by of a source is
        not trigger.
        """
        at_s = now_ns() / 1e9 if time_s is None else time_s
        for run in self._runs:
            if run.events.parts is not None:
                run.events.parts.trigger(part_id, at_s)

    def _run_all(self) -> None:
        complete = False
        try:
            self._start()
            self._drive()
            complete = True
        finally:
            if not complete:
                self._abandon(sys.exception())

    def _start(self) -> None:
        """Opens all engines, one after the other. No source captures before all are open."""
        self._running = list(self._runs)
        if self._summary is not None:
            self._summary.lock()
        for run in self._runs:
            run.pipeline.open(self._stop_opening)
        if self._summary is not None and any(run.pipeline.reporting for run in self._runs):
            self._summary.open(self._runs[0])
        for run in self._runs:
            run.pipeline.start()

    def _drive(self) -> None:
        progress = ProgressBar([(run.info.source, run.pipeline.stats) for run in self._runs])
        try:
            while self._collect():
                progress.update()
                if self._summary is not None:
                    self._summary.check()
                self._apply_signals()
                self._poll_window()
        finally:
            progress.close()

    def _collect(self) -> bool:
        """Waits a short time and ends the finished runs. True if others are still running."""
        for run in [run for run in self._running if self._has_ended(run)]:
            self._results.append(self._end(run))
            self._running.remove(run)
        return bool(self._running)

    def _has_ended(self, run: Run) -> bool:
        return run.pipeline.wait((0.03 if self._window else 0.1) / len(self._running))

    def _abandon(self, exc: BaseException | None) -> None:
        """Ends all sources because of an error of this thread, and writes their summaries."""
        reason = exc
        if not isinstance(reason, InspectorError):
            reason = InspectorError(f"the main thread failed: {type(exc).__name__}: {exc}")
            reason.__cause__ = exc
        runs, self._running = self._running, []
        for run in runs:
            run.pipeline.abort()
        for run in runs:
            self._results.append(self._end(run, reason))
        self._finish(reason)

    def _end(self, run: Run, reason: InspectorError | None = None) -> RunOutcome:
        """Ends one source: finds its error and exit code, and writes its summary. reason: the error
        of the session that ends it."""
        error = _finish_pipeline(run, reason)
        run.events.end()
        stats = run.pipeline.stats
        code, status = 0, "stopped" if self._signals or self._quit else "finished"
        if error is not None:
            code, status = error.exit_code, "failed"
        elif signal.SIGINT in self._signals or (len(self._signals) > 1 and stats.dropped_abort):
            code = INTERRUPTED
        elif self._config.fail_on_anomaly and _has_anomaly(run):
            code = ANOMALY
        result = RunOutcome(run, status, code, error)
        if run.pipeline.reporting:
            try:
                run.write_summary(status, code, result.sentence)
            except SinkError as exc:
                logger.error("there is no summary of {}: {}", stats.equation(), exc)
                if error is None:
                    result = RunOutcome(run, "failed", exc.exit_code, exc)
        if result.error is not reason or reason is None:
            self._log_result(result)
        return result

    def _log_result(self, result: RunOutcome) -> None:
        run, name = result.run, result.run.info.source_name
        parts = run.events.part_totals
        if result.error is None and not run.pipeline.reporting:
            prefix = f"{name}: " if self._summary else ""
            logger.info("{}stopped before the first frame; nothing was written", prefix)
        elif result.error is None:
            logger.info(
                "{}{}; {} failed; {}{:.1f} frames per s; results in {}",
                *(f"{name}: " if self._summary else "", run.pipeline.stats.equation()),
                *(run.pipeline.stats.failed, "" if parts is None else f"{parts.describe()}; "),
                run.pipeline.stats.frames_per_s,
                run.info.output_dir,
            )
        elif self._summary:
            others = "; the other sources continue" if len(self._running) > 1 else ""
            logger.error("source {} failed: {}{}", name, result.sentence, others)

    def _finish(self, reason: InspectorError | None = None) -> int:
        """Writes the summary over all sources and returns the exit code of the session. Raises the
        first error of a source, otherwise `reason`."""
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
        self._write_report()
        if error is not None:
            raise error
        return code

    def _write_report(self) -> None:
        """A report that fails is a warning; it does not change the exit code, which is in
        summary.json already. After a second signal the program must end soon, without a report."""
        before = len(self._signals)
        has_results = any(run.pipeline.reporting for run in self._runs)
        if self._config.report.enabled and has_results and before < 2:
            write_session_report(self._folder, lambda: len(self._signals) > before)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)

    def _apply_signals(self) -> None:
        """The first signal stops the capture. The second drops the frames that are not yet
        inspected; the session then ends within GRACE_S. Further ones change nothing."""
        for run in self._running:
            if len(self._signals) == 1:
                run.pipeline.stop()
            elif self._signals:
                run.pipeline.abort()

    def _stop_opening(self) -> None:
        """A signal while an engine opens. No frame is captured yet, so none can be lost."""
        if self._signals:
            for run in self._running:
                run.pipeline.abort()

    def _to_window(self, _: Inspection, picture: Picture) -> None:
        # The main thread may close the window at any time.
        if (window := self._window) is not None:
            window.show(picture.bgr())

    def _poll_window(self) -> None:
        """Reads the keys. A window that fails is closed; the run continues."""
        if self._window is None:
            return
        commands: set[str] = set()
        try:
            commands = self._window.poll()
        except SinkError as exc:
            logger.warning("the window failed and is closed: {}", exc)
            commands = {CLOSE}
        if PAUSE in commands:
            self._pause(self._window.paused)
        if QUIT in commands:
            self._quit = True
            for run in self._running:
                run.pipeline.stop()
        if CLOSE in commands:
            self._window.close()
            self._window = None
            self._pause(False)

    def _pause(self, paused: bool) -> None:
        for run in self._running:
            run.pipeline.pause(paused)


def _has_anomaly(run: Run) -> bool:
    """Whether a frame or a roll is not PASS. With parts: whether a part is not PASS, there was
    none, or one may have passed unseen. Frames do not count then, because they may show the empty
    scene."""
    stats, events = run.pipeline.stats, run.events
    if events.rolls is not None and not events.rolls.all_passed:
        return True
    if events.parts is None:
        return stats.failed + stats.errored > 0
    totals = events.part_totals
    has_bad_part = totals is not None and stats.captured > 0 and not totals.all_passed
    return has_bad_part or events.parts.gaps.count > 0


def _finish_pipeline(run: Run, reason: InspectorError | None) -> InspectorError | None:
    """Ends the pipeline and returns its error, otherwise `reason`."""
    try:
        run.pipeline.finish()
    except InspectorError as exc:
        return exc
    stats = run.pipeline.stats
    if reason is None and stats.errored and not stats.inspected:
        return UnjudgedError(f"none of the {stats.errored} frames could be judged; see the log")
    return reason


def _open_window() -> LiveView:
    """Checks the environment first, because SDL writes messages if there is no display."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, names)):
        raise ConfigError("--show: there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    return LiveView("inspector")
