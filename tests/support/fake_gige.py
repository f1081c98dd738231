"""Simulated GigE Vision cameras of Aravis, each a process on an address of this machine."""

import contextlib
import fcntl
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_for

PROGRAM = "arv-fake-gv-camera-0.8"
LOOPBACK = "127.0.0.1"
CONTROL_PORT = 3956

_LOCK = Path(tempfile.gettempdir()) / "line-inspector-fake-gige.lock"


class FakeGige:
    """A simulated camera. lost: packets of a thousand that it does not send."""

    def __init__(self, address: str = LOOPBACK, serial: str = "GV01", lost: int = 0) -> None:
        self.uri = f"genicam:{address}"
        self._address = address
        self._command = [PROGRAM, "-i", address, "-s", serial, "-r", str(lost)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: not _is_free(self._address))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def fake_gige(*cameras: FakeGige) -> Iterator[None]:
    """Runs cameras. The port of the cameras is fixed, so only one test at a time can have some."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is missing (Debian: apt-get install aravis-tools)")
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for camera in cameras:
                camera.start()
            yield
        finally:
            for camera in cameras:
                camera.kill()


def other_address() -> str:
    """An address of this machine besides the loopback; skips without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        try:
            place.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network address besides the loopback")
        return str(place.getsockname()[0])


def _is_free(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        try:
            place.bind((address, CONTROL_PORT))
        except OSError:
            return False
        return True
