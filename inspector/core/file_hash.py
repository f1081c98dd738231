"""Hashes files, also while they are written, so that nothing is read again at the end."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileState:
    """Size and SHA-256 of a file, or of its beginning if the file grew later.

    head: the first bytes in hex, if the writer changes them later. The hash then covers only the
    bytes after them. None: the hash covers everything.
    """

    bytes: int
    sha256: str
    head: str | None = None

    def plain(self) -> dict[str, Any]:
        """Values for JSON; without `head` if there is none."""
        values: dict[str, Any] = {"bytes": self.bytes, "sha256": self.sha256}
        return values if self.head is None else values | {"head": self.head}


def state_of(data: bytes) -> FileState:
    """The state of a file with this content."""
    return FileState(len(data), hashlib.sha256(data).hexdigest())


def plain_states(states: Mapping[str, FileState | None]) -> dict[str, dict[str, Any] | None]:
    """Values for JSON. None: the run removed the file."""
    return {name: None if state is None else state.plain() for name, state in states.items()}


class FileHash:
    """The hash of a file to which data is appended. head: number of first bytes that may change."""

    def __init__(self, head: int = 0) -> None:
        self._size = 0
        self._head = bytearray()
        self._head_size = head
        self._sha256 = hashlib.sha256()

    def append(self, data: bytes) -> None:
        missing = self._head_size - len(self._head)
        self._head += data[:missing]
        self._sha256.update(data[missing:] if missing else data)
        self._size += len(data)

    def overwrite(self, at: int, data: bytes) -> None:
        """Changes bytes of the head."""
        if at + len(data) > len(self._head):
            raise ValueError(f"bytes {at} to {at + len(data)} are not in the head of the file")
        self._head[at : at + len(data)] = data

    def state(self) -> FileState:
        head = self._head.hex() if self._head_size else None
        return FileState(self._size, self._sha256.hexdigest(), head)


def hash_file(path: Path, head: int = 0) -> FileState:
    """The state of a file on the disk. head: see FileHash. Raises OSError."""
    file_hash = FileHash(head)
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            file_hash.append(data)
    return file_hash.state()
