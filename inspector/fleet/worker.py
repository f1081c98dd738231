"""The process of one worker: receives the task once, then one job after the other."""

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from inspector.core.lazy import load_entry
from inspector.core.secrets import mask_secrets
from inspector.fleet.jobs import Job, Outcome, Task, as_portable, do_job

if TYPE_CHECKING:
    from loguru import Message

MOST_LINES: Final = 200
"""Log lines of one job that are sent back."""

INTERRUPTED: Final = 130


class JobRunner:
    """Does the jobs of one worker, and collects their log lines."""

    def __init__(self, task: Task) -> None:
        self._shared = task.shared
        self._function: Callable[[Any, Any], Any] = load_entry(task.function)
        self._lines: list[tuple[str, str]] = []
        logger.remove()
        logger.add(self._collect, level=task.log_level, format="{message}")

    def run(self, job: Job) -> Outcome:
        self._lines.clear()
        outcome = do_job(self._function, self._shared, job)
        if outcome.error is not None:
            outcome = replace(outcome, error=as_portable(outcome.error))
        return replace(outcome, lines=tuple(self._lines))

    def _collect(self, message: "Message") -> None:
        record = message.record
        if record["extra"].get("file_only", False) or len(self._lines) >= MOST_LINES:
            return
        self._lines.append((record["level"].name, mask_secrets(record["message"])))


def _end_with_parent(reader: int) -> None:
    """Ends this process when the process that started it ends. A job then ends as after Ctrl-C."""
    os.read(reader, 1)
    os.kill(os.getpid(), signal.SIGINT)


def main() -> int:
    """Arguments: the descriptors of the channel, and of a pipe that is closed at the end."""
    channel, reader = Connection(int(sys.argv[1])), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, args=(reader,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        runner = JobRunner(channel.recv())
        channel.send(True)
        while True:
            # The protocol is fixed, so that the bytes do not depend on the version of Python.
            channel.send_bytes(pickle.dumps(runner.run(channel.recv()), protocol=5))
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
