"""Golden pictures: inputs with reference outputs that travel in an engine file, as plain values.

A spec is untrusted, so every size is checked before the bytes behind it are expanded.
"""

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import EngineError, SpecError

MOST: Final = 64
"""Pictures in a file; two are usual."""

MOST_BYTES: Final = 256_000_000
"""Of all pictures and maps of a file together, expanded."""

LARGEST: Final = float(np.finfo(np.float32).max)
"""As a float of Python, which whole numbers of any size can be compared with."""

LEAST_HALF: Final = 0.06
"""Maps that stay below this keep float32: a thousandth of it is the least that float16 holds to
its 11 bits."""

DTYPES: Final = ("float16", "float32")

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHUNKS: Final = (b"IHDR", b"IDAT", b"IEND")
_RGB8: Final = (8, 2, 0, 0, 0)
"""Bits, colour type, and the only compression, filter and interlacing that are written."""

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Golden:
    """pixels: (n, H, W, 3) uint8 RGB. maps: (n, h, w), rounded to map_dtype. scores: (n,)."""

    pixels: Image
    maps: npt.NDArray[np.float32]
    scores: Float
    map_dtype: str


def pack(pixels: Image, maps: Float, scores: Float) -> dict[str, Any]:
    """Pictures and reference outputs as plain values: PNG and zlib, both base64; maps in float16
    unless their values are too large or too small for it."""
    fits = LEAST_HALF <= np.abs(maps).max() <= np.finfo(np.float16).max
    dtype = "float16" if fits else "float32"
    return {
        "pictures": [_png(picture) for picture in pixels],
        "scores": [float(score) for score in scores],
        "maps": [_packed(one, dtype) for one in maps],
        "map_dtype": dtype,
    }


def unpack(spec: EngineSpec) -> Golden | None:
    """None for a file without golden pictures. Raises SpecError for anything but what `pack` makes
    of pictures and maps of the spec's sizes."""
    if not spec.golden:
        return None
    pictures, maps, scores = (_values(spec.golden, key) for key in ("pictures", "maps", "scores"))
    dtype = spec.golden.get("map_dtype")
    if dtype not in DTYPES:
        raise SpecError(f"golden.map_dtype must be one of {', '.join(DTYPES)}, not {dtype!r:.60}")
    if not 0 < len(pictures) == len(maps) == len(scores) <= MOST:
        raise SpecError(
            f"golden must hold as many pictures as maps and scores, 1 to {MOST}, not "
            f"{len(pictures)}, {len(maps)} and {len(scores)}"
        )
    (height, width), (rows, columns) = spec.resize.input_hw, spec.map_hw
    if (size := len(pictures) * (3 * height * width + 4 * rows * columns)) > MOST_BYTES:
        raise SpecError(
            f"golden pictures and maps of these sizes would take {size / 1e6:.0f} MB, above the "
            f"limit of {MOST_BYTES / 1e6:.0f}"
        )
    return Golden(
        np.stack([_picture(text, (height, width)) for text in pictures]),
        np.stack([_map(text, (rows, columns), dtype) for text in maps]),
        np.array([_score(score) for score in scores]),
        dtype,
    )


def _values(stored: dict[str, Any], key: str) -> list[Any]:
    values = stored.get(key)
    if not isinstance(values, list):
        raise SpecError(f"golden.{key} must be a list")
    return values


def _score(value: Any) -> float:
    finite = isinstance(value, (int, float)) and abs(value) <= LARGEST
    if not finite or isinstance(value, bool):
        raise SpecError("golden.scores must be finite numbers")
    return float(value)


def _decoded(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise SpecError(f"{what} must be text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise SpecError(f"{what} is not base64") from exc


def _picture(text: Any, hw: tuple[int, int]) -> Image:
    content = _decoded(text, "a golden picture")
    if _png_header(content) != (hw[1], hw[0], *_RGB8):
        raise SpecError(f"a golden picture is no whole PNG of {hw[1]}x{hw[0]} and 8 bits RGB")
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as exc:
        raise SpecError("a golden picture cannot be decoded") from exc
    if picture is None or picture.shape != (*hw, 3):
        raise SpecError("a golden picture cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _png_header(content: bytes) -> tuple[int, ...] | None:
    """Width, height, bits, colour type, compression, filter and interlacing; None where it is no
    PNG, is cut off, or has other chunks than `pack` writes: text and profiles can be bombs too."""
    if not content.startswith(_SIGNATURE + b"\x00\x00\x00\x0dIHDR"):
        return None
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if name not in _CHUNKS:
            return None
        at += 12 + length
    whole = at == len(content) and content[-8:-4] == b"IEND"
    return struct.unpack_from(">IIBBBBB", content, len(_SIGNATURE) + 8) if whole else None


def _map(text: Any, hw: tuple[int, int], dtype: str) -> npt.NDArray[np.float32]:
    size = hw[0] * hw[1] * np.dtype(dtype).itemsize
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(_decoded(text, "a golden map"), size)
        # The end of the stream may wait behind the last byte of the map.
        more = stream.decompress(stream.unconsumed_tail, 1) if stream.unconsumed_tail else b""
    except zlib.error as exc:
        raise SpecError("a golden map cannot be decompressed") from exc
    if len(content) != size or more or not stream.eof:
        raise SpecError(f"a golden map must hold {size} bytes, for {hw[1]}x{hw[0]} of {dtype}")
    values = np.frombuffer(content, dtype).reshape(hw).astype(np.float32)
    if not np.isfinite(values).all():
        raise SpecError("a golden map holds values that are not finite")
    return values


def _png(picture: Image) -> str:
    done, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise EngineError(f"a golden picture of shape {picture.shape} cannot be stored as PNG")
    return base64.b64encode(content.tobytes()).decode()


def _packed(one: Float, dtype: str) -> str:
    return base64.b64encode(zlib.compress(one.astype(dtype).tobytes(), 9)).decode()
