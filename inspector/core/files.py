"""Files written whole or not at all, folders written by one run, and small files read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from inspector.core.errors import ConfigError, InspectorError, SinkError

try:
    import fcntl
except ModuleNotFoundError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]

MOST_TEXT = 256 * 1024
"""Bytes of a file that people write by hand."""


def read_small(path: Path) -> str:
    """UTF-8 text. Raises OSError, or ValueError where it is no text or above MOST_TEXT."""
    with path.open("rb") as file:
        content = file.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise ValueError(f"it is larger than {MOST_TEXT // 1024} kB")
    return content.decode("utf-8")


def write_whole(
    path: Path,
    content: bytes,
    what: str = "",
    error: type[InspectorError] = SinkError,
    *,
    sync: bool = True,
) -> None:
    """Writes beside and moves into place, so that readers and power cuts see the old file or the
    new one; makes the folder. what: put before the path in a message, as in "split ". sync: wait
    until the disk has it; False for files that may be missing after a power cut.

    Raises `error` where the disk fails.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise error(f"{what}{path} cannot be written: {exc.strerror or exc}") from exc


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other runs out of it. Raises ConfigError where one is writing to
    it, and where it cannot be made."""
    with contextlib.ExitStack() as opened:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fcntl is not None:  # where there is no lock, folders cannot be opened either
                descriptor = os.open(folder, os.O_RDONLY)
                opened.callback(os.close, descriptor)
                lock(descriptor)
        except BlockingIOError as exc:
            raise ConfigError(f"another run is writing to {folder}") from exc
        except OSError as exc:
            reason = exc.strerror or exc
            raise ConfigError(f"cannot use the output folder {folder}: {reason}") from exc
        yield


def lock(descriptor: int, *, wait: bool = False) -> None:
    """Keeps other processes from locking the same file or folder until the descriptor is closed,
    where the system has such locks. Raises BlockingIOError where another one has it."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
