"""Goes on after a line was interrupted: says how long it was blind, and completes its results."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import SinkError
from inspector.interruption import CONDITION, InterruptionStage, describe_since, read_boot_id
from inspector.run import Run
from inspector.service.completing import Completion
from inspector.service.unfinished import (
    MarkedRun,
    find_interruption,
    find_unfinished,
    read_marker,
    remove_marker,
    write_marker,
)
from inspector.store.alarms import raise_alarm
from inspector.store.database import Store

if TYPE_CHECKING:
    from inspector.service.line import Line

_RETRY_S: Final = 10.0
"""Time between two tries to store an alarm."""


class Resuming:
    """An attendant of a line. Make it before the line starts.

    stages: name of a source -> stage for its first run with a frame, if the process before did not
    end in order.
    The results of the process before are completed when the first session inspects.
    """

    def __init__(self, line: "Line", store: Store, output_dir: str) -> None:
        self._line, self._store = line, store
        self._folder = store.path.parent
        self._marked = read_marker(self._folder)
        self.stages: Mapping[str, InterruptionStage] = {
            name: InterruptionStage(partial(describe_since, frame))
            for name, frame in find_interruption(self._marked).items()
        }
        self._unreported = dict(self.stages)
        self._boot_id = read_boot_id()
        self._unfinished = find_unfinished(output_dir)
        self._failed_ns: int | None = None
        """When an alarm could not be stored."""
        self._completion: Completion | None = None
        self._has_left = False
        """Whether the store follows the runs of the process before no longer."""

    def turn(self) -> None:
        runs = self._line.runs
        if runs and self._completion is None:
            self._completion = Completion(self._unfinished)
        if self._completion is not None and self._completion.is_done and not self._has_left:
            self._has_left = True
            self._line.store.leave(None)
        if any(_has_frames(run) for run in runs):
            self._mark(runs)
        if self._line.stop_is_asked and self._marked:
            self._marked, self._line.interruptions = {}, {}
            remove_marker(self._folder)
        if self._failed_ns is None or ms_since(self._failed_ns) > _RETRY_S * 1e3:
            self._report()

    def stop(self) -> None:
        if self._completion is not None:
            self._completion.close()
        self._report()
        if not self._line.has_failed:
            remove_marker(self._folder)

    def _mark(self, runs: Sequence[Run]) -> None:
        marked = dict(self._marked)
        for run in runs:
            name = run.info.source_name
            # Before its first frame a run would hide how long its source is blind already.
            if name not in marked or (_has_frames(run) and self._has_spoken(name)):
                marked[name] = MarkedRun(run.info.output_dir.absolute(), self._boot_id)
        if marked == self._marked:
            return
        self._marked = marked
        try:
            write_marker(self._folder, marked)
        except SinkError as exc:
            logger.error("after a power cut the time without inspection will be unknown: {}", exc)

    def _has_spoken(self, source: str) -> bool:
        """Whether it was said how long the source was blind before."""
        stage = self._line.interruptions.get(source)
        return stage is None or bool(stage.sentences)

    def _report(self) -> None:
        """The stages run on threads that must not wait for the store."""
        for name, stage in list(self._unreported.items()):
            if not stage.sentences:
                continue
            (sentence,) = stage.sentences
            if self._failed_ns is None:
                logger.warning("{}: {}", name, sentence)
            try:
                raise_alarm(self._store, kind=CONDITION, text=sentence, source=name)
            except SinkError as exc:
                if self._failed_ns is None:
                    logger.error("the store has no alarm about it yet: {}", exc)
                self._failed_ns = now_ns()
                return
            del self._unreported[name]
            self._failed_ns = None


def _has_frames(run: Run) -> bool:
    return run.pipeline.stats.inspected + run.pipeline.stats.errored > 0
