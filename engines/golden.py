"""Packs and unpacks golden pictures: inputs with reference outputs, stored in an engine file.

The content of an engine file is not trusted: every size is checked before data is decompressed.
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

MAX_PICTURES: Final = 64
"""Largest number of pictures in a file; most files have two."""

MAX_BYTES: Final = 256_000_000
"""Largest size of all pictures and maps of a file together, decompressed."""

MAX_SCORE: Final = float(np.finfo(np.float32).max)
"""A Python float, because it can be compared with whole numbers of any size."""

MIN_FLOAT16_PEAK: Final = 0.06
"""A map with a smaller largest value is stored as float32. One thousandth of this limit is the
smallest number that float16 stores with its full 11 bits."""

DTYPES: Final = ("float16", "float32")

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden pictures and their reference outputs.

    pixels: (n, H, W, 3) uint8 RGB. maps: (n, h, w), rounded to map_dtype. scores: (n,).
    """

    pixels: Image
    maps: npt.NDArray[np.float32]
    scores: Float
    map_dtype: str


def pack(pixels: Image, maps: Float, scores: Float) -> dict[str, Any]:
    """Converts pictures and reference outputs to plain values.

    Pictures become PNG text and maps become zlib text, both base64. Maps are stored as float16, or
    as float32 if their values are too large or too small for float16.
    """
    fits = MIN_FLOAT16_PEAK <= np.abs(maps).max() <= np.finfo(np.float16).max
    dtype = "float16" if fits else "float32"
    return {
        "pictures": [png.encode(picture) for picture in pixels],
        "scores": [float(score) for score in scores],
        "maps": [_pack_map(anomaly_map, dtype) for anomaly_map in maps],
        "map_dtype": dtype,
    }


def unpack(spec: EngineSpec) -> Golden | None:
    """Reads the golden pictures of a spec; None if it has none.

    Raises SpecError for values that `pack` cannot have made for a spec with these sizes.
    """
    if not spec.golden:
        return None
    pictures, maps, scores = (_values(spec.golden, key) for key in ("pictures", "maps", "scores"))
    dtype = spec.golden.get("map_dtype")
    if dtype not in DTYPES:
        raise SpecError(f"golden.map_dtype must be one of {', '.join(DTYPES)}, not {dtype!r:.60}")
    if not 0 < len(pictures) == len(maps) == len(scores) <= MAX_PICTURES:
        raise SpecError(
            f"golden must hold as many pictures as maps and scores, 1 to {MAX_PICTURES}, not "
            f"{len(pictures)}, {len(maps)} and {len(scores)}"
        )
    (height, width), (rows, columns) = spec.resize.input_hw, spec.map_hw
    if (size := len(pictures) * (3 * height * width + 4 * rows * columns)) > MAX_BYTES:
        raise SpecError(
            f"golden pictures and maps of these sizes would take {size / 1e6:.0f} MB, above the "
            f"limit of {MAX_BYTES / 1e6:.0f} MB"
        )
    return Golden(
        np.stack([png.decode(text, (height, width), 3, "a golden picture") for text in pictures]),
        np.stack([_unpack_map(text, (rows, columns), dtype) for text in maps]),
        np.array([_check_score(score) for score in scores]),
        dtype,
    )


def _values(stored: dict[str, Any], key: str) -> list[Any]:
    values = stored.get(key)
    if not isinstance(values, list):
        raise SpecError(f"golden.{key} must be a list")
    return values


def _check_score(value: Any) -> float:
    finite = isinstance(value, (int, float)) and abs(value) <= MAX_SCORE
    if not finite or isinstance(value, bool):
        raise SpecError("golden.scores must be finite numbers")
    return float(value)


def _unpack_map(text: Any, hw: tuple[int, int], dtype: str) -> npt.NDArray[np.float32]:
    size = hw[0] * hw[1] * np.dtype(dtype).itemsize
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(png.decode_base64(text, "a golden map"), size)
        # zlib may not have read the end of the stream yet, although the map is complete.
        more = stream.decompress(stream.unconsumed_tail, 1) if stream.unconsumed_tail else b""
    except zlib.error as exc:
        raise SpecError("a golden map cannot be decompressed") from exc
    if len(content) != size or more or not stream.eof:
        raise SpecError(f"a golden map must hold {size} bytes ({hw[1]}x{hw[0]} values of {dtype})")
    values = np.frombuffer(content, dtype).reshape(hw).astype(np.float32)
    if not np.isfinite(values).all():
        raise SpecError("a golden map holds values that are not finite")
    return values


def _pack_map(anomaly_map: Float, dtype: str) -> str:
    return base64.b64encode(zlib.compress(anomaly_map.astype(dtype).tobytes(), 9)).decode()
