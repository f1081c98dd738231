"""Chooses where the jobs run: in a loop, in processes, or on a Ray cluster."""

from collections.abc import Sequence

from inspector.fleet.jobs import Hooks, Job, Outcome, Task, run_in_loop
from inspector.fleet.options import FleetOptions
from inspector.fleet.processes import ProcessWorkers
from inspector.fleet.scheduling import run_on


def run_jobs(
    task: Task,
    jobs: Sequence[Job],
    options: FleetOptions,
    hooks: Hooks | None = None,
    *,
    isolated: bool = False,
) -> list[Outcome]:
    """Runs all jobs and returns their outcomes in the order of the jobs.

    A job whose worker dies is tried once more on another worker. isolated: use a separate process
    also if there is only one worker. Raises EngineError if no worker can start, ConfigError if Ray
    is missing or the cluster does not answer, and what the hooks raise.
    """
    hooks = hooks or Hooks()
    if not jobs or (options.is_loop and not isolated):
        return run_in_loop(task, jobs, hooks)
    if options.ray is None:
        count = min(options.workers, len(jobs))
        with ProcessWorkers(task, count) as workers:
            return run_on(workers, jobs, hooks)
    # Ray is an extra: it is loaded only for those who ask for it.
    from inspector.fleet.ray_workers import RayWorkers

    with RayWorkers(task, options, len(jobs)) as cluster:
        return run_on(cluster, jobs, hooks)
