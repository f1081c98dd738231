"""Encoding and decoding pictures as base64 PNG text."""

import numpy as np
import pytest

from engines import png
from inspector.core.errors import SpecError


@pytest.mark.parametrize("shape", [(12, 20), (12, 20, 3)])
def test_a_picture_is_decoded_as_it_was_encoded(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    again = png.decode(png.encode(picture), (12, 20), picture.ndim * 2 - 3, "a picture")
    assert np.array_equal(picture, again)


@pytest.mark.parametrize(
    ("hw", "channels", "message"),
    [
        ((12, 21), 1, "a view must be a complete PNG of 21x12, 8 bits grey"),
        ((12, 20), 3, "a view must be a complete PNG of 20x12, 8 bits RGB"),
    ],
)
def test_another_size_or_kind_is_refused(hw, channels, message):
    text = png.encode(np.zeros((12, 20), np.uint8))
    with pytest.raises(SpecError, match=message):
        png.decode(text, hw, channels, "a view")
