"""Downloads a file over HTTP, continues an interrupted download, and checks the hash."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import BinaryIO, Final

from inspector.core.errors import DataError, SinkError, SourceError
from inspector.core.file_hash import FileHash, FileState, hash_file
from inspector.core.secrets import mask_uri
from inspector.sources.http_body import HttpBody, Retry
from inspector.sources.http_client import HttpClient, OutOfRange

OPEN_TIMEOUT_S: Final = 30.0
READ_TIMEOUT_S: Final = 60.0
RETRY: Final = Retry(give_up_s=120.0, first_delay_s=1.0)
MEGABYTE: Final = 10**6
_PIECE: Final = 1 << 20

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much more is done, and the total (0: not known)."""


def no_progress(step: str, done: int, total: int) -> None:
    """Shows nothing."""


def fetch_file(
    url: str,
    path: Path,
    *,
    sha256: str = "",
    room: int = 1,
    progress: Progress = no_progress,
    retry: Retry = RETRY,
) -> FileState:
    """Downloads a file completely, or leaves its beginning in `path`.part, where the next call
    continues. A file that is there already and has the hash is not downloaded again.

    url: http or https. sha256: the expected hash or its first digits; empty accepts any. room: the
    disk must have room for this many times the file. progress: counts megabytes.

    Raises SourceError if the server fails, DataError for another hash, and SinkError if the disk is
    full or fails.
    """
    part = path.with_name(path.name + ".part")
    try:
        if not url.startswith(("http://", "https://")):
            raise SourceError("the address must begin with http:// or https://")
        if path.is_file() and (state := hash_file(path)).sha256.startswith(sha256.lower()):
            return state
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("a+b") as file:
            try:
                state = _continue(url, file, part, room, progress, retry)
            except OutOfRange:  # the part is longer than the file, so it is from another version
                file.truncate(0)
                state = _continue(url, file, part, room, progress, retry)
            file.flush()
            os.fsync(file.fileno())
        if not state.sha256.startswith(sha256.lower()):
            part.unlink()
            raise DataError(
                f"{mask_uri(url)} has the sha256 {state.sha256}, not {sha256}: the file changed on "
                "the server or was damaged on the way. It was deleted; download it again"
            )
        part.replace(path)
    except SourceError as exc:
        raise type(exc)(f"{mask_uri(url)} cannot be downloaded: {exc}") from exc
    except (SinkError, DataError):
        raise
    except OSError as exc:
        raise SinkError(
            f"{part} cannot be written: {exc.strerror}. The same command continues there"
        ) from exc
    return state


def _continue(
    url: str, file: BinaryIO, part: Path, room: int, progress: Progress, retry: Retry
) -> FileState:
    client = HttpClient(
        url,
        open_timeout_s=OPEN_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
        tls_verify=True,
        closing=Event(),
    )
    # From the last byte on, because a server refuses the empty rest of a complete file.
    start = max(0, part.stat().st_size - 1)
    body = HttpBody(client, client.url, first=start, retry=retry)
    try:
        total = 0 if body.length is None else start + body.length
        _require_room(part.parent, room * total - start)
        file_hash = _hash_beginning(file, start)
        done = start
        progress("download", start // MEGABYTE, total // MEGABYTE)
        while data := body.read(_PIECE):
            file.write(data)
            file_hash.append(data)
            more = (done + len(data)) // MEGABYTE - done // MEGABYTE
            done += len(data)
            if more:
                progress("download", more, total // MEGABYTE)
    finally:
        body.close()
    if body.failure is not None:
        raise SourceError(
            f"{body.failure}. {done} of {total or '?'} bytes are in {part}; the same command "
            "continues there"
        )
    return file_hash.state()


def _hash_beginning(file: BinaryIO, size: int) -> FileHash:
    """Removes everything after `size` bytes, and hashes these."""
    file.truncate(size)
    file.seek(0)
    file_hash = FileHash()
    while data := file.read(_PIECE):
        file_hash.append(data)
    return file_hash


def _require_room(folder: Path, size: int) -> None:
    """size: bytes. Raises SinkError if the disk of the folder has less room."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise SinkError(
            f"{folder} has {free / 1e9:.1f} GB free, and the download needs {size / 1e9:.1f} GB"
        )
