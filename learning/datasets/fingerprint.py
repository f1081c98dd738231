"""Hashes the list of pictures and masks of a data set, to see whether it has changed."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from learning.datasets.types import Sample


def pictures_hash(samples: Iterable[Sample]) -> str:
    """sha256 over the name, kind, path, size and modification time of each picture, and over path,
    size and modification time of its masks.

    File contents are not read, because a data set may hold gigabytes.
    """
    digest = hashlib.sha256()
    for sample in samples:
        entry: list[Any] = [sample.name, sample.kind]
        for path in (sample.path, *sample.masks):
            entry += [str(path), *_size_and_time(path)]
        digest.update((json.dumps(entry) + "\n").encode())
    return digest.hexdigest()


def _size_and_time(path: Path) -> list[int]:
    """Bytes and nanoseconds; empty for a missing file, which the evaluation reports by name."""
    try:
        stat = path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns]
