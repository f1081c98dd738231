"""Tests that a picture file cannot use more memory or time than its size allows."""

import resource
import struct
import zlib

import cv2
import numpy as np
import pytest

from engines.picture_header import read_header
from engines.pictures import decode_picture
from inspector.core.errors import DataError
from inspector.core.reading import Reading

PICTURE = np.random.default_rng(3).integers(0, 256, (37, 53, 3), np.uint8)
SIDE = 60_000
WEBP = [cv2.IMWRITE_WEBP_QUALITY]


def encode(suffix, *settings):
    return cv2.imencode(suffix, PICTURE, list(settings))[1].tobytes()


def png_chunk(kind, body):
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def put(content, at, form, *values):
    return content[:at] + struct.pack(form, *values) + content[at + struct.calcsize(form) :]


def huge_tiff():
    content = encode(".tif")
    start = struct.unpack_from("<I", content, 4)[0]
    for at in range(start + 2, start + 26, 12):
        if struct.unpack_from("<H", content, at)[0] in (256, 257):
            content = put(content, at + 2, "<HII", 4, 1, SIDE)
    return content


def huge_png():
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return put(encode(".png"), 8, "25s", png_chunk(b"IHDR", header))


HUGE = {
    "png": huge_png(),
    "jpg": put(encode(".jpg"), encode(".jpg").index(b"\xff\xc0") + 5, ">HH", SIDE, SIDE),
    "tif": huge_tiff(),
    "bmp": put(encode(".bmp"), 18, "<ii", SIDE, -SIDE),
    "jp2": put(encode(".jp2"), encode(".jp2").index(b"\xff\x4f\xff\x51") + 8, ">II", SIDE, SIDE),
    "ppm": b"P6\n#a\n60000 60000\n255\n" + bytes(100),
    "pbm": b"P4 60000 60000\n" + bytes(100),
}


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".png", []),
        (".jpg", []),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".tif", []),
        (".bmp", []),
        (".webp", [*WEBP, 80]),
        (".webp", [*WEBP, 101]),
        (".jp2", []),
        (".ppm", []),
        (".pbm", []),
    ],
)
def test_the_header_states_the_size(suffix, settings):
    picture = PICTURE[..., 0] if suffix == ".pbm" else PICTURE
    content = cv2.imencode(suffix, picture, settings)[1].tobytes()
    assert read_header(content).hw == (37, 53)


@pytest.mark.parametrize("suffix", HUGE)
@pytest.mark.parametrize("flag", [cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, suffix, flag):
    path = tmp_path / f"huge.{suffix}"
    path.write_bytes(HUGE[suffix])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"60000x60000 pixels.*limit of 134217728 pixels"):
        decode_picture(path, flag)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_the_limit_can_be_set(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(".png"))
    assert decode_picture(path, reading=Reading(max_pixels=37 * 53)).shape == (37, 53, 3)
    with pytest.raises(DataError, match=r"source\.max_pixels"):
        decode_picture(path, reading=Reading(max_pixels=37 * 53 - 1))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".jp2", ".ppm"])
def test_any_cut_header_is_one_sentence(tmp_path, suffix):
    content = encode(suffix)
    for length in range(min(len(content) - 1, 120)):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            decode_picture(path)


def test_compressed_texts_of_a_png_take_no_time(tmp_path):
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20), 9))
    content = encode(".png")
    (tmp_path / "a.png").write_bytes(content[:33] + 65 * text + content[33:])
    with pytest.raises(DataError, match="more than 64 texts"):
        decode_picture(tmp_path / "a.png")


def test_more_data_than_pixels_take_no_time(tmp_path):
    content = encode(".png")
    more = png_chunk(b"IDAT", bytes(1 << 17))
    (tmp_path / "a.png").write_bytes(content[:-12] + more + content[-12:])
    with pytest.raises(DataError, match="more data than its pixels need"):
        decode_picture(tmp_path / "a.png")


@pytest.mark.parametrize("progressive", [0, 1])
def test_many_scans_of_a_jpeg_take_no_time(tmp_path, progressive):
    content = encode(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    if not progressive:  # the first scan holds one colour only
        content = put(content, content.index(b"\xff\xda") + 4, "B", 1)
    (tmp_path / "a.jpg").write_bytes(content[:-2] + 200 * b"\xff\xda\0\x02" + b"\xff\xd9")
    with pytest.raises(DataError, match="more than 100 scans"):
        decode_picture(tmp_path / "a.jpg")


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match=r"1099512 MB.*source\.max_pixels"):
        decode_picture(path)


@pytest.mark.parametrize("content", [b"GIF89a" + bytes(50), b"P7\nWIDTH 3", b"#?RADIANCE\n", b"x"])
def test_other_formats_are_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="is not a PNG, JPEG"):
        decode_picture(tmp_path / "a.png")
