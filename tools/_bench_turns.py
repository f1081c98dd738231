"""Runtimes measured in turns, each in a process of its own."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.backends.card import Card
from engines.cost import Cost
from inspector.core.errors import EngineError

ROUNDS: Final = 20
"""Turns of every runtime; even, so that each is first as often as last."""

OPENINGS: Final = 3
"""Processes of every runtime, the last of which measures."""

WORKER: Final = "tools._bench_worker"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to be measured; the options are those of open_engine."""

    engine: Path
    backend: str
    device: str
    hint: str
    threads: int

    @property
    def runtime(self) -> str:
        named = f"{self.backend} on {self.device}"
        return named if self.hint == "latency" else f"{named}, {self.hint}"

    @property
    def label(self) -> str:
        return f"{self.engine.stem}: {self.runtime}"

    def options(self) -> str:
        values = {name: getattr(self, name) for name in ("backend", "device", "hint", "threads")}
        return json.dumps({"path": str(self.engine), **values})


@dataclass(frozen=True, slots=True)
class Timing:
    """One candidate at one batch size. Milliseconds are of a whole batch. cpu_ms: of all cores,
    by the mean. ratio: its median in a round to the first candidate's in the same round, as the
    lower quartile, the median and the upper quartile over rounds. gpu_ms: the median by the GPU's
    clock, without the copies; least_gpu_ms: what the card's limits allow (engines.backends.card);
    None where there is no GPU, or nobody knows."""

    batch: int
    runs: int
    p50_ms: float
    p99_ms: float
    least_ms: float
    cpu_ms: float
    pictures_per_s: float
    ratio: tuple[float, float, float]
    gflop_per_s: float | None
    gpu_ms: float | None
    least_gpu_ms: float | None


@dataclass(slots=True)
class Measured:
    """checked: against the golden pictures of its file. first_frame_ms: from nothing, the import of
    the runtime included, to the first result; one for each opening. peak_mb: of resident host
    memory; None where the system does not tell. gpu_mb: taken of the GPU's memory. cost: None where
    it cannot be counted."""

    candidate: Candidate
    running_on: str
    precision: str
    checked: bool
    first_frame_ms: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    gpu_mb: float | None = None
    cost: Cost | None = None
    card: Card | None = None
    timings: list[Timing] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Absent:
    candidate: Candidate
    reason: str


def in_turns(
    candidates: Sequence[Candidate],
    batches: Sequence[int],
    seconds: float,
    costs: Mapping[Path, Cost],
) -> tuple[list[Measured], list[Absent]]:
    """seconds: of every candidate at every batch size. costs: of the engines. Those that cannot be
    opened are told apart; one that fails later raises EngineError."""
    measured: list[Measured] = []
    absent: list[Absent] = []
    for candidate in candidates:
        with _started(candidate) as worker:
            said = worker.hear()
        if "refused" in said:
            absent.append(Absent(candidate, said["refused"]))
        else:
            one = Measured(candidate, said["running_on"], said["precision"], said["checked"])
            one.first_frame_ms.append(said["first_frame_ms"])
            one.cost = costs.get(candidate.engine)
            one.card = _card(said["card"])
            measured.append(one)
    for _ in range(OPENINGS - 2):
        for one in measured:
            with _started(one.candidate) as worker:
                one.first_frame_ms.append(worker.opened()["first_frame_ms"])
    with ExitStack() as stack:
        workers = []
        for one in measured:
            workers.append(stack.enter_context(_started(one.candidate)))
            one.first_frame_ms.append(workers[-1].opened()["first_frame_ms"])
        for batch in batches:
            _measure(workers, measured, batch, seconds)
    return measured, absent


def _measure(
    workers: Sequence["_Worker"], measured: Sequence[Measured], batch: int, seconds: float
) -> None:
    rounds: list[list[dict[str, Any]]] = [[] for _ in workers]
    for turn in range(ROUNDS):
        order = range(len(workers))
        for index in order if turn % 2 == 0 else reversed(order):
            rounds[index].append(workers[index].ask(batch, seconds / ROUNDS))
    for one, own, worker in zip(measured, rounds, workers, strict=True):
        one.peak_mb, one.gpu_mb = own[-1]["peak_mb"], own[-1]["gpu_mb"]
        gpu_ms = worker.ask(batch, None)["device_ms"]
        one.timings.append(_timing(one, batch, own, rounds[0], gpu_ms))


def _timing(
    one: Measured,
    batch: int,
    rounds: list[dict[str, Any]],
    first: list[dict[str, Any]],
    gpu_ms: list[float],
) -> Timing:
    every = np.concatenate([each["ms"] for each in rounds])
    ratios = [
        statistics.median(own["ms"]) / statistics.median(other["ms"])
        for own, other in zip(rounds, first, strict=True)
    ]
    low, middle, high = map(float, np.quantile(ratios, (0.25, 0.5, 0.75)))
    cost, card, p50_ms = one.cost, one.card, float(np.median(every))
    return Timing(
        batch=batch,
        runs=len(every),
        p50_ms=p50_ms,
        p99_ms=float(np.quantile(every, 0.99)),
        least_ms=float(every.min()),
        cpu_ms=statistics.fmean(each["cpu_ms"] for each in rounds),
        pictures_per_s=batch * len(every) / float(every.sum()) * 1e3,
        ratio=(low, middle, high),
        gflop_per_s=None if cost is None else batch * cost.gflop / p50_ms * 1e3,
        gpu_ms=statistics.median(gpu_ms) if gpu_ms else None,
        least_gpu_ms=None if cost is None or card is None else card.least_ms(cost, batch),
    )


def _card(values: dict[str, Any] | None) -> Card | None:
    if values is None:
        return None
    major, minor = values.pop("capability")
    return Card(capability=(major, minor), **values)


class _Worker:
    def __init__(self, process: "subprocess.Popen[str]", label: str) -> None:
        self._process = process
        self._label = label

    def opened(self) -> dict[str, Any]:
        """What it says of an engine that opened before; now others may have taken the memory."""
        said = self.hear()
        if "refused" in said:
            raise EngineError(f"{self._label} cannot be opened again: {said['refused']}")
        return said

    def ask(self, batch: int, seconds: float | None) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([batch, seconds]) + "\n")
        self._process.stdin.flush()
        said = self.hear()
        if "refused" in said:
            raise EngineError(f"{self._label} failed at batch {batch}: {said['refused']}")
        return said

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # A runtime may print on its way.
        for line in self._process.stdout:
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
        raise EngineError(f"{self._label} ended with exit code {self._process.wait()}")


@contextmanager
def _started(candidate: Candidate) -> Iterator[_Worker]:
    command = [sys.executable, "-m", WORKER, candidate.options()]
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, *sys.path)))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            yield _Worker(process, candidate.label)
        finally:
            process.kill()
