"""Writes video and pictures of a live source on another thread, so that no verdict waits for it."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock, Thread, get_native_id
from typing import Any, Final

import cv2
from loguru import logger

from inspector.core.channel import END, Channel
from inspector.core.file_hash import FileState
from inspector.core.protocols import CompletingSink, HashedSink, Picture, Sink
from inspector.core.threads import usable_cores
from inspector.core.types import Inspection, RunInfo, Verdict
from inspector.pipeline.receiver import Receiver
from inspector.pipeline.watchdog import Watchdog

BACKGROUND: Final = "background"

PLACES: Final = 8
"""Frames that may wait. Each of them is in memory."""

BEFORE: Final = ("measure", "output")
WAIT_S: Final = 0.001
MOST_WAITS: Final = 30
"""An output begins to write when none of these stages works, or after this number of waits."""

NICENESS: Final = 19
"""Added to the niceness of the thread, so that encoding gets the time that is left. With 10, a
source at 0.8 of the rate of the engine lost twice as many frames."""

SWITCH_S: Final = 0.0001
"""Python lets a thread run for 5 ms while others wait. So a frame that passes five threads could
wait 25 ms for a picture that is being drawn."""


class BackgroundSink:
    """A sink that is written after all others, on another thread. It may miss frames.

    The sink must not take events. take_states() is for the output thread.
    """

    def __init__(self, sink: Sink) -> None:
        self.name = sink.name
        self._sink = sink
        self._states: dict[Path, FileState | None] = {}
        self._lock = Lock()

    def open(self, run: RunInfo) -> None:
        self._sink.open(run)

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._sink.write(inspection, picture)
        self._collect_states()

    def take_states(self) -> Mapping[Path, FileState | None]:
        with self._lock:
            states, self._states = self._states, {}
        return states

    def close(self) -> None:
        self._sink.close()
        self._collect_states()

    def _collect_states(self) -> None:
        """Never holds the lock while the disk works."""
        if isinstance(self._sink, HashedSink):
            states = self._sink.take_states()
            with self._lock:
                self._states |= states


class BackgroundCompletingSink(BackgroundSink):
    """The same for a sink that completes inspections and events, on the output thread."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(sink)
        assert isinstance(sink, CompletingSink)
        self.warnings = sink.warnings
        self.complete, self.complete_event = sink.complete, sink.complete_event


def in_background(sink: Sink) -> BackgroundSink:
    completes = isinstance(sink, CompletingSink)
    return BackgroundCompletingSink(sink) if completes else BackgroundSink(sink)


class Background:
    """Passes inspections to the outputs with a BackgroundSink, in order.

    add() runs on the output thread, after the verdict was sent and the log was written. run() runs
    on a separate thread. If PLACES frames wait already, the oldest PASS frame among them is left
    out, or if there is none the oldest frame. left_out: number of these frames. warnings: empty, or
    one sentence about them.
    """

    def __init__(self, receivers: Sequence[Receiver]) -> None:
        self._receivers = [r for r in receivers if isinstance(r.sink, BackgroundSink)]
        self._names = [receiver.sink.name for receiver in self._receivers]
        self._waiting: Channel[tuple[Inspection, Picture]] = Channel(
            PLACES, lambda item: item[0].verdict is Verdict.PASS
        )
        self._aborted = self._refused = 0
        self.warnings: list[str] = []

    @property
    def is_used(self) -> bool:
        return bool(self._receivers)

    @property
    def left_out(self) -> int:
        return self._waiting.dropped + self._aborted + self._refused

    def add(self, inspection: Inspection, picture: Picture) -> None:
        if not self._receivers:
            return
        if not self._waiting.put((inspection, picture), drop_oldest=True):
            self._refused += 1  # after abort()
        if self._waiting.dropped:
            self._warn(self._waiting.dropped)

    def run(self, watchdog: Watchdog) -> None:
        """Writes until close() or abort(). Changes the switch interval and the number of threads of
        OpenCV in the whole process."""
        sys.setswitchinterval(SWITCH_S)
        lower_priority()
        limit_opencv()
        while (item := self._waiting.get()) is not END:
            assert item is not None
            inspection, picture = item
            # The frame was counted when its lines were written.
            watchdog.begin(BACKGROUND, [inspection.frame_id], held=0)
            for receiver in self._receivers:
                wait_for_pause(watchdog)
                receiver.attempt(partial(receiver.sink.write, inspection, picture))
            watchdog.end(BACKGROUND)

    def close(self, thread: Thread | None) -> None:
        """Waits until all waiting frames are written. thread: of run(), if it was started."""
        self._waiting.close()
        if thread is not None and thread.ident is not None:
            thread.join()

    def abort(self) -> None:
        """Lets run() end after the frame that it writes. The others are left out."""
        self._aborted += self._waiting.abort()

    def _warn(self, count: int) -> None:
        """Logs the first frame that is left out."""
        sentence = (
            f"{', '.join(self._names)}: {count} frames are missing, which were inspected and "
            "logged, because these outputs are too slow for this source: set a smaller "
            "output.video.scale, or use a faster disk"
        )
        if not self.warnings:
            logger.warning("{}", sentence)
        self.warnings[:] = [sentence]

    def summary(self) -> dict[str, Any] | None:
        """The key `background` of summary.json."""
        if not self._receivers:
            return None
        return {"outputs": self._names, "left_out": self.left_out}


def wait_for_pause(watchdog: Watchdog) -> None:
    """Waits until no frame is measured or logged, but not for long. Python runs one thread at a
    time, so drawing would slow them."""
    for _ in range(MOST_WAITS):
        if not watchdog.is_busy(BEFORE):
            return
        time.sleep(WAIT_S)


def limit_opencv() -> None:
    """Limits OpenCV to half of the cores, in the whole process: its threads draw with the usual
    priority, also for a thread of low priority."""
    cv2.setNumThreads(min(cv2.getNumThreads(), max(1, usable_cores() // 2)))


def lower_priority() -> None:
    """Lowers the priority of this thread, and of the threads that it starts. Linux only: on other
    systems it would be that of the process."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, get_native_id(), os.nice(0) + NICENESS)
        except OSError as exc:
            logger.warning("the priority of the video thread cannot be lowered: {}", exc.strerror)
