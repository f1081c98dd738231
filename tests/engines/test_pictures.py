"""Tests how picture files with more than 8 bits and unusual contents are decoded."""

import struct
import zlib
from pathlib import Path

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
    extra=None,
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
            *([(338, 3, extra)] if extra is not None else []),
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


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2] + b"\xff\xd9",
        lambda data: data[: len(data) // 2] + data[len(data) // 2 + 300 :],
    ],
    ids=["cut", "bytes removed"],
)
def test_a_jpeg_that_is_damaged_before_its_end_marker_is_refused(tmp_path, damage, progressive):
    settings = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    content = cv2.imencode(".jpg", COLOUR, settings)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(damage(content))
    with pytest.raises(DataError, match="damaged: its JPEG data cannot be read to their end"):
        decode_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("sampling", [0x411111, 0x221111, 0x211111, 0x121111, 0x111111])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (48, 64)])
def test_a_jpeg_without_damage_is_read(tmp_path, sampling, size):
    for quality, progressive, restart in ((1, 0, 0), (60, 1, 2), (100, 0, 3)):
        settings = [
            *(cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive),
            *(cv2.IMWRITE_JPEG_RST_INTERVAL, restart),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling),
        ]
        content = cv2.imencode(".jpg", COLOUR[: size[0], : size[1]], settings)[1].tobytes()
        (tmp_path / "a.jpg").write_bytes(content + b"text of another program")
        assert decode_picture(tmp_path / "a.jpg").shape == (*size, 3)


JPEG = cv2.imencode(".jpg", GREY)[1].tobytes()
PGM = b"P5\n64 48\n255\n" + GREY.tobytes()
PPM16 = b"P6 64 48 65535\n" + deepen(COLOUR, 16).astype(">u2").tobytes()
PBM = b"P4\n64 48\n" + bytes(8 * 48)


@pytest.mark.parametrize("content", [JPEG, PGM, PPM16, PBM], ids=["jpg", "pgm", "ppm", "pbm"])
def test_a_file_of_several_pictures_is_refused(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content + b"rest" * 3)
    assert decode_picture(tmp_path / "a.jpg").shape == (48, 64, 3)
    (tmp_path / "a.jpg").write_bytes(content + content)
    with pytest.raises(DataError, match="holds several pictures"):
        decode_picture(tmp_path / "a.jpg")


def test_a_jpeg_with_an_index_of_small_pictures_is_read(tmp_path):
    index = b"\xff\xe2\x00\x06MPF\0"
    (tmp_path / "a.jpg").write_bytes(JPEG[:2] + index + JPEG[2:] + JPEG)
    assert np.array_equal(
        decode_picture(tmp_path / "a.jpg"), cv2.imdecode(np.frombuffer(JPEG, np.uint8), 1)
    )


def test_transparent_pixels_of_a_tiff_are_not_read_as_dark_ones(tmp_path):
    opaque = np.dstack([COLOUR, np.full(GREY.shape, 255, np.uint8)])
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(opaque, bits=8, photometric=2, channels=4, extra=2))
    assert np.array_equal(decode_picture(path), COLOUR[..., ::-1])
    opaque[5, 5, 3] = 100
    path.write_bytes(tiff(opaque, bits=8, photometric=2, channels=4, extra=2))
    with pytest.raises(DataError, match="transparent pixels"):
        decode_picture(path)


def test_an_endless_file_of_the_system_is_empty(tmp_path):
    endless = Path("/proc/self/mem")
    if not endless.exists():
        pytest.skip("only Linux has this file")
    (tmp_path / "a.png").symlink_to(endless)
    with pytest.raises(DataError, match="is empty"):
        decode_picture(tmp_path / "a.png")
