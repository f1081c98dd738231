"""Tests of finding the last complete fragment of an MP4 file."""

import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from inspector.outputs.fragments import find_complete_end


def box(kind: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size + 8, kind) + bytes(size)


WHOLE = [
    box(b"ftyp", 20),
    box(b"moov", 100),
    box(b"moof", 40),
    box(b"mdat", 500),
    box(b"moof", 40),
    struct.pack(">I4sQ", 1, b"mdat", 16 + 300) + bytes(300),
]


def test_a_complete_file_is_complete_to_its_end() -> None:
    data = b"".join(WHOLE)
    assert find_complete_end(io.BytesIO(data)) == len(data)


@given(st.integers(0, sum(map(len, WHOLE))))
def test_a_torn_file_is_complete_up_to_its_last_complete_data(length: int) -> None:
    ends = [0]
    at = 0
    for part in WHOLE:
        at += len(part)
        if b"moof" not in part[:8]:
            ends.append(at)
    expected = max(end for end in ends if end <= length)
    assert find_complete_end(io.BytesIO(b"".join(WHOLE)[:length])) == expected
