"""Reads the size, bit depth and kind of the first picture of a TIFF file (TIFF 6.0 and BigTIFF)."""

import struct
from dataclasses import dataclass
from typing import Final

from inspector.core.errors import DataError
from inspector.core.reading import BIT_DEPTHS

_TYPES: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Type of a field -> its format for struct. The other types hold no sizes."""

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_CHANNELS, _LARGEST_VALUE, _PLANES, _TILE_WIDTH, _TILE_HEIGHT = 277, 281, 284, 322, 323
_EXTRA, _FORMAT = 338, 339
_SEPARATE_ALPHA: Final = 2
_PHOTOMETRICS: Final = {0, 1, 2, 3, 6}
"""White is zero, black is zero, RGB, palette and YCbCr."""

_UNSIGNED: Final = 1
_REDUCED: Final = 1
"""Bit of the subfile type: a smaller copy of another picture."""

_MOST_CHANNELS: Final = 4
_MOST_ENTRIES: Final = 4096
_LONGEST_FIELD: Final = 16
"""Values of a field that are read."""

Entries = dict[int, tuple[int, ...]]


def read_tiff(content: bytes) -> tuple[tuple[int, int], int, int | None, str | None, bool]:
    """Returns (height, width), bits per channel, used bits (None: not stated), the reason why the
    file cannot be read as one picture of grey levels (None: it can), and whether OpenCV multiplies
    its colours by its alpha. Raises DataError, struct.error or ValueError for a damaged file."""
    directory, entries = _Directories(content).first()
    hw = (_single(entries, _HEIGHT, 0), _single(entries, _WIDTH, 0))
    tile = _single(entries, _TILE_WIDTH, 0) * _single(entries, _TILE_HEIGHT, 0)
    channels = _single(entries, _CHANNELS, 1)
    if channels > _MOST_CHANNELS:
        raise DataError(f"has {channels} channels; at most {_MOST_CHANNELS} are possible")
    if tile > 4 * max(hw[0] * hw[1], 1 << 20):
        raise DataError("has a damaged header: its tiles are larger than the picture")
    bits = entries.get(_BITS, (1,))
    problem = _find_problem(entries, max(bits))
    if problem is None and directory.has_more_pictures():
        problem = "holds several pictures (pages): save each as a file"
    multiplies = max(bits) <= 8 and channels == 4
    multiplies = multiplies and _single(entries, _EXTRA, 0) == _SEPARATE_ALPHA
    return hw, max(8, *bits), _used_bits(entries, max(bits)), problem, multiplies


def _find_problem(entries: Entries, bits: int) -> str | None:
    photometric = _single(entries, _PHOTOMETRIC, 1)
    if len(set(entries.get(_BITS, (1,)))) > 1 or bits not in (1, 2, 4, *BIT_DEPTHS):
        return f"has {bits} bits per channel: save it with 8 or 16"
    if any(kind != _UNSIGNED for kind in entries.get(_FORMAT, (_UNSIGNED,))):
        return "holds signed or floating point values: save it with 8 or 16 bits without sign"
    if bits > 8 and _single(entries, _PLANES, 1) != 1 and _single(entries, _CHANNELS, 1) > 1:
        # OpenCV would read the first rows of each colour as a picture.
        return "stores each colour separately with more than 8 bits: save it as pixels"
    if photometric == 5:
        return "has the colours CMYK: save it as RGB"
    if photometric not in _PHOTOMETRICS or (photometric == 0 and bits > 8):
        return f"has colours of an unknown kind (photometric {photometric}): save it as RGB or grey"
    return None


def _used_bits(entries: Entries, bits: int) -> int | None:
    if bits < 16:
        return max(8, bits)
    largest = _single(entries, _LARGEST_VALUE, 0)
    depth = largest.bit_length()
    return depth if depth in BIT_DEPTHS[1:-1] and largest == (1 << depth) - 1 else None


def _single(entries: Entries, tag: int, default: int) -> int:
    values = entries.get(tag, (default,))
    return values[0] if values else default


@dataclass(slots=True)
class _Directories:
    """Walks through the directories of a TIFF file. Each describes one picture."""

    content: bytes
    order: str = "<"
    big: bool = False
    next_at: int = 0

    def first(self) -> tuple["_Directories", Entries]:
        self.order = "<" if self.content[:2] == b"II" else ">"
        (version,) = struct.unpack_from(f"{self.order}H", self.content, 2)
        self.big = version == 43
        (self.next_at,) = struct.unpack_from(
            *self._format("Q", "I"), self.content, 8 if self.big else 4
        )
        return self, self._read()

    def has_more_pictures(self) -> bool:
        """Whether a later directory holds another picture, not only a smaller copy."""
        seen: set[int] = set()
        while self.next_at and self.next_at not in seen:
            seen.add(self.next_at)
            try:
                entries = self._read()
            except (struct.error, ValueError):
                return False
            if not _single(entries, _SUBFILE, 0) & _REDUCED:
                return True
        return False

    def _format(self, big: str, small: str) -> tuple[str]:
        return (self.order + (big if self.big else small),)

    def _read(self) -> Entries:
        size, start = (20, 8) if self.big else (12, 2)
        at = self.next_at
        (count,) = struct.unpack_from(*self._format("Q", "H"), self.content, at)
        if count > _MOST_ENTRIES:
            raise ValueError("too many entries")
        entries: Entries = {}
        for index in range(count):
            self._read_entry(at + start + index * size, entries)
        (self.next_at,) = struct.unpack_from(
            *self._format("Q", "I"), self.content, at + start + count * size
        )
        return entries

    def _read_entry(self, at: int, entries: Entries) -> None:
        tag, kind = struct.unpack_from(f"{self.order}HH", self.content, at)
        if kind not in _TYPES:
            return
        (count,) = struct.unpack_from(*self._format("Q", "I"), self.content, at + 4)
        count = min(count, _LONGEST_FIELD)
        values = f"{self.order}{count}{_TYPES[kind]}"
        value_at = at + (12 if self.big else 8)
        if struct.calcsize(values) > (8 if self.big else 4):
            (value_at,) = struct.unpack_from(*self._format("Q", "I"), self.content, value_at)
        # libtiff takes the first of two equal tags.
        entries.setdefault(tag, struct.unpack_from(values, self.content, value_at))
