"""Tests of the annotated video: exact times, unchanged sound, correct colours."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from loguru import logger
from output_parts import (
    FlatPicture,
    inspection,
    make_clip,
    packets,
    run_info,
    times,
    turn,
    uneven_ticks,
)

from inspector.core.errors import SinkError
from inspector.core.types import Frame, Inspection, RunInfo, SourceInfo, Verdict
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_file import VideoFileSink
from inspector.render.side_by_side import SideBySide
from inspector.sources.video_file import VideoFileSource

TICK = Fraction(1, 90_000)


def sink_at(path: Path, **changes: object) -> VideoFileSink:
    return VideoFileSink(path, VideoOptions(**changes))  # type: ignore[arg-type]


def write(path: Path, pts: list[float], run: RunInfo, **changes: object) -> None:
    sink = sink_at(path, **changes)
    sink.open(run)
    for number, pts_s in enumerate(pts):
        sink.write(inspection(number, pts_s=pts_s), FlatPicture(number % 200))
    sink.close()


def copy(source_path: Path, path: Path, *, frames: int | None = None) -> tuple[list[float], list]:
    """Copies the clip through its source and the renderer. Returns the times and the size."""
    source = VideoFileSource(source_path)
    render = SideBySide(display_range=(0, 1), unit="mm", frame_hw=source.info.frame_hw)
    sink = sink_at(path)
    sink.open(run_info_of(source.info))
    pts: list[float] = []
    sizes: list = []
    while (frames is None or len(pts) < frames) and (frame := source.read()) is not None:
        assert isinstance(frame, Frame)
        assert frame.pts_s is not None
        result = Inspection(frame, Verdict.PASS, 1.0, 1.0, score=0.0)
        sink.write(result, render(result))
        pts.append(frame.pts_s)
        sizes.append(frame.frame_hw)
    sink.close()
    source.close()
    return pts, sizes


def run_info_of(source: SourceInfo) -> RunInfo:
    info = run_info(time_base=source.time_base, path=source.path)
    return RunInfo(**{name: getattr(info, name) for name in info.__slots__} | {"source": source})


def assert_times(path: Path, expected: list[float], tick: Fraction) -> None:
    got = times(path)
    assert len(got) == len(expected)
    assert all(b > a for a, b in itertools.pairwise(got))
    assert max(abs(float(g) - w) for g, w in zip(got, expected, strict=True)) <= float(tick)


def test_a_turned_clip_with_uneven_times_and_sound_keeps_all_of_them(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(70, first=5310))
    turn(clip)
    pts, sizes = copy(clip, out)
    assert set(sizes) == {(64, 48)}
    assert pts == pytest.approx([t / 90_000 for t in uneven_ticks(70, first=5310)], abs=1e-9)
    assert_times(out, pts, TICK)
    assert packets(out, "audio") == packets(clip, "audio")
    with av.open(str(out)) as container:
        first = next(container.decode(video=0))
        assert first.rotation == 0
        assert first.width == 2 * 48
        left = first.to_ndarray(format="gray")[-64:, :48].astype(float)
    # The clip is dark on its left side. A quarter turn moves it to the top or to the bottom.
    assert abs(left[:32].mean() - left[32:].mean()) > 100
    assert abs(left[:, :24].mean() - left[:, 24:].mean()) < 10


def test_the_sound_of_a_transport_stream_keeps_its_times_and_loses_its_headers(
    tmp_path: Path,
) -> None:
    clip, out = tmp_path / "clip.ts", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(40))
    pts, _ = copy(clip, out)
    assert_times(out, pts, TICK)
    before, after = packets(clip, "audio"), packets(out, "audio")
    assert [p[0] for p in after] == [p[0] for p in before]
    assert [p[2] for p in after] == [p[2][7:] for p in before]


def test_sound_that_mp4_cannot_store_is_not_copied(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(20), sound="pcm_u8")
    pts, _ = copy(clip, out)
    assert_times(out, pts, Fraction(1, 1000))
    with av.open(str(out)) as container:
        assert not container.streams.audio


def test_sound_ends_with_the_picture_when_the_run_was_stopped_early(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(75))
    pts, _ = copy(clip, out, frames=20)
    sound = packets(out, "audio")
    assert sound == packets(clip, "audio")[: len(sound)]
    assert pts[-1] - 0.05 < sound[-1][0] < pts[-1] + 0.1


@pytest.mark.parametrize(
    "base",
    [Fraction(1, 1000), Fraction(1001, 30_000), Fraction(1, 12_800), Fraction(100, 2997)],
)
@pytest.mark.parametrize("first", [0, 77])
def test_times_are_exact_on_any_time_base(tmp_path: Path, base: Fraction, first: int) -> None:
    out = tmp_path / "out.mp4"
    step = max(1, round(Fraction(1, 30) / base))
    expected = [float((first + step * i + i % 2 * (step // 2)) * base) for i in range(45)]
    write(out, expected, run_info(time_base=base))
    assert_times(out, expected, Fraction(0))


def test_a_first_time_far_from_zero_becomes_zero_for_picture_and_sound(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(40))
    write(out, [i / 25 + 5000 for i in range(30)], run_info(time_base=TICK, path=clip))
    assert_times(out, [i / 25 for i in range(30)], TICK)


def test_no_picture_before_time_0_is_lost(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(40))
    write(out, [-0.5, -0.3, 0.0, 0.2], run_info(time_base=TICK, path=clip))
    assert_times(out, [0.0, 0.2, 0.5, 0.7], TICK)


def test_live_frames_have_the_times_of_their_capture(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    captured = [7_000_000_000 + 40_000_000 * i + 3_000_000 * (i % 3) for i in range(30)]
    sink = sink_at(out)
    sink.open(run_info())
    for number, ns in enumerate(captured):
        sink.write(inspection(number, captured_ns=ns), FlatPicture(number))
    sink.close()
    assert_times(out, [(ns - captured[0]) / 1e9 for ns in captured], TICK)


def test_times_that_do_not_rise_are_moved_by_a_tick(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    write(out, [0.0, 0.04, 0.04, 0.08], run_info(time_base=TICK))
    assert times(out) == [0, 3600 * TICK, 3601 * TICK, 7200 * TICK]


@pytest.mark.parametrize(("fps", "most"), [(2, 1), (5, 4), (25, 23), (60, 30)])
def test_key_frames_come_often_enough_at_any_rate(tmp_path: Path, fps: int, most: int) -> None:
    out = tmp_path / "out.mp4"
    write(out, [i / fps for i in range(4 * fps)], run_info(time_base=Fraction(1, fps)))
    with av.open(str(out)) as container:
        keys = [i for i, p in enumerate(container.demux(video=0)) if p.size and p.is_keyframe]
    assert max(b - a for a, b in itertools.pairwise(keys)) == most


def test_decoded_colours_match_and_the_file_names_them(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    bgr = np.zeros((48, 64, 3), np.uint8)
    bgr[:, :32] = (40, 40, 214)
    bgr[:, 32:] = (160, 80, 20)
    picture = FlatPicture()
    picture._i420 = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    sink = sink_at(out, crf=5)
    sink.open(run_info(time_base=TICK))
    sink.write(inspection(pts_s=0.0), picture)
    sink.close()
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.color_range), int(frame.colorspace)) == (1, 6)
        shown = frame.to_ndarray(format="bgr24").astype(int)
    assert np.abs(shown[8:40, 8:24] - bgr[8:40, 8:24]).max() <= 6
    assert np.abs(shown[8:40, 40:56] - bgr[8:40, 40:56]).max() <= 6


def test_bad_frames_wait_until_a_frame_sets_the_size(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    render = SideBySide(display_range=(0, 1), unit="mm")
    sink = sink_at(out)
    sink.open(run_info(time_base=TICK, frame_hw=None))
    verdicts = [Verdict.ERROR, Verdict.ERROR, Verdict.PASS, Verdict.ERROR]
    for number, verdict in enumerate(verdicts):
        result = inspection(number, verdict=verdict, pts_s=number / 25)
        sink.write(result, render(result))
    sink.close()
    assert len(times(out)) == 4
    with av.open(str(out)) as container:
        assert container.streams.video[0].width == 64


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "out.mp4")
    sink.open(run_info(time_base=TICK))
    sink.write(inspection(0, pts_s=0.0), FlatPicture())
    with pytest.raises(SinkError, match="picture 1 is 96x48"):
        sink.write(inspection(1, pts_s=0.1), FlatPicture(hw=(48, 96)))
    sink.close()
    assert len(times(tmp_path / "out.mp4")) == 1


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        sink_at(tmp_path / "file" / "out.mp4").open(run_info())


@pytest.mark.parametrize("sound", ["pcm_s16le", "pcm_f32le", "vorbis", "mp2"])
def test_sound_that_players_do_not_accept_never_costs_the_video(tmp_path: Path, sound: str) -> None:
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream(sound, rate=48_000, layout="stereo")
        stream.codec_context.options = {"strict": "-2"}
        stream.codec_context.open()
        for start in range(0, 48_000, 1152):
            frame = av.AudioFrame(stream.format.name, "stereo", 1152)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    lines: list[str] = []
    number = logger.add(lines.append, format="{message}")
    write(out, [i / 25 for i in range(10)], run_info(time_base=TICK, path=clip))
    logger.remove(number)
    assert len(times(out)) == 10
    assert len(lines) == 1
    assert f"the {sound} sound of {clip} is not copied" in lines[0]


@pytest.mark.parametrize("content", [None, b"", b"no media" * 500])
def test_a_file_without_readable_sound_never_costs_the_video(
    tmp_path: Path, content: bytes | None
) -> None:
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.mp4"
    if content is not None:
        clip.write_bytes(content)
    write(out, [i / 25 for i in range(10)], run_info(time_base=TICK, path=clip))
    assert len(times(out)) == 10


def test_damaged_sound_packets_never_cost_the_video(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.ts", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(60))
    data = bytearray(clip.read_bytes())
    for at in np.random.default_rng(0).integers(2000, len(data) - 100, 80):
        data[at] ^= 0xFF
    clip.write_bytes(bytes(data))
    write(out, [i / 25 for i in range(60)], run_info(time_base=TICK, path=clip))
    assert len(times(out)) == 60
