"""Jobs that are independent of each other, and the function that runs them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inspector.core.errors import FrameError, InspectorError, StageError
from inspector.core.lazy import load_entry


@dataclass(frozen=True, slots=True)
class Task:
    """What all jobs have in common.

    function: "module:name" of a function, called as function(shared, payload) for each job. It
    raises InspectorError if the job fails. Any other exception ends the worker. shared: picklable;
    it is sent once to each worker. log_level: of the log lines that are shown after the job.
    """

    function: str
    shared: Any
    log_level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Job:
    """key: names the job in messages. payload: picklable."""

    key: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. value: what the function returned; None after an error. lines: level and
    text of the log lines of a worker. not_started: a signal came before the job."""

    key: str
    value: Any = None
    error: InspectorError | None = None
    lines: tuple[tuple[str, str], ...] = ()
    not_started: bool = False


class WorkerError(InspectorError, RuntimeError):
    """A job whose worker was killed or crashed, and whose second worker was, too."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that are called in the process of the caller.

    on_start: before each job, also before its second attempt. on_outcome: after each job, in the
    order in which the jobs end. signals: numbers of signals that the caller received so far. If
    there are any, no further job starts, and the workers that are busy get the same signals. An
    exception that is raised here ends all workers.
    """

    on_start: Callable[[Job], None] = lambda job: None
    on_outcome: Callable[[Outcome], None] = lambda outcome: None
    signals: Sequence[int] = ()


def do_job(function: Callable[[Any, Any], Any], shared: Any, job: Job) -> Outcome:
    """Calls the function for one job. An InspectorError becomes part of the outcome."""
    try:
        return Outcome(job.key, function(shared, job.payload))
    except InspectorError as exc:
        return Outcome(job.key, error=exc)


def as_portable(error: InspectorError) -> InspectorError:
    """The error without its cause and its further arguments, so that it can be sent to another
    process."""
    plain = isinstance(error, (StageError, FrameError))
    return InspectorError(str(error)) if plain else type(error)(str(error))


def run_in_loop(task: Task, jobs: Sequence[Job], hooks: Hooks) -> list[Outcome]:
    """Runs the jobs one after the other in this process."""
    function = load_entry(task.function)
    outcomes = []
    for job in jobs:
        hooks.on_start(job)
        outcomes.append(do_job(function, task.shared, job))
        hooks.on_outcome(outcomes[-1])
    return outcomes
