"""Workers that are actors of a Ray cluster."""

import os
import signal
import threading
from dataclasses import dataclass
from typing import Any, Final, Self

from inspector.core.errors import ConfigError
from inspector.core.threads import usable_cores, worker_variables
from inspector.fleet.jobs import Job, Outcome, Task
from inspector.fleet.options import LOCAL, FleetOptions
from inspector.fleet.scheduling import Loss, cpu_share
from inspector.fleet.worker import JobRunner
from inspector.module_process import module_path

try:
    import ray
    import ray.exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError as exc:
    raise ConfigError(
        "--ray needs the package ray: pip install 'line-inspector[fleet]', also on each machine of "
        "the cluster"
    ) from exc

PLACE_S: Final = 5.0
"""Seconds in which a worker that is asked to end must have a place in the cluster."""


class _Actor:
    """Runs in a process of the cluster."""

    def __init__(self, task: Task, folder: str) -> None:
        # Relative paths mean the same files as on the machine of the caller.
        os.chdir(folder)
        self._runner = JobRunner(task)

    def place(self) -> tuple[str, int]:
        """The node and the process id."""
        return ray.get_runtime_context().get_node_id(), os.getpid()

    def run(self, job: Job) -> Outcome:
        return self._runner.run(job)


def _send(pid: int, number: int) -> None:
    os.kill(pid, number)


@dataclass(slots=True)
class _Worker:
    """actor and pending are handles of Ray. place: handle of the node and the process id. index: of
    the job; None if the worker is free."""

    actor: Any
    place: Any
    index: int | None = None
    pending: Any = None


class RayWorkers:
    """Connects to a cluster, or starts Ray on this machine, and ends its actors at the end.

    The task is sent once to each machine. All machines must see the input files and the folder of
    the results under the same paths. Raises ConfigError if the cluster does not answer.
    """

    def __init__(self, task: Task, options: FleetOptions, jobs: int) -> None:
        _connect(options)
        alive = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
        nodes = [cpus for cpus in alive if cpus] or [1.0]
        cores = max(1, int(sum(nodes)))
        # Without --workers a cluster is used completely.
        local = options.ray == LOCAL or options.workers > 1
        self._count = min(options.workers if local else cores, jobs)
        share = cpu_share(nodes, self._count)
        variables = worker_variables(max(1, int(share)) * self._count, self._count)
        self._class = ray.remote(_Actor).options(
            num_cpus=share,
            max_restarts=0,
            runtime_env={"env_vars": variables | {"PYTHONPATH": module_path()}},
        )
        self._task = ray.put(task)
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            ray.kill(worker.actor)
        ray.shutdown()

    @property
    def free(self) -> int:
        return self._count - sum(worker.index is not None for worker in self._workers)

    def begin(self, index: int, job: Job) -> None:
        worker = next((w for w in self._workers if w.index is None), None)
        if worker is None:
            actor = self._class.remote(self._task, os.getcwd())
            worker = _Worker(actor, actor.place.remote())
            self._workers.append(worker)
        worker.index, worker.pending = index, worker.actor.run.remote(job)

    def wait(self, timeout_s: float) -> list[tuple[int, Outcome | Loss]]:
        busy = {w.pending: w for w in self._workers if w.index is not None}
        ready, _ = ray.wait(list(busy), num_returns=1, timeout=timeout_s)
        ended: list[tuple[int, Outcome | Loss]] = []
        for pending in ready:
            worker = busy[pending]
            index, worker.index = worker.index, None
            assert index is not None
            try:
                ended.append((index, ray.get(pending)))
            except ray.exceptions.RayError as exc:
                self._workers.remove(worker)
                ray.kill(worker.actor)
                ended.append((index, Loss(_describe(exc))))
        return ended

    def send_signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.index is not None:
                try:
                    node, pid = ray.get(worker.place, timeout=PLACE_S)
                except ray.exceptions.GetTimeoutError:  # the cluster has no room for it
                    ray.kill(worker.actor)
                    continue
                strategy = NodeAffinitySchedulingStrategy(node, soft=False)
                send = ray.remote(_send).options(num_cpus=0, scheduling_strategy=strategy)
                ray.get(send.remote(pid, number))


def _connect(options: FleetOptions) -> None:
    """Raises ConfigError."""
    # Ray reports its use over the network unless this is set.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = signal.getsignal(signal.SIGTERM)
    local = {"num_cpus": max(options.workers, usable_cores())} if options.ray == LOCAL else {}
    try:
        ray.init(
            address=options.ray,
            include_dashboard=False if local else None,
            log_to_driver=False,
            configure_logging=False,
            **local,
        )
    except (ConnectionError, TimeoutError, ValueError, RuntimeError) as exc:
        raise ConfigError(f"--ray {options.ray}: the cluster does not answer: {exc}") from exc
    finally:
        # Ray replaces this handler, if it runs on the main thread.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _describe(error: Exception) -> str:
    """The end of a sentence about a worker that died."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return f"its worker failed ({type(error.cause).__name__}: {error.cause})"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"its worker died ({lines[0]})" if lines else "its worker died"
