import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from source_clips import CODED, difference, moving, read_all, write_clip

from inspector.core.types import Frame
from inspector.sources.timeline import PacketTimes

TICK = Fraction(1, 25)
PART = 40


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(PART)


def write_part(path: Path, pictures, first: int, *, codec="libx264", keep=1.0, **settings) -> bytes:
    """Returns a transport stream whose first picture has the time `first` in ticks."""
    pts = [first + i for i in range(len(pictures))]
    write_clip(path, pictures, pts=pts, time_base=TICK, codec=codec, form="mpegts", **settings)
    data = path.read_bytes()
    return data[: int(len(data) // 188 * keep) * 188]


def check(path: Path, parts: int, most_bad: int) -> list[Frame]:
    frames = read_all(path)
    times = [f.pts_s for f in frames]
    assert all(a < b for a, b in itertools.pairwise(times))
    bad = [f.frame_id for f in frames if not isinstance(f, Frame)]
    assert len(frames) == parts * PART
    assert len(bad) <= most_bad, bad
    return [f for f in frames if isinstance(f, Frame)]


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("back_s", [0.1, 0.4, 1.0, 3.0, 4.9, 5.2, 60.0, 7200.0])
def test_each_part_is_judged_from_its_first_key_frame(tmp_path: Path, pictures, codec, back_s):
    path = tmp_path / "joined.ts"
    first, step = 250_000, round(back_s / TICK)
    parts = [write_part(path, pictures, first + n * (PART - step), codec=codec) for n in range(3)]
    path.write_bytes(b"".join(parts))
    # A lost packet before the joint marks the last pictures of a part.
    clean = check(path, parts=3, most_bad=2 * 2)
    assert clean[-1].pts_s - clean[0].pts_s < (3 * PART + 4) * TICK
    for frame in clean:
        assert difference(frame.image, pictures[frame.frame_id % PART]) < CODED


@pytest.mark.parametrize("step_s", [0.0, 0.5, 30.0, 20_000.0])
def test_steps_forward_need_no_key_frame_of_another_time(tmp_path: Path, pictures, step_s):
    path = tmp_path / "joined.ts"
    gap = PART + round(step_s / TICK)
    path.write_bytes(b"".join(write_part(path, pictures, n * gap) for n in range(2)))
    check(path, parts=2, most_bad=4)


def test_parts_may_differ_in_size_and_delay(tmp_path: Path, pictures):
    path = tmp_path / "joined.ts"
    b_pictures = {"bf": "3", "preset": "medium"}
    path.write_bytes(
        write_part(path, pictures, 1000, options=b_pictures)
        + write_part(path, moving(PART, (64, 96)), 960, options={"bf": "0"})
        + write_part(path, pictures, 800, options=b_pictures)
    )
    frames = check(path, parts=3, most_bad=2 * 5)
    assert {f.frame_hw for f in frames} == {(96, 128), (64, 96)}


def test_a_part_that_begins_without_a_key_frame_is_bad_up_to_its_key_frame(tmp_path, pictures):
    path = tmp_path / "joined.ts"
    for codec in ("libx264", "mpeg2video"):
        first = write_part(path, pictures, 1000, codec=codec, gop=10)
        second = write_part(path, pictures, 900, codec=codec, gop=10)
        packets = [second[at : at + 188] for at in range(0, len(second), 188)]
        tables, video = packets[:3], packets[3:]
        begins = [i for i, p in enumerate(video) if p[1] & 0x40 and p[2] == 0]
        path.write_bytes(first + b"".join(tables + video[begins[4] :]))
        for frame in read_all(path):
            if isinstance(frame, Frame):
                closest = min(difference(frame.image, image) for image in pictures)
                assert closest < CODED
        good = [f.frame_id for f in read_all(path) if isinstance(f, Frame)]
        assert len([i for i in good if i >= PART]) >= 25


@pytest.mark.parametrize("keep", [0.31, 0.55, 0.83])
def test_a_part_that_is_cut_gives_no_wrong_picture(tmp_path: Path, pictures, keep):
    path = tmp_path / "joined.ts"
    path.write_bytes(write_part(path, pictures, 1000, keep=keep) + write_part(path, pictures, 990))
    frames = read_all(path)
    good = [f for f in frames if isinstance(f, Frame)]
    assert len(good) > PART
    for frame in good:
        assert min(difference(frame.image, image) for image in pictures) < CODED


def test_the_clock_of_a_transport_stream_may_wrap(tmp_path: Path, pictures):
    path = tmp_path / "wrap.ts"
    ticks = (1 << 33) // 3600 - PART // 2
    path.write_bytes(write_part(path, pictures, ticks))
    check(path, parts=1, most_bad=0)


class Packet:
    def __init__(self, dts, pts=None, *, key=False):
        self.dts, self.pts, self.is_keyframe = dts, dts if pts is None else pts, key


def corrected(*packets: Packet) -> list[tuple[int, bool]]:
    times = PacketTimes(TICK)
    joints = [times.correct(packet) for packet in packets]
    return list(zip([p.pts for p in packets], joints, strict=True))


def test_times_of_a_stream_without_joints_do_not_change():
    packets = [Packet(i * 40, i * 40 + 80) for i in range(5)] + [Packet(900), Packet(899)]
    before = [p.pts for p in packets]
    assert corrected(*packets) == [(pts, False) for pts in before]


def test_a_part_continues_one_period_after_the_latest_time():
    first = [Packet(0, 80, key=True), Packet(40, 160), Packet(80, 120)]
    second = [Packet(30, key=True), Packet(70)]
    assert corrected(*first, *second)[3:] == [(200, True), (240, False)]


def test_packets_without_times_are_accepted():
    packets = [Packet(None), Packet(None), Packet(5)]
    assert corrected(*packets) == [(None, False), (None, False), (5, False)]
