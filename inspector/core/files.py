"""Writes files completely or not at all, locks folders, and reads small text files."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from inspector.core.errors import ConfigError, InspectorError, SinkError

try:
    import fcntl
except ModuleNotFoundError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]

MOST_TEXT = 256 * 1024
"""Size limit in bytes for files that people write by hand."""


_LONGEST_LINE = 256 * 1024
"""Of a file to which append_line() appends."""


def read_small(path: Path) -> str:
    """Reads UTF-8 text. Raises OSError, or ValueError if it is not text or above MOST_TEXT."""
    with path.open("rb") as file:
        content = file.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise ValueError(f"it is larger than {MOST_TEXT // 1024} kB")
    return content.decode("utf-8")


def write_whole(
    path: Path,
    content: bytes,
    label: str = "",
    error: type[InspectorError] = SinkError,
    *,
    sync: bool = True,
) -> None:
    """Writes a file completely or not at all, and creates its folder.

    It writes a temporary file beside it and renames that one, so a reader, also after a power cut,
    sees the old file or the new one. label: comes before the path in a message, such as "split ".
    sync: wait until the file is on the disk. False: the file may be missing after a power cut.

    Raises `error` if the disk fails.
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
        raise error(f"{label}{path} cannot be written: {exc.strerror or exc}") from exc


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Creates the folder and locks it against other runs. Raises ConfigError if another run has
    the lock, or if the folder cannot be created."""
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fcntl is not None:  # a system without locks cannot open folders either
                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                lock(descriptor)
        except BlockingIOError as exc:
            raise ConfigError(f"another run is writing to {folder}: wait until it ends") from exc
        except OSError as exc:
            reason = exc.strerror or exc
            raise ConfigError(f"cannot use the output folder {folder}: {reason}") from exc
        yield


def lock(descriptor: int, *, wait: bool = False) -> None:
    """Locks a file or folder against other processes until the descriptor is closed.

    Does nothing on a system without such locks. Raises BlockingIOError if another process has the
    lock and `wait` is False.
    """
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def append_line(path: Path, line: bytes) -> None:
    """Appends a line completely or not at all. Replaces an incomplete line at the end of the file.
    Raises OSError."""
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_LINE))
        tail = file.read()
        end = size - len(tail) + tail.rfind(b"\n") + 1
        file.truncate(end)
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(end)
            raise
