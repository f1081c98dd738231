"""Hashes of file names, which need not be UTF-8."""

import hashlib
from collections.abc import Iterable


def names_hash(names: Iterable[str]) -> str:
    """Hexadecimal sha256 of names in their order.

    A name as Python reads it from the file system: bytes that are not UTF-8 count as those bytes.
    """
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
