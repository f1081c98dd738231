"""Times engines on the installed runtimes, in turns, each in a separate process.

The processes run evaluation.runtime_worker. Only one of them works at a time.
"""

import dataclasses
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
from engines.backends.choosing import CPUS, GPUS
from engines.cost import Cost
from engines.opening import BACKENDS, TAKES_HINT
from evaluation.latency import order_of_turn
from inspector.core.errors import EngineError
from inspector.module_process import module_path

ROUNDS: Final = 20
"""Turns of every runtime. The number is even, so that each is first as often as last."""

OPENINGS: Final = 3
"""Processes that open each engine, to time the first frame; the last one also times inference."""

WORKER: Final = "evaluation.runtime_worker"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine file and the options of open_engine for it."""

    engine: Path
    backend: str
    device: str
    hint: str
    threads: int
    plan_dir: str | None = None

    @property
    def runtime(self) -> str:
        name = f"{self.backend} on {self.device}"
        return name if self.hint == "latency" else f"{name}, {self.hint}"

    @property
    def label(self) -> str:
        return f"{self.engine.stem}: {self.runtime}"

    def to_json(self) -> str:
        """The argument of the worker."""
        return json.dumps(dataclasses.asdict(self) | {"engine": str(self.engine)})


@dataclass(frozen=True, slots=True)
class Timing:
    """One candidate at one batch size. Milliseconds are for a whole batch.

    runs: number of timed inferences. cpu_ms: mean CPU time of all cores.
    ratio: lower quartile, median and upper quartile over rounds of the candidate's median divided
    by the first candidate's median in the same round.
    gpu_ms: median on the GPU's clock, without copies. least_gpu_ms: lower limit of the card, see
    engines.backends.card. Both are None without a GPU, or if they are unknown.
    """

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
class MeasuredCandidate:
    """A candidate that could be opened.

    checked: whether it was compared with golden pictures of its file. first_frame_ms: time from
    the start to the first result, with the import of the runtime; one value per opening.
    peak_mb: largest resident memory; None if the system does not report it. gpu_mb: memory on the
    GPU. cost: None if it cannot be counted.
    """

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
class UnavailableCandidate:
    """A candidate that could not be opened."""

    candidate: Candidate
    reason: str


def list_candidates(
    engines: Sequence[Path],
    *,
    backend: str | None,
    devices: Sequence[str] | None,
    throughput: bool,
    threads: int,
    plan_dir: str | None = None,
) -> list[Candidate]:
    """All runtimes for each engine, CPUs first.

    backend, devices: only these; None: all. throughput: also with the throughput hint. plan_dir:
    folder of TensorRT plans; None: in the user's cache.
    """
    candidates = []
    for engine in engines:
        for choice in (*CPUS, *GPUS):
            if choice.backend not in BACKENDS or choice.backend == "fake":
                continue
            if backend not in (None, choice.backend):
                continue
            if devices and choice.device not in devices:
                continue
            hints = ["latency"]
            if throughput and choice.backend in TAKES_HINT:
                hints.append("throughput")
            for hint in hints:
                candidates.append(
                    Candidate(engine, choice.backend, choice.device, hint, threads, plan_dir)
                )
    return candidates


def time_runtimes(
    candidates: Sequence[Candidate],
    batches: Sequence[int],
    seconds: float,
    costs: Mapping[Path, Cost],
) -> tuple[list[MeasuredCandidate], list[UnavailableCandidate]]:
    """Times each candidate at each batch size for `seconds`.

    costs: engine file -> its cost. Raises EngineError if a candidate fails after it was opened
    once.
    """
    measured: list[MeasuredCandidate] = []
    unavailable: list[UnavailableCandidate] = []
    for candidate in candidates:
        with _start_worker(candidate) as worker:
            answer = worker.read_answer()
        if "refused" in answer:
            unavailable.append(UnavailableCandidate(candidate, answer["refused"]))
            continue
        measured.append(
            MeasuredCandidate(
                candidate=candidate,
                running_on=answer["running_on"],
                precision=answer["precision"],
                checked=answer["checked"],
                first_frame_ms=[answer["first_frame_ms"]],
                cost=costs.get(candidate.engine),
                card=_card(answer["card"]),
            )
        )
    for _ in range(OPENINGS - 2):
        for each in measured:
            with _start_worker(each.candidate) as worker:
                each.first_frame_ms.append(worker.wait_until_open()["first_frame_ms"])
    with ExitStack() as stack:
        workers = []
        for each in measured:
            workers.append(stack.enter_context(_start_worker(each.candidate)))
            each.first_frame_ms.append(workers[-1].wait_until_open()["first_frame_ms"])
        for batch in batches:
            _time_batch(workers, measured, batch, seconds)
    return measured, unavailable


def _time_batch(
    workers: Sequence["_Worker"], measured: Sequence[MeasuredCandidate], batch: int, seconds: float
) -> None:
    """Adds a Timing to each of `measured`."""
    rounds: list[list[dict[str, Any]]] = [[] for _ in workers]
    for turn in range(ROUNDS):
        for index in order_of_turn(turn, len(workers)):
            rounds[index].append(workers[index].time(batch, seconds / ROUNDS))
    for each, answers, worker in zip(measured, rounds, workers, strict=True):
        each.peak_mb, each.gpu_mb = answers[-1]["peak_mb"], answers[-1]["gpu_mb"]
        gpu_ms = worker.time(batch, None)["device_ms"]
        each.timings.append(_timing(each, batch, answers, rounds[0], gpu_ms))


def _timing(
    measured: MeasuredCandidate,
    batch: int,
    rounds: list[dict[str, Any]],
    first_rounds: list[dict[str, Any]],
    gpu_ms: list[float],
) -> Timing:
    """first_rounds: of the first candidate."""
    all_ms = np.concatenate([answer["ms"] for answer in rounds])
    ratios = [
        statistics.median(answer["ms"]) / statistics.median(first["ms"])
        for answer, first in zip(rounds, first_rounds, strict=True)
    ]
    low, middle, high = map(float, np.quantile(ratios, (0.25, 0.5, 0.75)))
    cost, card, p50_ms = measured.cost, measured.card, float(np.median(all_ms))
    return Timing(
        batch=batch,
        runs=len(all_ms),
        p50_ms=p50_ms,
        p99_ms=float(np.quantile(all_ms, 0.99)),
        least_ms=float(all_ms.min()),
        cpu_ms=statistics.fmean(answer["cpu_ms"] for answer in rounds),
        pictures_per_s=batch * len(all_ms) / float(all_ms.sum()) * 1e3,
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
    """A process that runs evaluation.runtime_worker. label: of its candidate."""

    def __init__(self, process: "subprocess.Popen[str]", label: str) -> None:
        self._process = process
        self._label = label

    def wait_until_open(self) -> dict[str, Any]:
        """For an engine that was opened before. It can still fail, if others use the memory now."""
        answer = self.read_answer()
        if "refused" in answer:
            raise EngineError(f"{self._label} cannot be opened again: {answer['refused']}")
        return answer

    def time(self, batch: int, seconds: float | None) -> dict[str, Any]:
        """seconds: None for the GPU's clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([batch, seconds]) + "\n")
        self._process.stdin.flush()
        answer = self.read_answer()
        if "refused" in answer:
            raise EngineError(f"{self._label} failed at batch {batch}: {answer['refused']}")
        return answer

    def read_answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # A runtime can print lines of its choice between the answers.
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise EngineError(f"{self._label} ended with exit code {self._process.wait()}")


@contextmanager
def _start_worker(candidate: Candidate) -> Iterator[_Worker]:
    command = [sys.executable, "-m", WORKER, candidate.to_json()]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": module_path()},
    ) as process:
        try:
            yield _Worker(process, candidate.label)
        finally:
            process.kill()
