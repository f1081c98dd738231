import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import CODED, difference, flip_bytes, moving, read_all, write_clip

from inspector.core.errors import SourceError
from inspector.core.types import BadFrame, Frame
from inspector.sources.video_file import VideoFileSource


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(60)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("options", [{}, {"preset": "veryfast", "bf": "3"}])
def test_nearly_no_damaged_picture_passes_as_clean(tmp_path: Path, options, threads):
    """H.264 has no checksum, so changed bytes are sometimes still a valid stream."""
    path = tmp_path / "clip.mp4"
    write_clip(path, moving(150, (240, 320)), options=options)
    content = path.read_bytes()
    sound = [f.image for f in read_all(path)]
    wrong = flagged = passed = 0
    for seed in range(3):
        path.write_bytes(content)
        flip_bytes(path, 8, seed)
        frames = read_all(path, threads=threads)
        assert [f.frame_id for f in frames] == list(range(150))
        for frame, image in zip(frames, sound, strict=True):
            bad = isinstance(frame, BadFrame)
            differs = frame.image is None or np.abs(frame.image.astype(int) - image).max() > 12
            wrong += differs
            flagged += bad
            passed += differs and not bad
    assert wrong > 60
    assert passed <= 0.15 * wrong
    # The rest of a group, and the B pictures before a damaged picture, may be undamaged.
    assert flagged <= 1.5 * wrong


def test_damage_lasts_until_the_next_key_frame_only(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        assert [i for i, p in enumerate(packets) if p.is_keyframe] == [0, 10, 20, 30, 40, 50]
        at = packets[23].pos + packets[23].size // 2
    data = bytearray(path.read_bytes())
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    bad = [f.frame_id for f in read_all(path) if isinstance(f, BadFrame)]
    assert bad == list(range(23, 30))


def test_a_packet_that_gives_no_picture_is_counted_once(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][15]
        at, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    frames = read_all(path)
    assert [f.frame_id for f in frames] == list(range(60))
    assert [f.pts_s for f in frames] == [float(Fraction(i, 30)) for i in range(60)]
    assert [f.frame_id for f in frames if isinstance(f, BadFrame)] == list(range(15, 20))
    assert frames[15].image is None
    assert frames[15].error


@pytest.mark.parametrize("threads", [1, 2])
def test_a_truncated_recording_gives_its_readable_frames(tmp_path: Path, pictures, threads):
    path = tmp_path / "clip.mkv"
    write_clip(path, pictures, container_options={"live": "1"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    frames = read_all(path, threads=threads)
    clean = [f.frame_id for f in frames if isinstance(f, Frame)]
    assert 20 < len(clean) < 50
    assert clean == list(range(len(clean)))
    assert [f.frame_id for f in frames] == list(range(len(frames)))
    for frame, image in zip(frames, pictures[: len(clean)], strict=False):
        assert difference(frame.image, image) < CODED


def test_two_streams_joined_end_to_end_are_read_to_the_end(tmp_path: Path, pictures):
    path = tmp_path / "clip.ts"
    write_clip(path, pictures[:20], form="mpegts")
    path.write_bytes(path.read_bytes() * 2)
    frames = read_all(path)
    times = [f.pts_s for f in frames]
    assert len(frames) >= 38
    assert all(a < b for a, b in itertools.pairwise(times))


def test_a_stream_without_a_decodable_picture_is_refused(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write_clip(path, pictures[:10])
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    path.write_bytes(data)
    with pytest.raises(SourceError, match="can be decoded"):
        VideoFileSource(path)
