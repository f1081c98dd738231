"""Encodes pictures as PNG, also as base64 text, and decodes both from untrusted files.

Every size is checked before data is decompressed.
"""

import base64
import binascii
import struct
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.errors import EngineError, SpecError

Pixels = npt.NDArray[np.uint8]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHUNKS: Final = (b"IHDR", b"IDAT", b"IEND")
_HEADS: Final = {3: (8, 2, 0, 0, 0), 1: (8, 0, 0, 0, 0)}
"""Channels -> bits, colour type, compression, filter and interlacing of the PNG files that
`encode` writes."""

_KINDS: Final = {3: "8 bits RGB", 1: "8 bits grey"}


def encode(picture: Pixels) -> str:
    """Like `encode_file`, as base64 text."""
    return base64.b64encode(encode_file(picture)).decode()


def encode_file(picture: Pixels) -> bytes:
    """picture: (H, W, 3) RGB or (H, W) grey. Raises EngineError if it cannot be encoded."""
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    success, content = cv2.imencode(".png", bgr)
    if not success:
        raise EngineError(f"a picture of shape {picture.shape} cannot be stored as PNG")
    return content.tobytes()


def decode(text: Any, hw: tuple[int, int], channels: int, what: str) -> Pixels:
    """Like `decode_file`, for the text of `encode`."""
    return decode_file(decode_base64(text, what), hw, channels, what)


def decode_file(content: bytes, hw: tuple[int, int], channels: int, what: str) -> Pixels:
    """Returns (H, W, 3) RGB for 3 channels, (H, W) grey for 1.

    what: for messages, such as "a golden picture". Raises SpecError for content that `encode_file`
    cannot have made from a picture of this size.
    """
    if _header(content) != (hw[1], hw[0], *_HEADS[channels]):
        raise SpecError(f"{what} must be a complete PNG of {hw[1]}x{hw[0]}, {_KINDS[channels]}")
    flag = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as exc:
        raise SpecError(f"{what} cannot be decoded") from exc
    if picture is None or picture.shape[:2] != hw:
        raise SpecError(f"{what} cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if channels == 3 else picture


def decode_base64(text: Any, what: str) -> bytes:
    """Raises SpecError for anything but base64 text."""
    if not isinstance(text, str):
        raise SpecError(f"{what} must be text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise SpecError(f"{what} is not base64") from exc


def _header(content: bytes) -> tuple[int, ...] | None:
    """Width, height, bits, colour type, compression, filter and interlacing.

    None if the content is not a PNG, is truncated, or has chunks that `encode` does not write.
    Chunks of text and colour profiles can expand to a huge size.
    """
    if not content.startswith(_SIGNATURE + b"\x00\x00\x00\x0dIHDR"):
        return None
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if name not in _CHUNKS:
            return None
        at += 12 + length
    is_complete = at == len(content) and content[-8:-4] == b"IEND"
    return struct.unpack_from(">IIBBBBB", content, len(_SIGNATURE) + 8) if is_complete else None
