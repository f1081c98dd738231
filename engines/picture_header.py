"""Reads the size and the bit depth of a picture file from its header, before it is decoded.

Only the formats in FORMATS are read. A small file can state a huge picture, so the size must be
known before a decoder allocates memory.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from engines.tiff_header import read_tiff
from inspector.core.errors import DataError
from inspector.core.reading import BIT_DEPTHS

FORMATS: Final = "PNG, JPEG, TIFF, BMP, WebP, JPEG 2000 or PNM"

_MOST_CHANNELS: Final = 4
_MOST_SCANS: Final = 100
"""A progressive JPEG has about 10 scans. Each scan costs as much time as a whole picture."""

_MOST_TEXTS: Final = 64
"""Each compressed text of a PNG can take 8 MB and 30 ms."""

_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type of a PNG -> channels."""

_SEVERAL: Final = "holds several pictures: save each as a file"

_PNM_START: Final = re.compile(rb"\s*P[1-6]\s")
_PNM_TOKEN: Final = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*(\d{1,9})")
_JPEG_ALONE: Final = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length."""

_JPEG_SCAN: Final = 0xDA
_JPEG_HUFFMAN: Final = (0xC0, 0xC1, 0xC2)
_JPEG_PROGRESSIVE: Final = (0xC2, 0xC6, 0xCA, 0xCE)
_JPEG_SIZES: Final = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file states about its picture.

    hw: (height, width) in px. bits: bits per channel of the stored values. depth: how many of
    these bits the camera used, None if the file does not say. packed: the file stores only these
    bits, and OpenCV shifts the values up to 16 bits. problem: why the values cannot be read as grey
    levels, None if they can. checkable: engines.jpeg_check can find damage in the file.
    multiplies_alpha: OpenCV multiplies the colours by the alpha channel.
    """

    hw: tuple[int, int]
    bits: int = 8
    depth: int | None = None
    packed: bool = False
    problem: str | None = None
    checkable: bool = False
    multiplies_alpha: bool = False

    @property
    def pixels(self) -> int:
        return self.hw[0] * self.hw[1]


def read_header(content: bytes) -> PictureHeader:
    """Reads the header of a whole picture file. Raises DataError if it is damaged or unknown."""
    matching = (read for start, read in _READERS if re.match(start, content, re.DOTALL))
    if (read := next(matching, None)) is None:
        raise DataError(f"is not a {FORMATS} file")
    try:
        header = read(content)
    except DataError:
        raise
    except (struct.error, IndexError, ValueError, OverflowError) as exc:
        raise DataError("has a damaged header") from exc
    if min(header.hw) < 1:
        raise DataError("has a damaged header: it states no pixels")
    return header


def _read_png(content: bytes) -> PictureHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", content, 16)
    if content[12:16] != b"IHDR" or colour not in _PNG_CHANNELS:
        raise ValueError("no IHDR")
    header = PictureHeader((height, width), max(8, bits))
    at, texts, compressed = 8, 0, 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"acTL" and struct.unpack_from(">I", content, at + 8)[0] > 1:
            header = replace(header, problem="holds several pictures (an animation)")
        texts += kind in (b"zTXt", b"iTXt")
        compressed += length if kind == b"IDAT" else 0
        at += length + 12
    if texts > _MOST_TEXTS:
        raise DataError(f"is a PNG with more than {_MOST_TEXTS} texts")
    # Compression makes data larger by less than 1 %.
    if compressed > 1.01 * header.pixels * _PNG_CHANNELS[colour] * bits / 8 + height + (1 << 16):
        raise DataError("is a PNG with more data than its pixels need")
    return header


def _read_jpeg(content: bytes) -> PictureHeader:
    at, channels, progressive = 2, 0, False
    header: PictureHeader | None = None
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker")
        marker = content[at + 1]
        if marker == 0xFF or marker in _JPEG_ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker in _JPEG_SIZES:
            bits, height, width, channels = struct.unpack_from(">BHHB", content, at + 4)
            header = PictureHeader((height, width), bits, problem=_find_jpeg_problem(channels))
            if marker in _JPEG_HUFFMAN and bits == 8 and channels in (1, 3):
                header = replace(header, checkable=True)
            progressive = marker in _JPEG_PROGRESSIVE
        if marker == _JPEG_SCAN and header is not None:
            # A scan of all colours is the only one of a picture that is not progressive.
            several = progressive or content[at + 4] < channels
            if several and content.count(bytes((0xFF, _JPEG_SCAN))) > _MOST_SCANS:
                raise DataError(f"is a JPEG with more than {_MOST_SCANS} scans")
            return replace(header, problem=_SEVERAL) if _is_followed(content, at) else header
        if marker in (0xD9, _JPEG_SCAN) or length < 2:
            raise ValueError("no size")
        at += 2 + length


