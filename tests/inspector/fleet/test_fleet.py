"""Tests the contract of jobs: order, errors, dead workers and signals, on all kinds of workers."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from inspector.core.errors import ConfigError, DataError, EngineError, InspectorError
from inspector.fleet.jobs import Hooks, Job, Outcome, Task, WorkerError
from inspector.fleet.options import FleetOptions
from inspector.fleet.running import run_jobs
from inspector.fleet.scheduling import cpu_share

LOOP, POOL = FleetOptions(), FleetOptions(workers=2)
RAY = FleetOptions(workers=2, ray="auto")
with_ray = pytest.param(RAY, marks=pytest.mark.ray, id="ray")
all_kinds = pytest.mark.parametrize(
    "options", [pytest.param(LOOP, id="loop"), pytest.param(POOL, id="processes"), with_ray]
)
all_workers = pytest.mark.parametrize("options", [pytest.param(POOL, id="processes"), with_ray])


def run(name: str, shared: object, count: int, options: FleetOptions, **more) -> list[Outcome]:
    jobs = [Job(f"job {number}", number) for number in range(count)]
    return run_jobs(Task(f"fleet_jobs:{name}", shared), jobs, options, **more)


@pytest.fixture
def messages():
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    yield lines
    logger.remove(handler)


@all_kinds
def test_results_come_in_the_order_of_the_jobs(options):
    started: list[str] = []
    ended: list[str] = []
    hooks = Hooks(lambda job: started.append(job.key), lambda outcome: ended.append(outcome.key))
    outcomes = run("multiply", 3, 6, options, hooks=hooks)
    assert [outcome.value[0] for outcome in outcomes] == [0, 3, 6, 9, 12, 15]
    assert [outcome.key for outcome in outcomes] == started
    assert sorted(ended) == started
    processes = {outcome.value[1] for outcome in outcomes}
    assert (processes == {os.getpid()}) == options.is_loop
    assert len(processes) <= options.workers


@all_kinds
def test_an_error_is_named_and_the_other_jobs_finish(options):
    outcomes = run("refuse_odd", None, 4, options)
    assert [outcome.value for outcome in outcomes] == [0, None, 2, None]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["1 is odd", "3 is odd"]
    assert isinstance(outcomes[1].error, DataError)


def test_errors_with_several_arguments_arrive():
    errors = [outcome.error for outcome in run("raise_stage_error", None, 2, POOL)]
    assert [type(error) for error in errors] == [InspectorError, InspectorError]
    assert [str(error) for error in errors] == [
        "stage infer failed at frame 1: ValueError: x",
        "a bad frame",
    ]


@all_workers
def test_log_lines_of_workers_name_their_job(options, messages):
    run("log_number", None, 2, options)
    assert sorted(messages) == ["job 0: number 0", "job 1: number 1"]


@all_workers
def test_a_job_whose_worker_was_killed_is_tried_again(options, tmp_path, messages):
    outcomes = run("kill_at_first", tmp_path, 5, options)
    assert [outcome.value for outcome in outcomes] == [0, 1, 2, 3, 4]
    (line,) = messages
    assert line.startswith("job 1: its worker ")
    assert line.endswith("; another worker tries again")


@all_workers
def test_a_job_that_kills_two_workers_is_named_and_the_others_finish(options):
    outcomes = run("always_kill", None, 4, options)
    assert [outcome.value for outcome in outcomes] == [0, None, 2, 3]
    error = outcomes[1].error
    assert isinstance(error, WorkerError)
    assert error.exit_code == 1
    assert "attempt 2" in str(error)
    if options is POOL:
        assert str(error) == "its worker was killed by SIGKILL, attempt 2"


@all_workers
def test_a_bug_in_a_job_is_named(options):
    outcomes = run("divide", None, 3, options)
    assert [outcome.value for outcome in outcomes] == [None, 1.0, 0.5]
    assert "ZeroDivisionError: division by zero" in str(outcomes[0].error)


def test_a_bug_in_a_loop_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run("divide", None, 2, LOOP)


def test_workers_that_cannot_start_are_one_error():
    with pytest.raises(EngineError, match=r"cannot start: .*ModuleNotFoundError"):
        run_jobs(Task("no_such_module:f", None), [Job("a", 1)], POOL)


def test_ray_without_its_package_is_one_sentence():
    if importlib.util.find_spec("ray") is not None:
        pytest.skip("ray is installed")
    with pytest.raises(ConfigError, match=r"pip install 'line-inspector\[fleet\]'"):
        run("multiply", 1, 2, RAY)


@pytest.mark.ray
def test_a_cluster_that_does_not_answer_is_one_sentence():
    with pytest.raises(ConfigError, match="--ray nowhere: the cluster does not answer"):
        run("multiply", 1, 2, FleetOptions(ray="nowhere"))


def test_an_error_of_a_hook_ends_the_workers():
    pids: list[int] = []

    def stop(outcome: Outcome) -> None:
        pids.append(outcome.value[1])
        raise DataError("no space")

    with pytest.raises(DataError, match="no space"):
        run("multiply", 3, 4, POOL, hooks=Hooks(on_outcome=stop))
    assert pids
    assert not any(map(is_running, pids))


def started_in(folder: Path, count: int) -> list[int]:
    """The process ids of the workers, when all have begun."""
    for _ in range(600):
        pids = [int(p.suffix[1:]) for p in folder.iterdir() if p.suffix[1:].isdigit()]
        if len(pids) == count:
            return pids
        time.sleep(0.05)
    raise AssertionError("the workers did not begin")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_ended(pids: list[int]) -> None:
    for _ in range(200):
        if not any(map(is_running, pids)):
            return
        time.sleep(0.05)
    raise AssertionError("the workers still run")


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also if the tests run in the background of a shell, where it
    is ignored. Workers inherit this."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@all_workers
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_all_workers(options, tmp_path):
    pids: list[int] = []

    def interrupt() -> None:
        pids.extend(started_in(tmp_path, 2))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run("wait_long", tmp_path, 4, options)
    thread.join()
    wait_until_ended(pids)
    if options is POOL:
        assert sorted(path.name for path in tmp_path.glob("*.ended")) == ["0.ended", "1.ended"]


@pytest.mark.usefixtures("ctrl_c")
def test_a_signal_while_the_workers_start_starts_no_job(tmp_path):
    signals: list[int] = []
    hooks = Hooks(on_start=lambda job: signals.append(signal.SIGINT), signals=signals)
    task = Task("fleet_slow_import:wait_long", tmp_path)
    outcomes = run_jobs(task, [Job(f"job {n}", n) for n in range(3)], POOL, hooks)
    assert [outcome.not_started for outcome in outcomes] == [True] * 3


def test_a_worker_that_dies_while_it_answers_is_replaced(tmp_path):
    outcomes = run("die_while_answering", tmp_path, 2, POOL)
    assert [outcome.value for outcome in outcomes] == [0, 1]


def test_every_worker_fits_on_a_machine_of_the_cluster():
    assert cpu_share([4, 4, 4], 2) == 4
    assert cpu_share([4, 4], 1) == 4
    assert cpu_share([4, 4, 4], 4) == 2
    assert cpu_share([2, 8], 3) == 2
    assert cpu_share([2], 3) == 0.6666
    assert cpu_share([1, 1], 3) == 0.5


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    code = f"""
from collections.abc import Iterator
from pathlib import Path
from inspector.fleet.jobs import Job, Task
from inspector.fleet.options import FleetOptions
from inspector.fleet.running import run_jobs
task = Task("fleet_jobs:wait_long", Path({str(tmp_path)!r}))
run_jobs(task, [Job("a", 0), Job("b", 1)], FleetOptions(workers=2))
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    pids = started_in(tmp_path, 2)
    parent.kill()
    parent.wait()
    wait_until_ended(pids)


