"""Packing and unpacking golden pictures; other content is refused before it is decompressed."""

import base64
import dataclasses
import struct
import zlib

import numpy as np
import pytest

from engines import golden
from engines.backends.fake import fake_spec
from engines.spec import EngineSpec
from inspector.core.errors import SpecError

HW, MAP_HW = (96, 128), (48, 64)


def arrays(count: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (count, *HW, 3)).astype(np.uint8)
    return pixels, random.random((count, *MAP_HW)), random.random(count)


def spec_with(**changes: object) -> EngineSpec:
    return dataclasses.replace(fake_spec(HW), golden=golden.pack(*arrays()) | changes)


def bomb(size: int) -> str:
    return base64.b64encode(zlib.compress(b"\0" * size, 9)).decode()


def png(width: int, height: int, extra: bytes = b"") -> str:
    """A PNG with a header for this size, but without pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def test_packed_pictures_are_unpacked_again():
    pixels, maps, scores = arrays()
    unpacked = golden.unpack(
        dataclasses.replace(fake_spec(HW), golden=golden.pack(pixels, maps, scores))
    )
    assert unpacked is not None
    assert np.array_equal(unpacked.pixels, pixels)
    assert np.array_equal(unpacked.maps, maps.astype(np.float16).astype(np.float32))
    assert np.array_equal(unpacked.scores, scores)


def test_a_file_without_golden_pictures_has_none():
    assert golden.unpack(fake_spec(HW)) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pictures": "x"}, "golden.pictures must be a list"),
        ({"scores": [0.1]}, "as many pictures as maps and scores"),
        ({"scores": [0.1, "x"]}, "golden.scores must be finite numbers"),
        ({"scores": [0.1, True]}, "golden.scores must be finite numbers"),
        ({"scores": [0.1, 10**400]}, "golden.scores must be finite numbers"),
        ({"map_dtype": "object"}, "golden.map_dtype"),
        ({"map_dtype": "float64"}, "golden.map_dtype"),
        ({"pictures": [1, 2]}, "must be text"),
        ({"pictures": ["!", "!"]}, "not base64"),
        ({"pictures": ["aaaa", "aaaa"]}, "must be a complete PNG"),
        ({"pictures": [png(60_000, 60_000)] * 2}, "must be a complete PNG of 128x96"),
        ({"pictures": [png(128, 96, b"\0\0\0\0zTXt\0\0\0\0")] * 2}, "must be a complete PNG"),
        ({"pictures": [png(128, 96)] * 2}, "cannot be decoded"),
        ({"maps": [bomb(50_000_000)] * 2}, "a golden map must hold 6144 bytes"),
        ({"maps": [bomb(6143)] * 2}, "a golden map must hold 6144 bytes"),
        ({"maps": ["AAAA", "AAAA"]}, "cannot be decompressed"),
        ({"maps": [bomb(12288)] * 2, "map_dtype": "float16"}, "must hold 6144 bytes"),
    ],
)
def test_other_content_is_refused_in_one_sentence(changes, message):
    with pytest.raises(SpecError, match=message) as caught:
        golden.unpack(spec_with(**changes))
    assert len(str(caught.value)) < 200


def test_too_many_pictures_are_refused():
    packed = golden.pack(*arrays(1))
    many = {key: value * 65 for key, value in packed.items() if key != "map_dtype"}
    with pytest.raises(SpecError, match="1 to 64"):
        golden.unpack(spec_with(**many))


def test_pictures_that_are_too_large_together_are_refused_before_they_are_read():
    spec = spec_with(pictures=["x"] * 64, maps=["x"] * 64, scores=[0.0] * 64)
    large = dataclasses.replace(spec.resize, input_hw=(4096, 4096))
    with pytest.raises(SpecError, match="would take"):
        golden.unpack(dataclasses.replace(spec, resize=large, map_hw=(4096, 4096)))


def test_maps_that_are_not_finite_are_refused():
    nan = np.full(MAP_HW, np.nan, np.float16).tobytes()
    packed = base64.b64encode(zlib.compress(nan)).decode()
    with pytest.raises(SpecError, match="not finite"):
        golden.unpack(spec_with(maps=[packed] * 2))


@pytest.mark.parametrize("factor", [1e-6, 1e6, -1e6])
def test_maps_that_do_not_fit_float16_are_stored_as_float32(factor):
    pixels, maps, scores = arrays()
    packed = golden.pack(pixels, maps * factor, scores)
    again = golden.unpack(dataclasses.replace(fake_spec(HW), golden=packed))
    assert packed["map_dtype"] == "float32"
    assert np.abs(again.maps - maps * factor).max() < 1e-6 * abs(factor)
