"""Tests of a video in segments: no picture is lost or doubled, each file and the list play."""

import errno
import itertools
import os
from collections import deque
from fractions import Fraction
from pathlib import Path

import av
import pytest
from output_parts import FlatPicture, inspection, make_clip, packets, run_info, times, uneven_ticks

from inspector.core.errors import SinkError
from inspector.core.types import BadFrame, Inspection, Verdict
from inspector.outputs.folder import VIDEO, VIDEO_LIST, find_segments
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_file import VideoFileSink
from inspector.outputs.video_list import read_segment, write_list

BASE = Fraction(1, 1000)
MINUTES = 0.05
"""3 s."""


def opened(folder: Path, source: Path | None = None, minutes: float = MINUTES) -> VideoFileSink:
    sink = VideoFileSink(folder / VIDEO, VideoOptions(segment_minutes=minutes))
    sink.open(run_info(time_base=BASE, path=source))
    return sink


def write(folder: Path, pts: list[float], source: Path | None = None) -> None:
    sink = opened(folder, source)
    for number, pts_s in enumerate(pts):
        sink.write(inspection(number, pts_s=pts_s), FlatPicture(number % 200))
    sink.close()


def greys(path: Path) -> list[int]:
    """The grey values of the pictures, which tell them apart."""
    with av.open(str(path)) as container:
        return [int(f.to_ndarray()[:48].mean().round()) for f in container.decode(video=0)]


def test_every_picture_is_in_one_segment_that_begins_with_a_key_frame(tmp_path: Path) -> None:
    pts = [(40 * number + number % 3) / 1000 for number in range(190)]
    write(tmp_path, pts)
    files = find_segments(tmp_path)
    assert [path.name for path in files] == [f"annotated_{n:04d}.mp4" for n in (1, 2, 3)]
    expected = [[t for t in pts if int(t // 3) == number] for number in range(3)]
    for path, group in zip(files, expected, strict=True):
        assert times(path) == [Fraction(str(t)) - Fraction(str(group[0])) for t in group]
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).key_frame
            stream = container.streams.video[0]
            assert stream.duration is not None
            length = float(stream.duration * stream.time_base)
        assert length == pytest.approx(3.0 if group is not expected[-1] else 7.6 - 6, abs=0.045)
    assert len(greys(files[0])) == len(expected[0])


def test_the_list_plays_as_one_video_with_the_times_of_the_source(tmp_path: Path) -> None:
    pts = [40 * number / 1000 for number in range(400)]
    write(tmp_path, pts)
    assert len(find_segments(tmp_path)) == 6
    assert times(tmp_path / VIDEO_LIST) == [Fraction(40 * n, 1000) for n in range(400)]
    shown = greys(tmp_path / VIDEO_LIST)
    assert shown == [grey for path in find_segments(tmp_path) for grey in greys(path)]
    assert all(abs(grey - n % 200) <= 2 for n, grey in enumerate(shown))
    with av.open(str(tmp_path / VIDEO_LIST)) as container:
        assert container.duration == pytest.approx(16e6, abs=2)
        container.seek(10_000_000)
        seen = next(container.decode(video=0))
        assert seen.time is not None
        assert seen.time <= 10.0
    text = (tmp_path / VIDEO_LIST).read_text()
    assert "#EXT-X-DISCONTINUITY" not in text
    assert text.count("#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:00.123Z") == 6


def test_long_segments_have_pieces_that_begin_with_key_frames(tmp_path: Path) -> None:
    sink = opened(tmp_path, minutes=1)
    for number in range(500):
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(number % 200))
    sink.close()
    segment = read_segment(tmp_path / "annotated_0001.mp4")
    assert segment is not None
    assert len(segment.pieces) == 4
    assert [p.begin for p in segment.pieces[1:]] == [p.end for p in segment.pieces[:-1]]
    assert [p.at for p in segment.pieces[1:]] == [p.at + p.size for p in segment.pieces[:-1]]
    data = segment.path.read_bytes()
    header = data[segment.header_at : segment.header_at + segment.header_size]
    count = 0
    for piece in segment.pieces:
        part = tmp_path / "part.mp4"
        part.write_bytes(header + data[piece.at : piece.at + piece.size])
        with av.open(str(part)) as container:
            pictures = list(container.decode(video=0))
        assert pictures[0].key_frame
        count += len(pictures)
    assert count == 500


def test_sound_is_cut_without_loss(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    ticks = uneven_ticks(180)
    make_clip(clip, ticks)
    write(tmp_path, [t / 90_000 for t in ticks], clip)
    files = find_segments(tmp_path)
    assert len(files) > 1
    parts = [[p[2] for p in packets(path, "audio")] for path in files]
    assert all(parts)
    assert list(itertools.chain(*parts)) == [p[2] for p in packets(clip, "audio")]
    for path in files[1:]:
        assert -0.001 < packets(path, "audio")[0][0] < 0.03
    heard = packets(tmp_path / VIDEO_LIST, "audio")
    clear = packets(clip, "audio")
    assert [p[2] for p in heard] == [p[2] for p in clear]
    assert [p[0] for p in heard] == pytest.approx([p[0] for p in clear], abs=1e-3)


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_list_that_grew_is_the_same_as_a_new_one(tmp_path: Path, is_removed: bool) -> None:
    sink = opened(tmp_path)
    # The pieces become longer, and there is a gap.
    times_s = [*(n / 25 for n in range(200)), *(30 + n / 2 for n in range(40))]
    for number, pts_s in enumerate(times_s):
        sink.write(inspection(number, pts_s=pts_s), FlatPicture(number % 200))
        if is_removed and number == 180:
            (tmp_path / VIDEO_LIST).unlink(missing_ok=True)
    sink.close()
    grown = (tmp_path / VIDEO_LIST).read_bytes()
    assert grown.count(b"#EXT-X-MAP") == len(find_segments(tmp_path)) > 4
    write_list(tmp_path)
    assert grown == (tmp_path / VIDEO_LIST).read_bytes()


def test_an_open_segment_is_readable_and_can_be_listed(tmp_path: Path) -> None:
    """As after a kill: the last file has no index, and the list does not name it."""
    sink = opened(tmp_path)
    for number in range(100):
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(number % 200))
    first, last = find_segments(tmp_path)
    copy = tmp_path / "killed" / last.name
    copy.parent.mkdir()
    copy.write_bytes(last.read_bytes())
    sink.close()
    (copy.parent / first.name).write_bytes(first.read_bytes())
    present = len(times(copy))
    assert 0 < present <= 25
    write_list(copy.parent)
    assert len(times(copy.parent / VIDEO_LIST)) == 75 + present


def test_an_interrupted_video_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, uneven_ticks(180))
    sink = opened(tmp_path, clip)
    for number in (*range(10), *range(60, 70)):
        if number == 60:
            sink.interrupt()
            sink.interrupt()
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(number))
    sink.close()
    segments = [read_segment(path) for path in find_segments(tmp_path)]
    assert [s.first_frame_id for s in segments if s is not None] == [0, 60]
    assert [len(times(path)) for path in find_segments(tmp_path)] == [10, 10]
    assert "#EXT-X-DISCONTINUITY" in (tmp_path / VIDEO_LIST).read_text()
    assert times(find_segments(tmp_path)[1])[0] == 0


