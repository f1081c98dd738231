"""Decodes picture files, the same for inspecting, fitting and evaluating."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.errors import DataError


def decode_picture(path: Path, flag: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any]:
    """Decodes a picture file with OpenCV.

    flag: one of OpenCV's IMREAD flags. IMREAD_COLOR gives (H, W, 3) uint8 BGR: grey becomes BGR,
    alpha is dropped, 16 bits are scaled to 8, and the EXIF orientation is applied. Raises DataError
    for a file that cannot be read, is empty, is not a picture, or is too large for OpenCV.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as exc:
        raise DataError(f"the picture {path} cannot be read: {exc.strerror}") from exc
    if not content.size:
        raise DataError(f"the picture {path} is empty")
    try:
        image = cv2.imdecode(content, flag)
    except cv2.error as exc:
        raise DataError(f"the picture {path} cannot be decoded: {exc.err}") from exc
    if image is None or not image.size:
        raise DataError(f"the picture {path} cannot be decoded")
    return np.asarray(image)