def _is_followed(content: bytes, scan_at: int) -> bool:
    """Whether another picture begins where a JPEG ends, as in a saved MJPEG stream. The small
    pictures that cameras append have an index (MPF) and do not count."""
    end = content.find(b"\xff\xd9", scan_at)
    start = content.find(b"\xff\xd8\xff", scan_at)
    return 0 <= start <= end + 2 and b"MPF\0" not in content[:scan_at]


def _find_jpeg_problem(channels: int) -> str | None:
    return "has the colours CMYK: save it as RGB" if channels > 3 else None


def _read_bmp(content: bytes) -> PictureHeader:
    (header_size,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header_size == 12 else "<ii", content, 18)
    return PictureHeader((abs(height), abs(width)))


def _read_webp(content: bytes) -> PictureHeader:
    kind, body = content[12:16], content[20:30]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return PictureHeader((height & 0x3FFF, width & 0x3FFF))
    if kind == b"VP8L":
        (sides,) = struct.unpack_from("<I", body, 1)
        return PictureHeader(((sides >> 14 & 0x3FFF) + 1, (sides & 0x3FFF) + 1))
    if kind != b"VP8X":
        raise ValueError("no known chunk")
    problem = "holds several pictures (an animation)" if body[0] & 2 else None
    width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
    return PictureHeader((height, width), problem=problem)


def _read_jp2(content: bytes) -> PictureHeader:
    at = 0
    while True:
        length, kind = struct.unpack_from(">I4s", content, at)
        start = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, at + 8)
            start = 16
        if kind == b"jp2c":
            return _read_codestream(content[at + start : at + start + 1024])
        if length < start:
            raise ValueError("no codestream")
        at += length


def _read_codestream(content: bytes) -> PictureHeader:
    """The SIZ segment of a JPEG 2000 codestream (ITU-T T.800, A.5.1)."""
    if content[:4] != b"\xff\x4f\xff\x51":
        raise ValueError("no SIZ segment")
    right, bottom, left, top = struct.unpack_from(">IIII", content, 8)
    (channels,) = struct.unpack_from(">H", content, 40)
    if channels > _MOST_CHANNELS:
        raise DataError(f"has {channels} channels; at most {_MOST_CHANNELS} are possible")
    depths = {content[42 + 3 * channel] for channel in range(channels)}
    bits = max(depths) + 1
    if len(depths) > 1 or bits not in BIT_DEPTHS:  # above 128: signed values
        return PictureHeader(
            (bottom - top, right - left),
            16,
            problem=f"must have one of {BIT_DEPTHS} bits in each channel, without sign",
        )
    return PictureHeader((bottom - top, right - left), bits, _credible(bits))


def _read_pnm(content: bytes) -> PictureHeader:
    numbers, at = [], 2
    bitmap = content[1:2] in b"14"
    for _ in range(2 if bitmap else 3):
        token = _PNM_TOKEN.match(content, at)
        if token is None:
            raise ValueError("no number")
        numbers.append(int(token[1]))
        at = token.end()
    width, height = numbers[:2]
    problem = _SEVERAL if _has_more_pnm(content, at + 1, numbers) else None
    if bitmap:
        return PictureHeader((height, width), problem=problem)
    depth = numbers[2].bit_length()
    if numbers[2] != (1 << depth) - 1 or depth not in BIT_DEPTHS:
        problem = (
            f"has grey levels up to {numbers[2]}; only 255, 1023, 4095, 16383 or 65535 is read"
        )
        return PictureHeader((height, width), problem=problem)
    return PictureHeader((height, width), depth, _credible(depth), problem=problem)


def _has_more_pnm(content: bytes, at: int, numbers: list[int]) -> bool:
    """Whether another picture follows the pixels, which begin at `at`. Numbers written as text are
    not searched."""
    width, height = numbers[:2]
    rows = {b"4": (width + 7) // 8, b"5": width, b"6": 3 * width}
    row = rows.get(content[1:2])
    if row is None:
        return False
    size = row * height * (2 if numbers[2:] > [255] else 1)
    return _PNM_START.match(content, at + size) is not None


def _credible(depth: int) -> int | None:
    """Programs write 16 for every depth above 8."""
    return depth if depth < 16 else None


def _read_tiff(content: bytes) -> PictureHeader:
    hw, bits, depth, problem, multiplies = read_tiff(content)
    return PictureHeader(
        hw, bits, depth, packed=8 < bits < 16, problem=problem, multiplies_alpha=multiplies
    )


_READERS: Final[tuple[tuple[bytes, Callable[[bytes], PictureHeader]], ...]] = (
    (rb"\x89PNG\r\n\x1a\n", _read_png),
    (rb"\xff\xd8\xff", _read_jpeg),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", _read_tiff),
    (rb"BM", _read_bmp),
    (rb"RIFF....WEBP", _read_webp),
    (rb"\0\0\0\x0cjP  \r\n\x87\n", _read_jp2),
    (rb"\xff\x4f\xff\x51", _read_codestream),
    (rb"P[1-6]\s", _read_pnm),
)
"""Pattern of the first bytes -> reader."""
