"""Decodes picture files, the same for inspecting, fitting and evaluating."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.jpeg_check import is_damaged
from engines.picture_header import PictureHeader, read_header
from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.reading import READING, Reading

_BYTES_PER_PIXEL: Final = 8
"""Of an uncompressed file with 4 channels of 16 bits."""

_LARGEST_TEXTS: Final = 64 << 20
"""Bytes that a file may hold besides its pixels."""

_SURE_BITS: Final = 14
"""No camera with at most this depth gives a value that needs more bits."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """image: (H, W, 3) uint8 BGR. bit_depth: bits per channel that the camera used."""

    image: Image
    bit_depth: int


def reading_for(spec: EngineSpec, reading: Reading = READING) -> Reading:
    """Fills in the depth of the engine's good pictures if `reading` states none."""
    statistics = spec.good_pictures
    depth = None if statistics is None else statistics.bit_depth
    if reading.bit_depth is not None or depth is None or depth <= 8:
        return reading
    return dataclasses.replace(reading, bit_depth=depth)


def decode_picture(
    path: Path, flag: int = cv2.IMREAD_COLOR, *, reading: Reading = READING
) -> npt.NDArray[Any]:
    """Decodes a picture file with OpenCV.

    flag: IMREAD_COLOR gives (H, W, 3) uint8 BGR, see `decode`; IMREAD_UNCHANGED gives the stored
    values, for masks. Raises DataError for a file that cannot be read, is empty, is damaged, is not
    one picture of a known format, or has more pixels than reading.max_pixels.
    """
    if flag == cv2.IMREAD_COLOR:
        return decode(path, reading).image
    return _decode_values(path, flag, reading.max_pixels)[0]


def decode(path: Path, reading: Reading = READING) -> Decoded:
    """Decodes a picture file to 8 bits per channel and tells the depth of the camera.

    Grey becomes BGR, alpha is dropped, and the EXIF orientation is applied. Files with more than 8
    bits are scaled to 8 by their depth, which is reading.bit_depth, else the depth that the file
    states, else 16. Raises DataError as decode_picture, and for a file whose depth is in doubt: all
    its values fit into 14 bits, but it says 16.
    """
    values, header = _decode_values(
        path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, reading.max_pixels
    )
    if values.dtype == np.uint8:
        return Decoded(np.asarray(values), 8)
    if values.dtype != np.uint16:
        raise DataError(
            f"the picture {path} has values of the type {values.dtype}, not 8 or 16 bits"
        )
    if header.packed:
        values = np.right_shift(values, 16 - header.bits)
    try:
        return to_eight_bits(values, reading.bit_depth or header.depth)
    except DataError as exc:
        raise DataError(f"the picture {path} {exc}") from exc


def to_eight_bits(values: npt.NDArray[np.uint16], depth: int | None) -> Decoded:
    """Scales 16 bit values of the stated depth to 8 bits; depth None is 16.

    Raises DataError for values above the depth, and without a depth for values that all fit into
    14 bits.
    """
    largest = int(values.max())
    needed = largest.bit_length()
    if depth is None and needed <= _SURE_BITS:
        raise DataError(
            f"has 16 bits per channel, but its values fit into {needed} bits (largest value "
            f"{largest}), so it may come from a camera with 10, 12 or 14 bits: set its depth with "
            "source.bit_depth (--bit-depth)"
        )
    depth = depth or 16
    if needed > depth:
        raise DataError(
            f"holds the value {largest}, which does not fit into {depth} bits: check "
            "source.bit_depth (--bit-depth)"
        )
    return Decoded(np.right_shift(values, max(0, depth - 8)).astype(np.uint8), depth)


def _decode_values(
    path: Path, flag: int, max_pixels: int
) -> tuple[npt.NDArray[Any], PictureHeader]:
    content = _read_file(path, max_pixels)
    try:
        header = read_header(content)
    except DataError as exc:
        raise DataError(f"the picture {path} cannot be decoded: it {exc}") from exc
    if header.pixels > max_pixels:
        raise DataError(
            f"the picture {path} has {header.hw[1]}x{header.hw[0]} pixels, more than the limit of "
            f"{max_pixels} pixels: raise source.max_pixels (--max-pixels) if the size is right"
        )
    if header.problem is not None and flag != cv2.IMREAD_UNCHANGED:
        raise DataError(f"the picture {path} {header.problem}")
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as exc:
        raise DataError(f"the picture {path} cannot be decoded: {exc.err}") from exc
    if image is None or sorted(image.shape[:2]) != sorted(header.hw):
        raise DataError(f"the picture {path} cannot be decoded")
    if header.checkable and is_damaged(content):
        raise DataError(f"the picture {path} is damaged: its JPEG data cannot be read to their end")
    if header.multiplies_alpha and flag != cv2.IMREAD_UNCHANGED:
        _refuse_transparent(path, content)
    return np.asarray(image), header


def _refuse_transparent(path: Path, content: bytes) -> None:
    """Raises DataError if OpenCV has darkened pixels of the picture by their alpha."""
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim < 3 or values.shape[2] != 4 or values[..., 3].min() < 255:
        raise DataError(
            f"the picture {path} has transparent pixels, whose colours cannot be read: save it "
            "without alpha"
        )


def _read_file(path: Path, max_pixels: int) -> bytes:
    try:
        if not os.path.isfile(path) and os.path.exists(path):
            raise DataError(f"the picture {path} is not a file")
        largest = max_pixels * _BYTES_PER_PIXEL + _LARGEST_TEXTS
        size = os.path.getsize(path)
        if size == 0:  # also a file of /proc, which may never end
            raise DataError(f"the picture {path} is empty")
        if size > largest:
            raise DataError(
                f"the picture {path} has {size / 1e6:.0f} MB, more than a picture of {max_pixels} "
                "pixels can have: raise source.max_pixels (--max-pixels) if the size is right"
            )
        content = path.read_bytes()
    except OSError as exc:
        raise DataError(f"the picture {path} cannot be read: {exc.strerror}") from exc
    return content
