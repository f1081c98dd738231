"""Runs the stages in threads with channels between them, and accounts for every captured frame."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Lock, Thread

from loguru import logger

from inspector.core.channel import Channel
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import InspectorError, StageError
from inspector.core.protocols import CountsMissing, EventStage, Source
from inspector.core.types import RunInfo
from inspector.pipeline.announcer import LATE_STAGE, Announcer
from inspector.pipeline.background import BACKGROUND
from inspector.pipeline.demand_channel import DemandChannel
from inspector.pipeline.drops import Drops
from inspector.pipeline.error_streak import ErrorStreak
from inspector.pipeline.relay import Relay, catch_frame_errors
from inspector.pipeline.reporter import Observer, Reporter
from inspector.pipeline.stages import Output, Stages, Ticket, infer, make_first_item
from inspector.pipeline.stats import RunStats
from inspector.pipeline.watchdog import Watchdog

GRACE_S = 10.0
"""Time for the threads to end after an abort, and for a source to end after close()."""

STAGES = ("capture", "preprocess", "infer", "measure", "output")


class Pipeline:
    """capture -> preprocess -> infer -> measure -> output.

    The verdict is sent after infer if the map decides it. Otherwise it is pending after infer and
    final after measure, or when deadline_s has passed. A live source drops the oldest frame, only
    between capture and preprocess. A file drops no frame, and a live source that holds its frames
    (BufferedSource) drops them itself. The first error aborts the run, closes every sink, and
    finish() raises it. After an error of the source the captured frames are still inspected.

    reporting: True when engine and sinks are open. background: writes what may be late. batch:
    number of frames per call of the engine, for files; always 1 for a live source, because frames
    would wait for each other. event_stages: get every inspection in this order, before the sinks.
    deadline_s: None for no limit.
    """

    def __init__(
        self,
        source: Source,
        stages: Stages,
        outputs: Sequence[Output],
        run: RunInfo,
        *,
        observers: Sequence[Observer] = (),
        event_stages: Sequence[EventStage] = (),
        max_errored_in_a_row: int | None = None,
        stall_timeout_s: float | None = None,
        batch: int = 1,
        deadline_s: float | None = None,
    ) -> None:
        self.stats = RunStats()
        self.reporting = False
        self._source = source
        self._stages = stages
        self._thresholds = (run.image_threshold, run.pixel_threshold)
        self._reporter = Reporter(run, outputs, stages, event_stages, observers, self._close_sink)
        self.background = self._reporter.background
        self._streak = ErrorStreak(max_errored_in_a_row)
        self._watchdog = Watchdog(stall_timeout_s)
        self._live = source.info.live
        self.drops = Drops(source)
        self._batch = 1 if self._live else batch
        # With more room, files were not inspected faster: each place costs the memory of a frame.
        self._captured: Channel[Ticket] = Channel(1)
        # Room for the next batch and for the last batch while the engine runs.
        self._prepared: DemandChannel[Ticket] = DemandChannel(self._batch)
        self._inferred: Channel[Ticket] = Channel(self._batch)
        self._measured: Channel[Ticket] = Channel(1)
        self._relay = Relay(
            self.stats, self._watchdog, self._thresholds, lambda: self._aborted_ns is not None
        )
        self._announcer = Announcer(stages, self._reporter.listeners, self._relay, deadline_s)
        self._ready = {"infer": Event(), "output": Event()}
        self._resumed = Event()
        self._resumed.set()
        self._lock = Lock()
        self._error: BaseException | None = None
        self._stopped_ns: int | None = None
        self._aborted_ns: int | None = None
        work = (self._capture, self._preprocess, self._infer, self._measure, self._output)
        targets: dict[str, Callable[[], None]] = dict(zip(STAGES, work, strict=True))
        if deadline_s is not None:
            targets[LATE_STAGE] = self._announcer.run
        if self.background.is_used:
            targets[BACKGROUND] = partial(self.background.run, self._watchdog)
        self._threads = {
            name: Thread(target=self._guard, args=(name, target), name=name, daemon=True)
            for name, target in targets.items()
        }

    @property
    def is_capturing(self) -> bool:
        """Whether the source still gives frames. Any thread may ask."""
        return self._threads["capture"].is_alive()

    @property
    def waiting(self) -> int | None:
        """Number of frames before engine and measuring. None if no frame can be lost there."""
        if not self.drops.allowed:
            return None
        return len(self._captured) + len(self._prepared) + len(self._inferred)

    def open(self, while_waiting: Callable[[], None] = lambda: None) -> None:
        """Opens the engine and the sinks on their threads. Does nothing after stop().

        while_waiting: called every 0.1 s. It may stop or abort this pipeline.
        """
        if self._stopped_ns is not None:
            return
        for name in ("infer", "output"):
            self._threads[name].start()
            while self._aborted_ns is None and not self._ready[name].wait(0.1):
                while_waiting()
            if self._aborted_ns is not None:
                return

    def start(self) -> None:
        """Starts to capture, if engine and sinks could be opened. Calls open() first if needed."""
        if self._threads["infer"].ident is None:
            self.open()
        if not self.reporting:
            return
        self.stats.mark_start()
        for name, thread in reversed(self._threads.items()):
            if name not in ("infer", "output"):
                thread.start()

    def stop(self) -> None:
        """Ends the capture. Every frame captured so far is still inspected."""
        self._stopped_ns = self._stopped_ns or now_ns()
        self.stats.stopped = True
        self._resumed.set()
        self._source.close()

    def abort(self) -> None:
        """Ends the run now. Frames in the pipeline count as dropped. Logs stay readable."""
        self._aborted_ns = self._aborted_ns or now_ns()
        channels = (self._captured, self._prepared, self._inferred, self._measured)
        self.stats.count_aborted(sum(channel.abort() for channel in channels))
        self.background.abort()
        self._announcer.close()
        self.stop()

    def pause(self, paused: bool) -> None:
        """Pauses the capture of a file. A live source is never paused: it would lose frames."""
        if paused and not self._live and self._stopped_ns is None:
            self._resumed.clear()
        else:
            self._resumed.set()

    def find_stuck_stage(self, default_s: float | None) -> StageError | None:
        """The error for a stage that is stuck; None if there is none. default_s: the limit if
        stall_timeout_s is None; None: no limit."""
        return self._watchdog.find_stuck_stage(default_s)

    def wait(self, timeout_s: float) -> bool:
        """Waits for the end of the run; True when it has ended. Aborts it if a stage is stuck."""
        deadline = now_ns() + int(timeout_s * 1e9)
        for thread in self._running():
            thread.join(max(0.0, (deadline - now_ns()) / 1e9))
        self.drops.count(self._captured.dropped, self.stats)
        if not self._running():
            return True
        if self._error is None:
            self._check_stages()
        return self._aborted_ns is not None and ms_since(self._aborted_ns) > GRACE_S * 1e3

    def finish(self) -> None:
        """Waits for the end, checks the count and raises the first error."""
        while not self.wait(0.2):
            pass
        self._source.close()
        if isinstance(self._source, CountsMissing):
            self.stats.missing_by_cause = dict(self._source.missing())
        self.stats.mark_end()
        self.drops.count(self._captured.dropped, self.stats)
        for thread in self._running():
            self.stats.count_aborted(self._watchdog.count_held(thread.name))
            logger.error("stage {} did not end in time", thread.name)
        if self._error is None and not self.stats.balanced:
            self._error = InspectorError(
                f"frames do not add up, a fault of this program: {self.stats.as_dict()}"
            )
        if self._error is not None:
            raise self._error

    def _running(self) -> list[Thread]:
        return [thread for thread in self._threads.values() if thread.is_alive()]

    def _check_stages(self) -> None:
        error = self._watchdog.find_stuck_stage() or self._reporter.find_failure()
        source_is_late = self._stopped_ns is not None and ms_since(self._stopped_ns) > GRACE_S * 1e3
        if error is None and source_is_late and self._threads["capture"].is_alive():
            reason = TimeoutError("the source did not end when it was closed")
            error = StageError("capture", (), reason)
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException, *, drain: bool = False) -> None:
        self.stats.stopped = True
        with self._lock:
            if self._error is None:
                self._error = error
            else:
                logger.error("after the first error: {}", error)
        if not drain:
            self.abort()

    def _guard(self, name: str, work: Callable[[], None]) -> None:
        """Runs a stage. An exception of any kind ends the run."""
        drain = name == "capture"
        try:
            work()
        except InspectorError as exc:
            self._fail(exc, drain=drain)
        except Exception as exc:
            error = StageError(name, self._watchdog.frames_of(name), exc)
            error.__cause__ = exc
            self._fail(error, drain=drain)
        finally:
            self._watchdog.end(name)
            if name == "output":
                self.background.close(self._threads.get(BACKGROUND))
                self._reporter.close()
            if name in self._ready:
                self._ready[name].set()

    def _capture(self) -> None:
        try:
            while True:
                self._resumed.wait()
                start_ns = now_ns()
                frame = self._source.read()
                if frame is None:
                    return
                self.stats.received += 1
                ticket = Ticket(
                    frame, make_first_item(frame, self._thresholds), {"capture": ms_since(start_ns)}
                )
                if not self._captured.put(ticket, drop_oldest=self.drops.allowed):
                    self.stats.count_aborted(1)
                    return
        finally:
            self._captured.close()

    def _preprocess(self) -> None:
        work = catch_frame_errors(self._stages.preprocess)
        self._relay.run("preprocess", self._captured, self._prepared, work, before=self._wait)

    def _wait(self) -> None:
        """A frame that can be replaced by a newer one is taken when the engine is nearly free."""
        if self.drops.allowed:
            self._prepared.wait_for_demand()

    def _infer(self) -> None:
        engine = self._stages.open_engine()
        try:
            engine.warm_up()
            self._ready["infer"].set()
            work = partial(infer, engine, self._stages.no_product)
            after = self._announcer.announce_map
            self._relay.run("infer", self._prepared, self._inferred, work, self._batch, after)
        finally:
            engine.close()

    def _measure(self) -> None:
        work, after = catch_frame_errors(self._stages.judge), self._announcer.announce_measured
        try:
            self._relay.run("measure", self._inferred, self._measured, work, after=after)
        finally:
            self._announcer.close()

    def _output(self) -> None:
        self._reporter.open()
        self.reporting = True
        self._ready["output"].set()
        error = self._reporter.report_all(self._measured, self._watchdog, self.stats, self._streak)
        if error is not None:
            self._fail(error)  # before an error of the flush
        self._watchdog.begin("output", ())
        self._reporter.flush()

    def _close_sink(self, output: Output) -> None:
        """Closes a sink and catches every error, so that the other sinks are closed too."""
        try:
            output.sink.close()
        except Exception as exc:
            logger.error("{} could not be closed: {}", output.sink.name, exc)
            if output.fatal:
                expected = isinstance(exc, InspectorError)
                self._fail(exc if expected else StageError("output", (), exc), drain=True)