def test_a_pause_over_several_segments_leaves_no_empty_file(tmp_path: Path) -> None:
    write(tmp_path, [0.0, 0.04, 20.0, 20.04])
    assert [len(times(path)) for path in find_segments(tmp_path)] == [2, 2]
    assert times(tmp_path / VIDEO_LIST) == [0, Fraction(1, 25), 20, 20 + Fraction(1, 25)]


def test_a_run_without_a_picture_has_no_segment(tmp_path: Path) -> None:
    sink = VideoFileSink(tmp_path / VIDEO, VideoOptions(segment_minutes=1))
    sink.open(run_info(frame_hw=None))
    bad = BadFrame(0, "line", "torn", 1, 0.0, "2026-01-31T12:00:00Z")
    item = Inspection(bad, Verdict.ERROR, 1.5, 2.0, error="torn", cause=bad.cause)
    sink.write(item, FlatPicture())
    sink.close()
    assert [path.name for path in find_segments(tmp_path)] == ["annotated_0001.mp4"]
    write(tmp_path / "none", [])
    assert list((tmp_path / "none").iterdir()) == []


def test_a_disk_that_is_full_leaves_whole_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = opened(tmp_path)
    for number in range(80):
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(number))
    assert sink._finishing is not None
    sink._finishing.result(30)  # the disk is full for the second segment only
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        items = [inspection(number, pts_s=number / 25) for number in range(80, 140)]
        with pytest.raises(SinkError, match="No space left"):
            deque((sink.write(item, FlatPicture()) for item in items), maxlen=0)
    sink.write(inspection(140, pts_s=5.6), FlatPicture(140))
    sink.close()
    assert [len(times(path)) for path in find_segments(tmp_path)][::2] == [75, 1]
    assert set(sink.take_states()) == set(find_segments(tmp_path))


def full(descriptor: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("content", [b"", b"no video", b"\0\0\0\x10free" + bytes(900)])
def test_other_files_are_no_segments(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "annotated_0001.mp4"
    path.write_bytes(content)
    assert read_segment(path) is None
    (tmp_path / VIDEO_LIST).write_text("old")
    write_list(tmp_path)
    assert not (tmp_path / VIDEO_LIST).exists()