@all_workers
def test_a_signal_goes_to_the_workers_and_no_further_job_starts(options, tmp_path):
    signals: list[int] = []

    def stop() -> None:
        started_in(tmp_path, 2)
        signals.append(signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    outcomes = run("end_at_signal", tmp_path, 4, options, hooks=Hooks(signals=signals))
    thread.join()
    expected = f"ended by [{int(signal.SIGTERM)}]"
    assert [outcome.value for outcome in outcomes] == [expected, expected, None, None]
    assert [outcome.not_started for outcome in outcomes] == [False, False, True, True]


@pytest.mark.parametrize("workers", [2, 3])
def test_engines_share_the_cores_and_the_algebra_of_numpy_has_as_many_threads_as_in_a_loop(
    workers, monkeypatch
):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr("inspector.core.threads.usable_cores", lambda: 4)
    monkeypatch.setattr("inspector.fleet.processes.usable_cores", lambda: 4)
    outcomes = run("threads_of_worker", None, workers, FleetOptions(workers=workers))
    share = {2: "2", 3: "1"}[workers]
    assert {outcome.value for outcome in outcomes} == {(share, "4")}


def test_threads_that_the_user_set_do_not_change(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    (outcome,) = run("threads_of_worker", None, 1, LOOP, isolated=True)
    assert outcome.value[1] == "7"
