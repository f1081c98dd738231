"""Tests the limits of the size and the bit depth of video frames."""

import resource
import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from inspector.core.errors import SourceError
from inspector.core.types import BadFrame
from inspector.sources.options import VideoFileOptions
from inspector.sources.video_file import VideoFileSource

JPEG = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))


def huge(jpeg):
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", 60_000, 60_000) + jpeg[at + 4 :]


def write_mjpeg(path, pictures):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        for index, picture in enumerate(pictures):
            packet = av.Packet(picture)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = index
            container.mux(packet)
    return path


def write_ffv1(path, values, pix_fmt):
    """A clip of two equal frames. values: (64, 64) grey in the bits of pix_fmt."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = pix_fmt
        for _ in range(2):
            frame = av.VideoFrame(64, 64, pix_fmt)
            rows = np.zeros((64, frame.planes[0].line_size), np.uint8)
            rows[:, :128] = values.astype("<u2").view(np.uint8)
            frame.planes[0].update(rows.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_all(path, **options):
    source = VideoFileSource(path, VideoFileOptions(**options))
    frames = list(iter(source.read, None))
    source.close()
    return frames


def test_huge_frames_inside_a_video_take_no_memory(tmp_path):
    path = write_mjpeg(tmp_path / "a.avi", [JPEG] * 4 + [huge(JPEG)] * 2 + [JPEG] * 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames = read_all(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert [isinstance(frame, BadFrame) for frame in frames[:4]] == [False] * 4
    assert sum(isinstance(frame, BadFrame) for frame in frames) >= 2


def test_a_video_with_too_large_frames_is_refused(tmp_path):
    path = write_mjpeg(tmp_path / "a.avi", [JPEG] * 4)
    assert len(read_all(path, max_pixels=64 * 64)) == 4
    with pytest.raises(SourceError, match=r"64x64 pixels.*limit of 4095.*source\.max_pixels"):
        read_all(path, max_pixels=64 * 64 - 1)


@pytest.mark.parametrize(("pix_fmt", "bits"), [("gray10le", 10), ("gray12le", 12)])
def test_the_pixel_format_states_the_depth(tmp_path, pix_fmt, bits):
    values = RAMP.astype(np.uint16) << (bits - 8)
    frames = read_all(write_ffv1(tmp_path / "a.mkv", values, pix_fmt))
    assert np.abs(frames[0].image[..., 0].astype(int) - RAMP).max() <= 1


def test_a_video_of_16_bits_has_the_depth_of_the_pictures(tmp_path):
    path = write_ffv1(tmp_path / "a.mkv", RAMP.astype(np.uint16) << 4, "gray16le")
    assert np.array_equal(read_all(path, bit_depth=12)[0].image[..., 0], RAMP)
    with pytest.raises(SourceError, match=r"fit into 12 bits.*source\.bit_depth"):
        read_all(path)
    path = write_ffv1(tmp_path / "b.mkv", RAMP.astype(np.uint16) << 8, "gray16le")
    assert np.array_equal(read_all(path)[0].image[..., 0], RAMP)
