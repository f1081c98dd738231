"""Tests how picture files with more than 8 bits and unusual contents are decoded."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from engines.pictures import decode, decode_picture
from inspector.core.errors import DataError
from inspector.core.reading import Reading

RNG = np.random.default_rng(5)
GREY = RNG.integers(40, 256, (48, 64), np.uint8)
COLOUR = RNG.integers(40, 256, (48, 64, 3), np.uint8)


def write(path, picture, *settings):
    assert cv2.imwrite(str(path), picture, list(settings))
    return path


def deepen(picture, bits):
    """The picture as a camera with `bits` bits gives it, in 16 bit values."""
    noise = RNG.integers(0, 1 << (bits - 8), picture.shape, np.uint16)
    return (picture.astype(np.uint16) << (bits - 8)) + noise


def tiff(
    values,
    *,
    bits=16,
    largest=None,
    sample_format=1,
    photometric=1,
    pages=1,
    reduced=False,
    data=None,
    planes=1,
    channels=1,
):
    """A TIFF file of grey values (H, W)."""
    height, width = values.shape[:2]
    data = values.tobytes() if data is None else data
    content = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    for page in range(pages):
        entries = [
            (254, 4, int(reduced and page > 0)),
            (256, 4, width),
            (257, 4, height),
            (258, 3, bits),
            (259, 3, 1),
            (262, 3, photometric),
            (273, 4, 8),
            (277, 3, channels),
            (278, 4, height),
            (279, 4, len(data)),
            *([(281, 3, largest)] if largest is not None else []),
            (284, 3, planes),
            (339, 3, sample_format),
        ]
        content += struct.pack("<H", len(entries))
        for tag, kind, value in entries:
            content += struct.pack("<HHII", tag, kind, 1, value)
        last = page == pages - 1
        content += struct.pack("<I", 0 if last else len(content) + 4)
    return content


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
def test_the_depth_of_the_camera_gives_the_picture_of_8_bits(tmp_path, bits, suffix, picture):
    expected = decode_picture(write(tmp_path / "8.png", picture))
    path = write(tmp_path / f"deep{suffix}", deepen(picture, bits))
    decoded = decode(path, Reading(bit_depth=bits))
    assert np.array_equal(decoded.image, expected)
    assert decoded.bit_depth == bits


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_a_doubtful_depth_is_asked_for(tmp_path, bits, suffix):
    values = GREY.astype(np.uint16) << (bits - 8)
    path = write(tmp_path / f"deep{suffix}", values)
    with pytest.raises(DataError, match=rf"fit into {bits} bits.*source\.bit_depth"):
        decode(path)


def test_a_black_picture_of_16_bits_is_read_with_a_stated_depth_only(tmp_path):
    path = write(tmp_path / "black.png", np.zeros((8, 8), np.uint16))
    with pytest.raises(DataError, match="bit_depth"):
        decode(path)
    assert not decode_picture(path, reading=Reading(bit_depth=16)).any()


def test_16_bits_need_no_stated_depth(tmp_path):
    path = write(tmp_path / "deep.png", deepen(GREY, 16))
    decoded = decode(path)
    assert np.array_equal(decoded.image[..., 0], GREY)
    assert decoded.bit_depth == 16


def test_values_above_the_stated_depth_are_refused(tmp_path):
    path = write(tmp_path / "deep.png", deepen(GREY, 12))
    with pytest.raises(DataError, match=r"does not fit into 10 bits.*source\.bit_depth"):
        decode(path, Reading(bit_depth=10))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_file_may_state_the_depth(tmp_path, bits):
    values, largest = deepen(GREY, bits), (1 << bits) - 1
    (tmp_path / "a.tif").write_bytes(tiff(values, largest=largest))
    header = f"P5 # grey\n64 48\n{largest}\n".encode()
    (tmp_path / "b.pgm").write_bytes(header + values.astype(">u2").tobytes())
    for name in ("a.tif", "b.pgm"):
        decoded = decode(tmp_path / name)
        assert decoded.bit_depth == bits
        assert np.array_equal(decoded.image[..., 0], GREY), name


def test_packed_bits_have_the_depth_of_the_file(tmp_path):
    values = deepen(GREY, 12).astype(np.int64).reshape(-1, 2)
    first, second = values[:, 0], values[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
    content = tiff(np.zeros((48, 64), np.uint8), bits=12, data=packed.astype(np.uint8).tobytes())
    (tmp_path / "a.tif").write_bytes(content)
    for reading in (Reading(), Reading(bit_depth=12)):
        decoded = decode(tmp_path / "a.tif", reading)
        assert decoded.bit_depth == 12
        assert np.array_equal(decoded.image[..., 0], GREY)


def test_8_bits_stay_as_they_are_whatever_depth_the_others_have(tmp_path):
    path = write(tmp_path / "8.png", COLOUR)
    decoded = decode(path, Reading(bit_depth=12))
    assert np.array_equal(decoded.image, COLOUR)
    assert decoded.bit_depth == 8


def test_alpha_of_16_bits_is_dropped(tmp_path):
    alpha = np.dstack([deepen(COLOUR, 16), np.full(GREY.shape, 9, np.uint16)])
    assert np.array_equal(decode_picture(write(tmp_path / "a.png", alpha)), COLOUR)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tiff(GREY.astype(np.float32), bits=32, sample_format=3), "32 bits per channel"),
        (tiff(GREY.astype(np.uint32), bits=32), "32 bits per channel"),
        (tiff(GREY.astype(np.int16), sample_format=2), "signed or floating point"),
        (tiff(GREY.astype(np.float16), sample_format=3), "signed or floating point"),
        (tiff(GREY, bits=8, pages=3), r"several pictures \(pages\)"),
        (tiff(GREY, bits=8, photometric=32803), "colours of an unknown kind"),
        (tiff(GREY, bits=8, photometric=5), "CMYK"),
        (tiff(deepen(GREY, 16), photometric=0), "photometric 0"),
        (b"P5\n64 48\n100\n" + bytes(64 * 48), "grey levels up to 100"),
        (b"P5\n64 48\n511\n" + bytes(2 * 64 * 48), "grey levels up to 511"),
        (tiff(deepen(COLOUR, 16), planes=2, channels=3), "each colour separately"),
    ],
)
def test_values_that_are_no_grey_levels_are_refused(tmp_path, content, problem):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        decode_picture(path)


def test_a_smaller_copy_is_no_second_picture(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GREY, bits=8, pages=2, reduced=True))
    assert np.array_equal(decode_picture(path)[..., 0], GREY)


def test_a_jpeg_with_cmyk_colours_is_refused(tmp_path):
    content = bytearray(cv2.imencode(".jpg", COLOUR)[1].tobytes())
    at = content.index(b"\xff\xc0")
    content[at + 9] = 4
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match="CMYK"):
        decode_picture(tmp_path / "a.jpg")


def test_an_animation_is_refused(tmp_path):
    content = cv2.imencode(".png", COLOUR)[1].tobytes()
    body = b"acTL" + struct.pack(">II", 2, 0)
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with pytest.raises(DataError, match="animation"):
        decode_picture(tmp_path / "a.png")


def test_masks_keep_their_values(tmp_path):
    labels = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    path = write(tmp_path / "m.png", labels)
    assert np.array_equal(decode_picture(path, cv2.IMREAD_UNCHANGED), labels)
    path = write(tmp_path / "m.tif", labels.astype(np.float32))
    assert np.array_equal(decode_picture(path, cv2.IMREAD_UNCHANGED), labels)
