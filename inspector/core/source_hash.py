"""Computes a hash that recognises the files of a source again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inspector.core.errors import SourceError
from inspector.core.protocols import HasFiles, Source

BLOCK: Final = 16_384
"""Bytes of a sample."""

SAMPLES: Final = 256
"""Samples of all files together, but at least LEAST_SAMPLES of each file."""

LEAST_SAMPLES: Final = 3


def hash_source(source: Source) -> str | None:
    """SHA-256 of sizes and samples of the files, and of the names of several files; None for a
    source without files.

    The samples are evenly spread over each file, so a run also starts at once with a file of 100
    GB. A file that was cut, encoded again or replaced has another hash. A file in which only some
    bytes between the samples changed has the same one. Raises SourceError.
    """
    files = source.files if isinstance(source, HasFiles) else ()
    return hash_files(files) if files else None


def hash_files(files: Sequence[Path]) -> str:
    """See hash_source. files: at least one. Raises SourceError."""
    digest = hashlib.sha256()
    for path in files:
        try:
            if len(files) > 1:
                digest.update(path.name.encode("utf-8", "surrogateescape"))
            _add_file(digest, path, max(LEAST_SAMPLES, SAMPLES // len(files)))
        except OSError as exc:
            raise SourceError(f"{path} cannot be read: {exc.strerror}") from exc
    return digest.hexdigest()


def _add_file(digest: "hashlib._Hash", path: Path, samples: int) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(f"\n{size}\n".encode())
        for start in _starts(size, samples):
            file.seek(start)
            digest.update(file.read(BLOCK))


def _starts(size: int, samples: int) -> Sequence[int]:
    """Where the samples begin; they cover the whole file if it is small."""
    if size <= samples * BLOCK:
        return range(0, size, BLOCK)
    return [k * (size - BLOCK) // (samples - 1) for k in range(samples)]
