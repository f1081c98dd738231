"""Golden pictures: inputs with reference outputs that travel in an engine file, as plain values.

A spec is untrusted, so every size is checked before the bytes behind it are expanded.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines import png
from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import SpecError

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
        "pictures": [png.encode(picture) for picture in pixels],
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
        np.stack([png.decode(text, (height, width), 3, "a golden picture") for text in pictures]),
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


def _map(text: Any, hw: tuple[int, int], dtype: str) -> npt.NDArray[np.float32]:
    size = hw[0] * hw[1] * np.dtype(dtype).itemsize
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(png.decode_base64(text, "a golden map"), size)
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


def _packed(one: Float, dtype: str) -> str:
    return base64.b64encode(zlib.compress(one.astype(dtype).tobytes(), 9)).decode()
