"""Runs a line as a child process, watches its resources, and sends requests to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from inspector.outputs.folder import LOG

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
CONFIG: Final = "line.yaml"
_START_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Resources of the process at a time. time_s: monotonic. cpu_s: user and system. files: open
    file handles."""

    time_s: float
    memory_mb: float
    files: int
    threads: int
    cpu_s: float


class RunningLine:
    """A line in its own process. Its messages are in FOLDER/line.log and FOLDER/screen.txt.

    values: the configuration, which is written to FOLDER/line.yaml. readings: one for every
    interval_s.
    """

    def __init__(self, folder: Path, values: Mapping[str, Any], interval_s: float = 2.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / CONFIG
        config.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
        argv = [sys.executable, str(ROOT / "run_inspector.py"), "--config", str(config)]
        with (folder / "screen.txt").open("ab") as screen:
            self.process = subprocess.Popen(argv, stdout=screen, stderr=screen)
        self.readings: list[Reading] = []
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(interval_s,), daemon=True)
        self._watcher.start()

    def wait_for_first_frame(self, runs: Path, old: frozenset[Path] = frozenset()) -> None:
        """Waits until each log below `runs` that is not old has a frame. Raises SystemExit."""
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                raise SystemExit(f"the line ended with exit code {self.process.returncode}")
            logs = find_logs(runs) - old
            if logs and all(b'"type":"measured"' in log.read_bytes() for log in logs):
                return
            time.sleep(0.05)
        raise SystemExit("the line wrote no frame")

    def stop(self) -> int:
        """Stops the line like a service manager. Returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end of the line. Returns its exit code."""
        code = self.process.wait(_START_S)
        self._ended.set()
        self._watcher.join()
        return code

    def kill(self) -> None:
        """kill -9."""
        self._ended.set()
        self._watcher.join()
        self.process.kill()
        self.process.wait()

    def _watch(self, interval_s: float) -> None:
        while not self._ended.is_set() and self.process.poll() is None:
            reading = read_process(self.process.pid)
            if reading is not None:
                self.readings.append(reading)
            self._ended.wait(interval_s)


def read_process(pid: int) -> Reading | None:
    """None if the process has just ended."""
    place = Path("/proc", str(pid))
    try:
        memory = int((place / "statm").read_text().split()[1]) * PAGE / 1e6
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        files = len(os.listdir(place / "fd"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) * TICK_S
    return Reading(time.monotonic(), memory, files, int(fields[17]), cpu_s)


def find_logs(runs: Path) -> frozenset[Path]:
    return frozenset(runs.rglob(LOG))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
