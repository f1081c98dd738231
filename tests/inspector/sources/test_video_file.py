import gc
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from source_clips import (
    CODED,
    HW,
    difference,
    moving,
    read_all,
    set_display_matrix,
    write_clip,
    write_sound,
)

from inspector.core.errors import SourceError
from inspector.core.types import Frame
from inspector.sources.uri import kind_of
from inspector.sources.video_file import VideoFileSource

REAL = sorted((Path(__file__).parents[3] / "../shared/data/video").glob("*.mp4"))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(60)


def test_every_picture_comes_in_order_with_its_time(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures, options={"bf": "2", "preset": "medium"})
    frames = read_all(path)
    assert [f.frame_id for f in frames] == list(range(60))
    assert [f.pts_s for f in frames] == [float(Fraction(i, 30)) for i in range(60)]
    for frame, image in zip(frames, pictures, strict=True):
        assert difference(frame.image, image) < CODED
        assert not frame.image.flags.writeable
        assert frame.image.flags.c_contiguous


def test_info_has_size_rate_length_and_time_base(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures)
    source = VideoFileSource(path)
    info = source.info
    source.close()
    assert info.frame_hw == HW
    assert (info.fps, info.frame_count, info.duration_s) == (30.0, 60, 2.0)
    assert info.time_base is not None
    assert Fraction(1, 30) / info.time_base % 1 == 0
    assert (info.live, info.path, info.source_id) == (False, path, str(path))


def test_a_variable_frame_rate_keeps_each_time(tmp_path: Path, pictures):
    ticks = [0, 1, 5, 6, 30, 31, 90, 91]
    path = tmp_path / "vfr.mp4"
    write_clip(path, pictures[:8], pts=ticks, time_base=Fraction(1, 90))
    assert [f.pts_s for f in read_all(path)] == [float(Fraction(t, 90)) for t in ticks]


def test_a_first_time_other_than_zero_is_kept(tmp_path: Path, pictures):
    path = tmp_path / "clip.mkv"
    write_clip(path, pictures[:5], pts=[90 + i for i in range(5)])
    assert [f.pts_s for f in read_all(path)] == pytest.approx([3 + i / 30 for i in range(5)], 1e-3)


def test_a_stream_without_times_uses_its_frame_rate(tmp_path: Path, pictures):
    path = tmp_path / "raw.h264"
    write_clip(path, pictures[:6], form="h264")
    times = [f.pts_s for f in read_all(path)]
    assert len(times) == 6
    assert np.diff(times) == pytest.approx([times[1] - times[0]] * 5)
    assert times[1] > times[0]


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda p: cv2.rotate(p, cv2.ROTATE_90_CLOCKWISE)),
        ((-1, 0, 0, -1), lambda p: cv2.rotate(p, cv2.ROTATE_180)),
        ((0, -1, 1, 0), lambda p: cv2.rotate(p, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
    ],
)
def test_the_display_matrix_is_applied(tmp_path: Path, pictures, matrix, turned):
    path = tmp_path / "turned.mp4"
    write_clip(path, pictures[:2])
    set_display_matrix(path, matrix)
    source = VideoFileSource(path)
    frame = source.read()
    source.close()
    expected = turned(pictures[0])
    assert source.info.frame_hw == expected.shape[:2]
    assert difference(frame.image, expected) < CODED
    assert frame.image.flags.c_contiguous


