"""Tests of the MP4 file: readable at any time, a normal file with an index at its end."""

import struct
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from loguru import logger
from output_parts import FlatPicture, inspection, make_clip, run_info, times, uneven_ticks

from inspector.core.errors import SinkError
from inspector.outputs import mp4_file
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_file import VideoFileSink

TICK = Fraction(1, 90_000)


def begin(path: Path, sound: Path | None = None, **options: object) -> VideoFileSink:
    sink = VideoFileSink(path, VideoOptions(**options))  # type: ignore[arg-type]
    sink.open(run_info(time_base=TICK, path=sound))
    return sink


def put(sink: VideoFileSink, numbers: range, fps: int = 25) -> None:
    for number in numbers:
        sink.write(inspection(number, pts_s=number / fps), FlatPicture(number % 200))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    number = logger.add(lines.append, format="{message}")
    yield lines
    logger.remove(number)


def kinds(path: Path) -> list[bytes]:
    """The kinds of the boxes at the top level."""
    data, at, kinds_in_order = path.read_bytes(), 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        kinds_in_order.append(kind)
        at += struct.unpack_from(">Q", data, at + 8)[0] if size == 1 else size
    return kinds_in_order


@pytest.mark.parametrize("sound", [False, True])
def test_a_complete_file_is_a_normal_mp4_with_a_duration(tmp_path: Path, sound: bool) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(100))
    sink = begin(out, clip if sound else None)
    put(sink, range(75))
    sink.close()
    assert kinds(out) == [b"ftyp", b"mdat", b"moov"]
    with av.open(str(out)) as container:
        video = container.streams.video[0]
        assert video.frames == 75
        assert video.duration * video.time_base == 3
        assert container.duration == pytest.approx(3_000_000, abs=50_000)
        container.seek(2_000_000, backward=True)
        first = next(container.decode(video=0))
        assert 1 <= first.time <= 2
        assert bool(container.streams.audio) is sound
    assert times(out) == [Fraction(n, 25) for n in range(75)]


@pytest.mark.parametrize("threads", [1, 3])
def test_each_picture_is_in_the_file_within_a_second_also_without_a_next_one(
    tmp_path: Path, threads: int
) -> None:
    out = tmp_path / "out.mp4"
    sink = begin(out, threads=threads)
    for number in range(3):
        put(sink, range(number, number + 1), fps=1)
        time.sleep(1.0)
        (tmp_path / "copy.mp4").write_bytes(out.read_bytes())
        assert times(tmp_path / "copy.mp4") == list(range(number + 1))
    sink.close()


def test_the_file_is_readable_before_its_first_picture(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    sink = begin(out)
    assert times(out) == []
    put(sink, range(1))
    assert times(out) == [0]
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    empty = begin(out)
    empty.close()
    assert not out.exists()


def test_a_file_that_is_cut_between_two_writes_is_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill can only come before or after each write."""
    out, copy = tmp_path / "out.mp4", tmp_path / "copy.mp4"
    write_all, counts = mp4_file._write_all, []

    def write_and_read(descriptor: int, data: bytes) -> None:
        half = len(data) // 2 if len(data) > 16 else 0  # the system does not split a short write
        for part in (data[:half], data[half:]):
            write_all(descriptor, part)
            if out.exists():
                copy.write_bytes(out.read_bytes())
                counts.append(len(times(copy)))

    monkeypatch.setattr(mp4_file, "_write_all", write_and_read)
    clip = tmp_path / "clip.mp4"
    make_clip(clip, uneven_ticks(60))
    sink = begin(out, clip)
    put(sink, range(50))
    sink.close()
    assert counts == sorted(counts)
    assert (counts[0], counts[-1], len(times(out))) == (0, 50, 50)


@pytest.mark.parametrize("fault", ["size", "pause"])
def test_without_an_index_the_file_stays_readable_and_a_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str], fault: str
) -> None:
    out = tmp_path / "out.mp4"
    if fault == "size":
        monkeypatch.setattr(mp4_file, "MOST_SAMPLES", 10)
    sink = begin(out)
    put(sink, range(40))
    if fault == "pause":
        put(sink, range(40 + 25 * 3600 * 20, 41 + 25 * 3600 * 20))
    sink.close()
    assert len(times(out)) == 40 + (fault == "pause")
    assert any("has no index" in line for line in logged)


def test_a_disk_that_is_full_at_the_index_leaves_the_fragments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    out = tmp_path / "out.mp4"
    sink = begin(out)
    put(sink, range(40))

    def refuse(self: mp4_file.Mp4File, data: bytes) -> None:
        self._cut()
        raise SinkError("No space left on device")

    append = mp4_file.Mp4File._append
    monkeypatch.setattr(
        mp4_file.Mp4File,
        "_append",
        lambda self, data: (refuse if data[4:8] == b"moov" else append)(self, data),
    )
    sink.close()
    assert len(times(out)) == 40
    assert any("No space left" in line for line in logged)


def test_a_late_write_that_fails_is_an_error_at_the_next_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    sink = begin(out)
    put(sink, range(2))

    def refuse(descriptor: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mp4_file, "_write_all", refuse)
    time.sleep(1.0)
    with pytest.raises(SinkError, match=r"out\.mp4 cannot be written: No space left"):
        put(sink, range(2, 3))
    assert times(out) == [0]
