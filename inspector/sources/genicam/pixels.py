"""Converts pictures in the pixel formats of GenICam cameras to BGR."""

import re
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.pictures import to_eight_bits
from inspector.core.arrays import Image
from inspector.core.errors import DataError

_CODES: Final = {
    0x01080001: "Mono8",
    0x01100003: "Mono10",
    0x01100005: "Mono12",
    0x01100025: "Mono14",
    0x01100007: "Mono16",
    0x010C0004: "Mono10Packed",
    0x010C0006: "Mono12Packed",
    0x010A0046: "Mono10p",
    0x010C0047: "Mono12p",
    0x01080008: "BayerGR8",
    0x01080009: "BayerRG8",
    0x0108000A: "BayerGB8",
    0x0108000B: "BayerBG8",
    0x0110000C: "BayerGR10",
    0x0110000D: "BayerRG10",
    0x0110000E: "BayerGB10",
    0x0110000F: "BayerBG10",
    0x01100010: "BayerGR12",
    0x01100011: "BayerRG12",
    0x01100012: "BayerGB12",
    0x01100013: "BayerBG12",
    0x0110002E: "BayerGR16",
    0x0110002F: "BayerRG16",
    0x01100030: "BayerGB16",
    0x01100031: "BayerBG16",
    0x010C0026: "BayerGR10Packed",
    0x010C0027: "BayerRG10Packed",
    0x010C0028: "BayerGB10Packed",
    0x010C0029: "BayerBG10Packed",
    0x010C002A: "BayerGR12Packed",
    0x010C002B: "BayerRG12Packed",
    0x010C002C: "BayerGB12Packed",
    0x010C002D: "BayerBG12Packed",
    0x010A0052: "BayerBG10p",
    0x010A0054: "BayerGB10p",
    0x010A0056: "BayerGR10p",
    0x010A0058: "BayerRG10p",
    0x010C0053: "BayerBG12p",
    0x010C0055: "BayerGB12p",
    0x010C0057: "BayerGR12p",
    0x010C0059: "BayerRG12p",
    0x02180014: "RGB8",
    0x02180015: "BGR8",
}
"""Code of a pixel format -> its name (EMVA, Pixel Format Naming Convention 2.1)."""

_PARTS: Final = re.compile(r"(Mono|Bayer(?:GR|RG|GB|BG)|RGB|BGR)(\d+)(Packed|p|)")

_TO_BGR: Final = {
    "Mono": cv2.COLOR_GRAY2BGR,
    "BayerRG": cv2.COLOR_BayerRGGB2BGR,
    "BayerGR": cv2.COLOR_BayerGRBG2BGR,
    "BayerGB": cv2.COLOR_BayerGBRG2BGR,
    "BayerBG": cv2.COLOR_BayerBGGR2BGR,
    "RGB": cv2.COLOR_RGB2BGR,
}
"""Colours -> conversion. A Bayer format is named by the first two pixels of its first row."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """colours: Mono, RGB, BGR, or Bayer with the first two pixels. bits: of a pixel and channel.
    packing: "p" (pixels follow each other bit by bit, low bits first), "Packed" (two pixels in
    three bytes, as in GigE Vision 1), or "" (whole bytes, little-endian)."""

    name: str
    colours: str
    bits: int
    packing: str

    def count_bytes(self, pixels: int) -> int:
        """Bytes of so many pixels without padding."""
        if self.packing == "Packed":
            return -(-pixels // 2) * 3
        if self.packing == "p":
            return -(-pixels * self.bits // 8)
        return pixels * (3 if self.colours in ("RGB", "BGR") else 1) * (1 if self.bits == 8 else 2)


def find_format(code: int) -> PixelFormat | None:
    """The format with this PFNC code; None if it is not supported."""
    name = _CODES.get(code)
    if name is None:
        return None
    parts = _PARTS.fullmatch(name)
    assert parts is not None
    return PixelFormat(name, parts[1], int(parts[2]), parts[3])


def list_formats() -> list[str]:
    """Names of the supported formats."""
    return sorted(_CODES.values())


def to_bgr(
    data: bytes,
    pixel_format: PixelFormat,
    frame_hw: tuple[int, int],
    *,
    padding: int = 0,
    bit_depth: int | None = None,
) -> Image:
    """Converts the data of a picture to a new (H, W, 3) uint8 BGR array.

    padding: bytes after each row. bit_depth: bits that the camera used of formats with 16 bits; see
    engines.pictures.to_eight_bits. Formats with 10, 12 or 14 bits are scaled to 8 by their depth.
    Bayer patterns are interpolated bilinearly, after the scaling. Raises DataError for data that is
    too short, and for values that do not fit the depth.
    """
    values = _unpack(_remove_padding(data, pixel_format, frame_hw, padding), pixel_format, frame_hw)
    if values.dtype != np.uint8:
        depth = bit_depth if pixel_format.bits == 16 else pixel_format.bits
        values = to_eight_bits(values, depth).image
    if pixel_format.colours == "BGR":
        return values.copy()
    return np.asarray(cv2.cvtColor(values, _TO_BGR[pixel_format.colours]), np.uint8)


def _remove_padding(
    data: bytes, pixel_format: PixelFormat, frame_hw: tuple[int, int], padding: int
) -> npt.NDArray[np.uint8]:
    height, width = frame_hw
    row = pixel_format.count_bytes(width)
    size = height * (row + padding) if padding else pixel_format.count_bytes(height * width)
    if len(data) < size:
        raise DataError(
            f"has {len(data)} bytes, but {width}x{height} pixels in the format "
            f"{pixel_format.name} need {size}"
        )
    content = np.frombuffer(data, np.uint8, size)
    return content.reshape(height, row + padding)[:, :row].ravel() if padding else content


def _unpack(
    content: npt.NDArray[np.uint8], pixel_format: PixelFormat, frame_hw: tuple[int, int]
) -> npt.NDArray[Any]:
    """(H, W) or (H, W, 3) array of uint8 or uint16."""
    height, width = frame_hw
    pixels: npt.NDArray[Any]
    if pixel_format.packing:
        pixels = _unpack_groups(content, pixel_format)[: height * width]
    else:
        pixels = content if pixel_format.bits == 8 else content.view("<u2")
    if pixel_format.colours in ("RGB", "BGR"):
        return pixels.reshape(height, width, 3)
    return pixels.reshape(height, width)


def _unpack_groups(
    content: npt.NDArray[np.uint8], pixel_format: PixelFormat
) -> npt.NDArray[np.uint16]:
    """Pixels of a packed format; more than there are if they do not fill their last group."""
    bits = pixel_format.bits
    group = 5 if (bits, pixel_format.packing) == (10, "p") else 3
    missing = -len(content) % group
    b = np.pad(content, (0, missing)).reshape(-1, group).T.astype(np.uint16)
    if pixel_format.packing == "Packed":
        low = bits - 8
        mask = (1 << low) - 1
        pixels = [b[0] << low | b[1] & mask, b[2] << low | (b[1] >> 4) & mask]
    elif bits == 12:
        pixels = [b[0] | (b[1] & 0xF) << 8, b[1] >> 4 | b[2] << 4]
    else:
        pixels = [b[i] >> 2 * i | (b[i + 1] << 8 - 2 * i) & 0x3FF for i in range(4)]
    return np.stack(pixels, axis=1).ravel()