@pytest.mark.parametrize("hw", [(96, 128), (90, 122), (50, 34)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
def test_sizes_and_pixel_formats_give_the_same_picture(tmp_path: Path, hw, pix_fmt):
    image = moving(1, hw)[0]
    path = tmp_path / "clip.mp4"
    write_clip(path, [image], pix_fmt=pix_fmt, options={"crf": "1"})
    (frame,) = read_all(path)
    assert frame.image.shape == (*hw, 3)
    assert difference(frame.image, image) < CODED


@pytest.mark.parametrize(("colorspace", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114)])
@pytest.mark.parametrize("full", [False, True])
def test_colour_matrix_and_range_of_the_stream_are_applied(tmp_path, colorspace, kr, kb, full):
    blue, green, red = 40, 180, 90
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    scale, offset, chroma = (1, 0, 1) if full else (219 / 255, 16, 224 / 255)
    planes = np.empty((96, 64), np.uint8)
    planes[:64] = round(offset + scale * luma)
    planes[64:80] = round(128 + chroma * (blue - luma) / (2 * (1 - kb)))
    planes[80:] = round(128 + chroma * (red - luma) / (2 * (1 - kr)))
    path = tmp_path / "colour.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = 2 if full else 1
        stream.options = {"crf": "1"}
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (read,) = read_all(path)
    assert np.abs(read.image.reshape(-1, 3).mean(axis=0) - (blue, green, red)).max() < 3


def test_a_file_that_is_not_a_video_is_refused_in_one_sentence(tmp_path: Path, pictures):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    write_sound(tmp_path / "sound.mp4")
    clip = tmp_path / "clip.mp4"
    write_clip(clip, pictures[:10])
    (tmp_path / "headless.mp4").write_bytes(clip.read_bytes()[:3000])
    for name, words in (
        ("missing.mp4", "does not exist"),
        ("", "is a folder"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "cannot be read as a video file"),
        ("headless.mp4", "cannot be read as a video file"),
        ("sound.mp4", "holds no video stream"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            VideoFileSource(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 2


def test_a_cover_picture_is_not_a_video(tmp_path: Path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("mp3", rate=44100)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(moving(1, (64, 64))[0], format="bgr24")
        container.mux(cover.encode(image.reformat(format="yuvj420p")))
        frame = av.AudioFrame.from_ndarray(
            np.zeros((2, 1152), np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with pytest.raises(SourceError, match="only a cover picture"):
        VideoFileSource(path)


def test_a_frame_does_not_change_while_the_next_frames_are_read(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures)
    source = VideoFileSource(path)
    frame = source.read()
    before = frame.image.copy()
    while source.read() is not None:
        pass
    source.close()
    assert np.array_equal(frame.image, before)


def test_closing_from_another_thread_ends_the_reading(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures * 5)
    source = VideoFileSource(path)
    read = []

    def drain() -> None:
        while (frame := source.read()) is not None:
            read.append(frame.frame_id)
            time.sleep(0.001)

    thread = threading.Thread(target=drain)
    thread.start()
    while len(read) < 3:
        time.sleep(0.001)
    source.close()
    thread.join(2)
    assert not thread.is_alive()
    assert len(read) < 300
    assert source.read() is None
    source.close()


@pytest.mark.data
@pytest.mark.skipif(not REAL, reason="the real videos are not beside the project")
@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_a_real_video_is_read_to_its_end(path: Path):
    source = VideoFileSource(path)
    frames = 0
    last = -1.0
    while (frame := source.read()) is not None:
        assert isinstance(frame, Frame)
        assert frame.pts_s > last
        last = frame.pts_s
        frames += 1
    source.close()
    assert frames == source.info.frame_count


def test_a_released_frame_frees_its_memory_without_the_garbage_collector(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures)
    source = VideoFileSource(path)
    gc.collect()
    gc.disable()
    try:
        while source.read() is not None:
            pass
        waiting = [o for o in gc.get_objects() if isinstance(o, av.VideoFrame)]
    finally:
        gc.enable()
        source.close()
    assert len(waiting) <= 3


def test_a_name_that_is_too_long_gives_a_one_sentence_error(tmp_path: Path):
    for name in ("x" * 300, "x" * 300 + ".mp4"):
        assert kind_of(str(tmp_path / name)) == "video_file"
        with pytest.raises(SourceError, match="does not exist"):
            VideoFileSource(tmp_path / name)
