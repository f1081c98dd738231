"""Files of the right size with a part that holds no pictures."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import moving, write_clip

from inspector.core.errors import SourceEndedEarly
from inspector.core.types import BadFrame, Frame
from inspector.sources.video_file import VideoFileSource

COUNT = 60


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(COUNT)


def write(path: Path, pictures, codec: str) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    write_clip(path, pictures, codec=codec, pix_fmt=pix_fmt, bit_rate=2_000_000)


def read_to_the_end(path: Path) -> tuple[list[Frame | BadFrame], dict[str, int], str]:
    source = VideoFileSource(path)
    frames: list[Frame | BadFrame] = []
    sentence = ""
    try:
        while (frame := source.read()) is not None:
            frames.append(frame)
    except SourceEndedEarly as exc:
        sentence = str(exc)
    source.close()
    return frames, source.missing(), sentence


CLIPS = [
    ("clip.avi", "mjpeg"),
    ("clip.avi", "mpeg4"),
    ("clip.mkv", "mjpeg"),
    ("clip.mkv", "libx264"),
    ("clip.webm", "libvpx-vp9"),
    ("clip.flv", "libx264"),
    ("clip.ivf", "libvpx-vp9"),
    ("clip.wmv", "wmv2"),
]


@pytest.mark.parametrize(("name", "codec"), CLIPS)
def test_a_file_that_ends_with_zeros_ends_early(tmp_path: Path, pictures, name, codec):
    path = tmp_path / name
    write(path, pictures, codec)
    assert read_to_the_end(path)[1:] == ({}, "")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2].ljust(len(data), b"\0"))
    frames, missing, sentence = read_to_the_end(path)
    assert "ends early" in sentence
    assert isinstance(frames[-1], BadFrame)
    assert missing["unreadable"] + len(frames) == pytest.approx(COUNT, abs=1)


@pytest.mark.parametrize("name", ["clip.ivf", "clip.wmv"])
def test_a_cut_file_ends_early(tmp_path: Path, pictures, name):
    path = tmp_path / name
    write(path, pictures, "libvpx-vp9" if name.endswith("ivf") else "wmv2")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, _, sentence = read_to_the_end(path)
    assert len(frames) < COUNT
    assert "ends early" in sentence


@pytest.mark.parametrize("codec", ["mjpeg", "libx264", "libvpx-vp9"])
def test_frames_of_a_damaged_cluster_are_missing(tmp_path: Path, pictures, codec):
    path = tmp_path / "clip.mkv"
    write_clip(
        path,
        pictures,
        codec=codec,
        pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p",
        container_options={"cluster_time_limit": "400"},
        bit_rate=2_000_000,
    )
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    frames, missing, sentence = read_to_the_end(path)
    assert "a part in its middle cannot be read" in sentence
    assert missing["unreadable"] + len(frames) == pytest.approx(COUNT, abs=3)
    assert any(isinstance(frame, BadFrame) for frame in frames)
    assert isinstance(frames[-1], Frame)


def test_a_last_picture_that_is_shown_for_long_is_no_missing_frame(tmp_path: Path, pictures):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuvj420p")
            frame.pts = i
            for packet in stream.encode(frame):
                packet.duration = 100 if i == COUNT - 1 else 1
                container.mux(packet)
    frames, missing, sentence = read_to_the_end(path)
    assert (len(frames), missing, sentence) == (COUNT, {}, "")
