"""Sources, engines and sinks for tests of the real pipeline."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from inspector.core.arrays import Image, Map, freeze
from inspector.core.clock import now_ns
from inspector.core.decisions import VerdictState
from inspector.core.events import VerdictEvent
from inspector.core.geometry import Affine
from inspector.core.protocols import Picture
from inspector.core.stage_items import EngineOutput, ModelInput
from inspector.core.types import BadFrame, Frame, Inspection, RunInfo, SourceInfo, Verdict
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output, Stages

IMAGE = freeze(np.full((8, 8, 3), 100, np.uint8))


def frame(frame_id: int) -> Frame:
    return Frame(frame_id, "rig", IMAGE, now_ns(), frame_id / 10, "2026-01-01T00:00:00.000Z")


def bad(frame_id: int) -> BadFrame:
    return BadFrame(frame_id, "rig", "cannot be decoded", now_ns(), None, "")


class ListSource:
    """Gives the items, raises those that are exceptions, then ends or waits for close()."""

    def __init__(
        self, items: Iterable[Any], *, live: bool = False, endless: bool = False, pace_s: float = 0
    ) -> None:
        self.info = SourceInfo("rig", live=live)
        self._items = iter(items)
        self._endless = endless
        self._pace_s = pace_s
        self.closed = threading.Event()

    def read(self) -> Frame | BadFrame | None:
        if self.closed.wait(self._pace_s):
            return None
        item = next(self._items, None)
        if item is None and self._endless:
            self.closed.wait(30)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        self.closed.set()


class RigEngine:
    """Gives a map of zeros, or the value that `answer` returns for the number of the picture.

    If the value is an exception, the call raises it. sizes: number of pictures of each call.
    """

    def __init__(self, answer: Callable[[int], Any] | None = None, delay_s: float = 0) -> None:
        self._answer, self._delay_s = answer, delay_s
        self.sizes: list[int] = []
        self.closed = 0
        self.threads: set[str] = set()

    def warm_up(self) -> None:
        self.threads.add(threading.current_thread().name)

    def infer(self, pixels: Image) -> tuple[Map, Map]:
        self.threads.add(threading.current_thread().name)
        time.sleep(self._delay_s)
        first = sum(self.sizes)
        self.sizes.append(len(pixels))
        maps = np.zeros((len(pixels), 4, 4), np.float32)
        for i in range(len(pixels)):
            value = self._answer(first + i) if self._answer else 0.0
            if isinstance(value, BaseException):
                raise value
            maps[i] = value
        return maps, maps[:, 0, 0]

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


class ListSink:
    """Stores the inspections. fail_at: number of the write, or open or close, that raises."""

    name = "list"

    def __init__(self, fail_at: int | str | None = None, failure: Exception | None = None) -> None:
        self.inspections: list[Inspection] = []
        self.closed = 0
        self._fail_at, self._failure = fail_at, failure

    def _maybe_fail(self, at: int | str) -> None:
        if self._failure is not None and at == self._fail_at:
            raise self._failure

    def open(self, run: RunInfo) -> None:
        assert run.source.source_id == "rig"
        self._maybe_fail("open")

    def write(self, inspection: Inspection, picture: Picture) -> None:
        self._maybe_fail(len(self.inspections))
        self.inspections.append(inspection)

    def close(self) -> None:
        self.closed += 1
        self._maybe_fail("close")

    @property
    def frame_ids(self) -> list[int]:
        return [i.frame_id for i in self.inspections]


class Announced(ListSink):
    """Stores each final verdict with the number of inspections that were written before it, and
    each pending verdict."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.verdicts: list[VerdictEvent] = []
        self.pending: list[VerdictEvent] = []
        self.written_before: list[int] = []
        self._announce_failure = failure

    def announce(self, verdict: VerdictEvent) -> None:
        if self._announce_failure is not None:
            raise self._announce_failure
        if verdict.state is VerdictState.PENDING:
            self.pending.append(verdict)
            return
        self.verdicts.append(verdict)
        self.written_before.append(len(self.inspections))


def preprocess(frame: Frame) -> ModelInput:
    return ModelInput(frame, frame.image, Affine(1, 1))


def judge(output: EngineOutput) -> Inspection:
    failed = output.score >= 0.5
    return Inspection(
        output.frame, Verdict.FAIL if failed else Verdict.PASS, 0.5, 0.5, score=output.score
    )


def make_pipeline(
    source: ListSource,
    sinks: Iterable[ListSink | Output],
    engine: Any = None,
    *,
    stages: dict[str, Any] | None = None,
    **options: Any,
) -> Pipeline:
    engine = engine or RigEngine()
    work: dict[str, Any] = {
        "preprocess": preprocess,
        "open_engine": lambda: engine,
        "judge": judge,
        "render": lambda inspection: inspection,
    }
    run = RunInfo(source.info, Path(), "", {}, {}, "", "", None, 0.5, 0.5)
    outputs = [s if isinstance(s, Output) else Output(s) for s in sinks]
    return Pipeline(source, Stages(**(work | (stages or {}))), outputs, run, **options)


def stage_threads() -> list[str]:
    names = {"capture", "preprocess", "infer", "measure", "output", "deadline", "background"}
    return [t.name for t in threading.enumerate() if t.name in names]


def run(pipeline: Pipeline) -> None:
    pipeline.start()
    pipeline.finish()


def fails_at(*numbers: int) -> RigEngine:
    return RigEngine(lambda i: 1.0 + i / 100 if i in numbers else 0.0)
