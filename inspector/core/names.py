"""Hashes file names, also names that are not UTF-8."""

import hashlib
from collections.abc import Iterable


def names_hash(names: Iterable[str]) -> str:
    """Hexadecimal sha256 of names in their order.

    names: as Python reads them from the file system. Bytes that are not UTF-8 are hashed unchanged.
    """
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
