"""Unpacks tar archives from the internet: only plain files, only below one folder, only so much."""

import lzma
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from inspector.core.errors import DataError, SinkError
from learning.downloads.fetching import MEGABYTE, Progress, no_progress

_DAMAGED: Final = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """files: number of files. file_bytes: size of a file. bytes: size of all files."""

    files: int = 100_000
    file_bytes: int = 200 * 10**6
    bytes: int = 20 * 10**9


LIMITS: Final = UnpackLimits()


def unpack(
    archive: Path,
    folder: Path,
    *,
    limits: UnpackLimits = LIMITS,
    progress: Progress = no_progress,
) -> None:
    """Unpacks a tar archive, compressed or not, into a new folder.

    Owners, rights and times of the archive are ignored. progress: counts megabytes.

    Raises DataError for an archive that is damaged or above the limits, or that has links, devices
    or files outside the folder; SinkError if the disk is full or fails.
    """
    try:
        folder.mkdir(parents=True)
        with tarfile.open(archive, "r|*") as tar:
            _write_members(tar, archive, folder, limits, progress)
    except _DAMAGED as exc:
        if isinstance(exc, DataError):
            raise
        raise DataError(f"{archive} is not a whole tar archive: {exc}") from exc
    except FileExistsError as exc:
        raise DataError(f"{archive} is refused: it holds {exc.filename} twice") from exc
    except OSError as exc:
        raise SinkError(f"{archive} cannot be unpacked to {folder}: {exc.strerror or exc}") from exc


def _write_members(
    tar: tarfile.TarFile, archive: Path, folder: Path, limits: UnpackLimits, progress: Progress
) -> None:
    count = size = 0
    for member in tar:
        if member.isdir():
            continue
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise DataError(f"{archive} is refused: {member.name} is a link or a device")
        count += 1
        size += member.size
        if count > limits.files or member.size > limits.file_bytes or size > limits.bytes:
            raise DataError(
                f"{archive} is refused: it holds more than {limits.files} files, a file above "
                f"{limits.file_bytes / 1e6:g} MB, or more than {limits.bytes / 1e9:g} GB"
            )
        path = folder / _safe_name(archive, member.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("xb") as file:
            shutil.copyfileobj(content, file)
        if path.stat().st_size != member.size:
            raise DataError(f"{archive} is not a whole tar archive: {member.name} is cut short")
        if more := size // MEGABYTE - (size - member.size) // MEGABYTE:
            progress("unpack", more, 0)


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or set(name) & set("\\:\0"):
        raise DataError(f"{archive} is refused: the name {name!r} leads out of the folder")
    return path
