"""Encodes pictures as JPEG and writes them into the folder of a run."""

from pathlib import Path

import cv2

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.core.files import write_whole


def encode_jpeg(bgr: Image, quality: int, path: Path) -> bytes:
    """bgr: (H, W, 3) uint8. quality: 1 to 100. path: for messages. Raises SinkError."""
    try:
        encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as exc:
        raise SinkError(f"the picture {path} cannot be encoded: {exc.err}") from exc
    if not encoded:
        raise SinkError(f"the picture {path} cannot be encoded")
    return bytes(data.tobytes())


def write_picture(path: Path, data: bytes) -> None:
    """Writes a picture completely or not at all. Raises SinkError, also if its folder is gone."""
    # A folder that replaced the results belongs to somebody else.
    if not path.parent.is_dir():
        raise SinkError(f"the picture {path} cannot be written: its folder is gone")
    # A sync at each picture would slow the run.
    write_whole(path, data, "the picture ", sync=False)
