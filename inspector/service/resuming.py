"""Goes on after a line was interrupted: says how long it was blind, and completes its results."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from inspector.core.errors import SinkError
from inspector.interruption import CONDITION, InterruptionStage, describe_since
from inspector.run import Run
from inspector.service.completing import Completion
from inspector.service.unfinished import (
    find_interruption,
    find_unfinished,
    remove_marker,
    write_marker,
)
from inspector.store.alarms import raise_alarm
from inspector.store.database import Store

if TYPE_CHECKING:
    from inspector.service.line import Line


class Resuming:
    """An attendant of a line. Make it before the line starts.

    stages: name of a source -> stage for its first run, if the process before did not end in order.
    The results of the process before are completed when the first session inspects.
    """

    def __init__(self, line: "Line", store: Store, output_dir: str) -> None:
        self._line, self._store = line, store
        self._folder = store.path.parent
        self.stages: Mapping[str, InterruptionStage] = {
            name: InterruptionStage(partial(describe_since, frame))
            for name, frame in find_interruption(self._folder).items()
        }
        self._unreported = dict(self.stages)
        self._unfinished = find_unfinished(output_dir)
        self._runs: dict[str, Path] = {}
        self._completion: Completion | None = None

    def turn(self) -> None:
        runs = {run.info.source_name: run.info.output_dir for run in self._line.runs}
        if runs and self._completion is None:
            self._completion = Completion(self._unfinished)
        # Before its first frame a run would hide how long the line is blind already.
        if runs != self._runs and any(_has_frames(run) for run in self._line.runs):
            self._mark(runs)
        if self._line.stop_is_asked and self._runs:
            self._runs = {}
            remove_marker(self._folder)
        self._report()

    def stop(self) -> None:
        if self._completion is not None:
            self._completion.close()
        self._report()
        if not self._line.has_failed:
            remove_marker(self._folder)

    def _mark(self, runs: dict[str, Path]) -> None:
        self._runs = runs
        try:
            write_marker(self._folder, runs)
        except SinkError as exc:
            logger.error("after a power cut the time without inspection will be unknown: {}", exc)

    def _report(self) -> None:
        """The stages run on threads that must not wait for the store."""
        for name, stage in list(self._unreported.items()):
            if not stage.sentences:
                continue
            del self._unreported[name]
            (sentence,) = stage.sentences
            logger.warning("{}: {}", name, sentence)
            try:
                raise_alarm(self._store, kind=CONDITION, text=sentence, source=name)
            except SinkError as exc:
                logger.error("the store has no alarm about it: {}", exc)


def _has_frames(run: Run) -> bool:
    return run.pipeline.stats.inspected + run.pipeline.stats.errored > 0
