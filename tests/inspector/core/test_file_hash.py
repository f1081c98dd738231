"""Tests that a hash that grows with a file is that of the file."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from inspector.core.file_hash import FileHash, FileState, hash_file


@pytest.mark.parametrize("head", [0, 1, 52, 400])
@pytest.mark.parametrize("seed", range(5))
def test_the_hash_covers_everything_after_the_head(head: int, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = rng.bytes(1000)
    cuts = [0, *sorted(rng.integers(0, 1000, 6)), 1000]
    grown = FileHash(head)
    for first, end in itertools.pairwise(cuts):
        grown.append(data[first:end])
    digest = hashlib.sha256(data[head:]).hexdigest()
    assert grown.state() == FileState(1000, digest, data[:head].hex() if head else None)
    (tmp_path / "file").write_bytes(data)
    assert hash_file(tmp_path / "file", head) == grown.state()
    if head > 1:
        grown.overwrite(head - 2, b"ab")
        assert grown.state() == FileState(1000, digest, (data[: head - 2] + b"ab").hex())


def test_only_the_head_can_be_overwritten() -> None:
    grown = FileHash(10)
    grown.append(b"x" * 20)
    with pytest.raises(ValueError, match="bytes 9 to 11 are not in the head"):
        grown.overwrite(9, b"ab")
