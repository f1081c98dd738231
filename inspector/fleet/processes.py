"""Workers that are processes of this machine. Each process does one job after the other."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO, Final, Self

from inspector.core.errors import EngineError
from inspector.core.threads import usable_cores, worker_variables
from inspector.fleet.jobs import Job, Outcome, Task
from inspector.fleet.scheduling import Loss
from inspector.module_process import module_path

END_S: Final = 5.0
"""Seconds in which a worker may end before it is killed."""

_LAST_BYTES: Final = 2000


@dataclass(slots=True)
class _Worker:
    """channel: to the process. alive: the process ends when this pipe is closed. errors: what the
    process writes to stdout and stderr. index: of its job; None if it is free."""

    process: "subprocess.Popen[bytes]"
    channel: Connection
    alive: int
    errors: IO[bytes]
    index: int | None = None
    ready: bool = False

    def close(self) -> None:
        self.channel.close()
        os.close(self.alive)
        self.errors.close()


class ProcessWorkers:
    """Starts a process when a job needs it, and ends all processes at the end of the `with`.

    Ctrl-C reaches only this process, because the workers are in sessions of their own. This process
    ends them.
    """

    def __init__(self, task: Task, count: int) -> None:
        self._task, self._count = task, count
        self._environment = os.environ | worker_variables(usable_cores(), count)
        self._environment["PYTHONPATH"] = module_path()
        self._workers: list[_Worker] = []
        self._signalled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            if worker.index is not None:
                worker.process.send_signal(signal.SIGINT)
            worker.channel.close()
        end_s = time.monotonic() + END_S
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, end_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            # Only now, because it sends a second signal, which would interrupt the end of the job.
            os.close(worker.alive)
            worker.errors.close()

    @property
    def free(self) -> int:
        return self._count - sum(worker.index is not None for worker in self._workers)

    def begin(self, index: int, job: Job) -> None:
        worker = next((w for w in self._workers if w.index is None), None)
        if worker is None:
            worker = self._start()
            self._workers.append(worker)
        worker.index = index
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # see wait()
            worker.channel.send(job)

    def wait(self, timeout_s: float) -> list[tuple[int, Outcome | Loss]]:
        busy = {w.channel: w for w in self._workers if w.index is not None}
        ready = wait(list(busy), timeout_s)
        ended: list[tuple[int, Outcome | Loss]] = []
        for channel in ready:
            worker = busy[channel]  # type: ignore[index]
            index = worker.index
            assert index is not None
            try:
                message = worker.channel.recv()
            except (EOFError, OSError):  # also in the middle of a message
                ended.append((index, self._remove(worker)))
                continue
            if isinstance(message, Outcome):
                worker.index = None
                ended.append((index, message))
            else:
                worker.ready = True
        return ended

    def send_signal(self, number: int) -> None:
        self._signalled = True
        for worker in self._workers:
            if worker.index is not None:
                worker.process.send_signal(number)

    def _start(self) -> _Worker:
        here, there = Pipe()
        reader, writer = os.pipe()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (its worker closes it)
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "inspector.fleet.worker"),
                *(str(there.fileno()), str(reader)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env=self._environment,
            pass_fds=(there.fileno(), reader),
            start_new_session=True,
        )
        there.close()
        os.close(reader)
        worker = _Worker(process, here, writer, errors)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # see wait()
            here.send(self._task)
        return worker

    def _remove(self, worker: _Worker) -> Loss:
        """Removes a worker that died. Raises EngineError if it cannot start, unless send_signal()
        ended it."""
        code = worker.process.wait()
        last = _read_last_line(worker.errors)
        self._workers.remove(worker)
        worker.close()
        reason = f"its worker ended with code {code}"
        if code < 0:
            reason = f"its worker was killed by {signal.Signals(-code).name}"
        reason += f" ({last})" if last else ""
        if not worker.ready and code != -signal.SIGKILL and not self._signalled:
            raise EngineError(f"a worker process cannot start: {reason}")
        return Loss(reason, started=worker.ready)


def _read_last_line(file: IO[bytes]) -> str:
    """The last line of a traceback names the error; empty if nothing was written."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LAST_BYTES))
    lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
