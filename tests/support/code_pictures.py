"""Pictures of parts with a code, drawn by the writer of zxing-cpp."""

import cv2
import numpy as np
import pytest

from inspector.core.arrays import Image

REGION = (0.1, 0.1, 0.9, 0.9)
HW = (120, 160)


def code_picture(
    *texts: str, code: str = "DataMatrix", inverted: bool = False, noise: float = 6.0
) -> Image:
    """(120, 160, 3) uint8 BGR: a grey part with codes side by side. Without a text: no code."""
    zxingcpp = pytest.importorskip("zxingcpp", reason="needs the extra codes")
    picture = np.random.default_rng(1).normal(170, noise, HW)
    for number, text in enumerate(texts):
        barcode = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(code))
        scale = 1 if code == "Code128" else 3
        drawn = np.array(zxingcpp.write_barcode_to_image(barcode, scale=scale))
        drawn = drawn[:80, : 120 // len(texts)]
        y, x = 20, 20 + 60 * number
        picture[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    if inverted:
        picture = 255 - picture
    grey = np.clip(picture, 0, 255).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
