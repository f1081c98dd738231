"""Completes the results of killed runs in a process of low priority, while the line inspects."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import InspectorError
from inspector.module_process import start_module
from inspector.recovery import recover

_NICE: Final = 19
_INCOMPLETE: Final = "not all interrupted runs were completed; `line-inspector recover` can do it"


class Completion:
    """Starts the process, unless there is nothing to do. folders: as from find_unfinished()."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self.thread: threading.Thread | None = None
        if not folders:
            return
        logger.info("interrupted runs whose results are being completed: {}", len(folders))
        try:
            process = start_module(
                "inspector.service.completing", stdin=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except InspectorError as exc:
            logger.error("{}: {}", _INCOMPLETE, exc)
            return
        self._process = process
        self.thread = threading.Thread(target=self._log, args=(process, folders), daemon=True)
        self.thread.start()

    @property
    def is_done(self) -> bool:
        return self.thread is None or not self.thread.is_alive()

    def close(self) -> None:
        """Ends the process. The next start of the line completes the rest."""
        self._closed = True
        if self._process is not None and self.thread is not None:
            self._process.kill()
            self.thread.join()

    def _log(self, process: "subprocess.Popen[str]", folders: Sequence[Path]) -> None:
        output, _ = process.communicate(json.dumps([str(folder) for folder in folders]))
        for line in output.splitlines():
            logger.info("{}", line)
        if process.returncode and not self._closed:
            logger.warning(_INCOMPLETE)


def main() -> int:
    """Reads a list of folders in JSON, completes each, and writes what was done. Ends early if the
    line has ended. Returns the exit code: 1 if a folder could not be completed."""
    os.nice(_NICE)
    line, failed = os.getppid(), False
    for folder in map(Path, json.load(sys.stdin)):
        if os.getppid() != line:
            return 1
        try:
            done = recover(folder)
        except (InspectorError, OSError) as exc:
            failed = True
            sys.stdout.write(f"{folder} cannot be completed: {exc}\n")
        else:
            for run, sentences in done.items():
                sys.stdout.write(f"{run} is completed: {'; '.join(sentences)}\n")
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
