"""Gives jobs to workers, and a job of a worker that died to another worker."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from loguru import logger

from inspector.fleet.jobs import Hooks, Job, Outcome, WorkerError

ATTEMPTS: Final = 2
"""How often a job is tried whose worker dies."""

POLL_S: Final = 0.1
"""Seconds after which signals are looked at."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The worker of a job died. reason: how, as the end of a sentence. started: whether the job may
    have begun."""

    reason: str
    started: bool = True


class Workers(Protocol):
    """Workers that each do one job at a time. A job is named by its index."""

    @property
    def free(self) -> int:
        """How many further jobs may start now."""

    def begin(self, index: int, job: Job) -> None:
        """Starts a job on a free worker."""

    def wait(self, timeout_s: float) -> list[tuple[int, Outcome | Loss]]:
        """Jobs that ended, each with its index; none after the timeout."""

    def send_signal(self, number: int) -> None:
        """Sends a signal to all workers that are busy."""


def run_on(workers: Workers, jobs: Sequence[Job], hooks: Hooks) -> list[Outcome]:
    """Runs the jobs and returns their outcomes in the order of the jobs."""
    waiting = deque(range(len(jobs)))
    running: set[int] = set()
    attempts = [0] * len(jobs)
    outcomes: dict[int, Outcome] = {}
    forwarded = 0
    while waiting or running:
        for number in hooks.signals[forwarded:]:
            forwarded += 1
            waiting.clear()
            workers.send_signal(number)
        while waiting and workers.free:
            index = waiting.popleft()
            hooks.on_start(jobs[index])
            attempts[index] += 1
            workers.begin(index, jobs[index])
            running.add(index)
        for index, result in workers.wait(POLL_S):
            running.remove(index)
            if isinstance(result, Loss) and not forwarded and attempts[index] < ATTEMPTS:
                text = "{}: {}; another worker tries again"
                logger.warning(text, jobs[index].key, result.reason)
                waiting.appendleft(index)
                continue
            if isinstance(result, Loss) and forwarded and not result.started:
                continue
            if isinstance(result, Loss):
                error = WorkerError(f"{result.reason}, attempt {attempts[index]}")
                result = Outcome(jobs[index].key, error=error)
            for level, line in result.lines:
                logger.log(level, "{}: {}", jobs[index].key, line)
            outcomes[index] = result
            hooks.on_outcome(result)
    missing = (Outcome(job.key, not_started=True) for job in jobs)
    return [outcomes.get(index, outcome) for index, outcome in enumerate(missing)]


def cpu_share(nodes: Sequence[float], workers: int) -> float:
    """The most CPUs per worker with which all workers find a place. nodes: CPUs of each node. A
    worker must fit on one node. Ray takes whole numbers above 1, and four decimals below."""
    shares = sorted({cpus / k for cpus in nodes for k in range(1, workers + 1)})
    share = next(s for s in shares[::-1] if sum(int(c / s + 1e-9) for c in nodes) >= workers)
    return float(int(share)) if share >= 1 else math.floor(share * 1e4) / 1e4
