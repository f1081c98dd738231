"""Converts H.264 of an encoder to the form of MP4 files (ISO/IEC 14496-15, 5.3 and 5.4)."""

import struct
from typing import Final

from inspector.outputs.mp4_boxes import box, full_box

_SPS: Final = 7
_PPS: Final = 8
_PROFILES_WITHOUT_FORMAT: Final = (66, 77, 88)
"""The other profiles repeat the colour format of the stream: here 4:2:0 with 8 bits."""
_FORMAT_420_8: Final = bytes((0xFD, 0xF8, 0xF8, 0))


def split_units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes. No unit contains a start code."""
    units = (unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1"))
    return [unit for unit in units if unit]


def with_lengths(stream: bytes) -> bytes:
    """The same units, each after its length in 4 bytes."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in split_units(stream))


def describe_h264(headers: bytes, hw: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    """The box `stsd`. headers: parameter sets with start codes. colour: primaries, transfer and
    matrix (ITU-T H.273); the range is limited."""
    units = split_units(headers)
    sps = [unit for unit in units if unit[0] & 31 == _SPS]
    pps = [unit for unit in units if unit[0] & 31 == _PPS]
    record = bytes((1, *sps[0][1:4], 0xFF, 0xE0 | len(sps)))
    record += b"".join(struct.pack(">H", len(unit)) + unit for unit in sps)
    record += bytes((len(pps),)) + b"".join(struct.pack(">H", len(u)) + u for u in pps)
    if sps[0][1] not in _PROFILES_WITHOUT_FORMAT:
        record += _FORMAT_420_8
    entry = struct.pack(">6xH16xHHIIIH32xHh", 1, hw[1], hw[0], 72 << 16, 72 << 16, 0, 1, 24, -1)
    nclx = b"nclx" + struct.pack(">HHHB", *colour, 0)
    picture = box(b"avc1", entry, box(b"avcC", record), box(b"colr", nclx))
    return full_box(b"stsd", struct.pack(">I", 1), picture)
