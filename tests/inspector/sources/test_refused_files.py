"""Files that cannot be read like a video file are refused, and the right stream is read."""

import os
from pathlib import Path

import av
import pytest
from loguru import logger
from source_clips import moving, write_clip

from inspector.core.errors import SourceError
from inspector.sources.video_file import VideoFileSource


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(SourceError, match="is a pipe or a device"):
            VideoFileSource(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "clip.m3u8",
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nclip.ts\n#EXTINF:1,\nabsent.ts\n"
            "#EXT-X-ENDLIST\n",
        ),
        ("clip.mp4", "ffconcat version 1.0\nfile clip.ts\n"),
    ],
)
def test_lists_of_videos_are_refused(tmp_path: Path, name: str, text: str) -> None:
    write_clip(tmp_path / "clip.ts", moving(10))
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match="is a list of videos"):
        VideoFileSource(tmp_path / name)


def test_the_first_picture_of_an_animation_does_not_replace_the_animation(tmp_path: Path) -> None:
    path = tmp_path / "clip.avif"
    write_clip(path, moving(10), codec="libsvtav1", options={"preset": "12"})
    source = VideoFileSource(path)
    count = sum(1 for _ in iter(source.read, None))
    source.close()
    assert count == 10


def test_a_second_video_stream_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mjpeg", rate=25) for _ in range(2)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = 96, 128, "yuvj420p"
        for stream in streams:
            for i, picture in enumerate(moving(5)):
                frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuvj420p")
                frame.pts = i
                container.mux(stream.encode(frame))
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    VideoFileSource(path).close()
    logger.remove(sink)
    assert any("2 video streams: only the first is read" in line for line in lines)
