from pathlib import Path

import numpy as np
import pytest
from source_clips import CODED, difference, moving, read_all, rewrite_packets, write_clip

from inspector.core.types import BadFrame, Frame

INTRA = [
    ("mjpeg", "yuvj422p", "avi"),
    ("mjpeg", "yuvj420p", "mkv"),
    ("prores_ks", "yuv422p10le", "mov"),
    ("ffv1", "yuv420p", "avi"),
    ("png", "rgb24", "mov"),
    ("jpeg2000", "yuv420p", "mkv"),
    ("magicyuv", "yuv422p", "avi"),
    ("rawvideo", "yuv420p", "nut"),
]
PREDICTED = [
    ("libx264", "yuv420p", "mkv"),
    ("libx265", "yuv420p", "mkv"),
    ("libvpx-vp9", "yuv420p", "mkv"),
    ("libsvtav1", "yuv420p", "mkv"),
    ("mpeg2video", "yuv420p", "mkv"),
    ("mpeg4", "yuv420p", "mkv"),
]
OPTIONS = {
    "ffv1": {"level": "3", "slicecrc": "1"},
    # With several threads, the encoder once waited for itself on a busy machine.
    "libsvtav1": {"svtav1-params": "lp=1"},
}


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(30)


def write(path: Path, pictures, codec: str, pix_fmt: str, *, gop: int) -> list[np.ndarray]:
    """Returns the decoded pictures of the clip, all of which must be clean."""
    write_clip(
        path,
        pictures,
        codec=codec,
        pix_fmt=pix_fmt,
        gop=gop,
        bit_rate=1_500_000,
        options=OPTIONS.get(codec),
    )
    frames = read_all(path)
    assert len(frames) == len(pictures)
    assert not [f for f in frames if isinstance(f, BadFrame)]
    for frame, image in zip(frames, pictures, strict=True):
        assert difference(frame.image, image) < CODED
    return [f.image for f in frames]


def cut(data: bytes) -> bytes:
    return data[: len(data) * 6 // 10]


def cut_in_the_middle(data: bytes) -> bytes:
    return data[: len(data) * 4 // 10] + data[len(data) * 6 // 10 :]


def overwrite(data: bytes) -> bytes:
    at = len(data) * 6 // 10
    return data[:at] + np.random.default_rng(1).bytes(len(data) - at - 2) + data[-2:]


@pytest.mark.parametrize("damage", [cut, cut_in_the_middle])
@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), INTRA)
def test_a_cut_picture_is_bad_and_the_others_are_judged(
    tmp_path: Path, pictures, codec, pix_fmt, suffix, damage
):
    if codec == "ffv1" and damage is cut_in_the_middle:
        pytest.skip("the decoder replaces a damaged slice of FFV1 without an error")
    path, damaged = tmp_path / f"clip.{suffix}", tmp_path / f"damaged.{suffix}"
    clean = write(path, pictures, codec, pix_fmt, gop=1)
    rewrite_packets(path, damaged, dict.fromkeys((8, 9, 17, 29), damage))
    frames = read_all(damaged)
    assert [f.frame_id for f in frames if isinstance(f, BadFrame)] == [8, 9, 17, 29]
    for frame, image in zip(frames, clean, strict=True):
        assert isinstance(frame, BadFrame) or np.array_equal(frame.image, image)


@pytest.mark.parametrize("damage", [cut, cut_in_the_middle, overwrite])
@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), PREDICTED)
def test_no_wrong_picture_of_a_damaged_packet_is_judged(
    tmp_path: Path, pictures, codec, pix_fmt, suffix, damage
):
    path, damaged = tmp_path / f"clip.{suffix}", tmp_path / f"damaged.{suffix}"
    clean = write(path, pictures, codec, pix_fmt, gop=10)
    if codec == "libsvtav1" and damage is not overwrite:
        pytest.skip("the muxer refuses such a packet of AV1")
    if codec == "libx265" and damage is overwrite:
        pytest.skip("HEVC has no checksum, and the decoder accepts nearly all changed bytes")
    rewrite_packets(path, damaged, {13: damage})
    frames = read_all(damaged)
    good = [f for f in frames if isinstance(f, Frame)]
    assert len(good) >= 8
    wrong = [f.frame_id for f in good if not any(np.array_equal(f.image, image) for image in clean)]
    assert wrong == []


def test_a_picture_of_size_0_is_bad_and_the_others_are_judged(tmp_path: Path, pictures):
    path = tmp_path / "clip.mov"
    write(path, pictures, "mjpeg", "yuvj420p", gop=1)
    data = bytearray(path.read_bytes())
    # The table of sizes: 12 bytes from the name to the entry of picture 0.
    entry = data.index(b"stsz") + 4 + 12 + 4 * 9
    data[entry : entry + 4] = bytes(4)
    path.write_bytes(data)
    assert [f.frame_id for f in read_all(path) if isinstance(f, BadFrame)] == [9]
