from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import CODED, difference, moving, read_all, write_clip, write_sound

from inspector.core.errors import SourceEndedEarly, SourceError
from inspector.core.types import BadFrame, Frame
from inspector.sources.completeness import measure_file
from inspector.sources.video_file import VideoFileSource

COUNT = 60
FAST_START = {"movflags": "+faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

EXACT = [
    ("clip.mp4", "libx264", FAST_START),
    ("clip.mov", "mjpeg", FAST_START),
    ("clip.avi", "mpeg4", {}),
    ("clip.avi", "mjpeg", {}),
    ("clip.mkv", "libx264", {}),
    ("clip.mkv", "mjpeg", {}),
    ("clip.webm", "libvpx-vp9", {}),
    ("clip.flv", "libx264", {}),
]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving(COUNT)


def write(path: Path, pictures, codec: str, container_options, **settings) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"preset": "medium", "bf": "2"} if codec == "libx264" else {}
    write_clip(
        path,
        pictures,
        codec=codec,
        pix_fmt=pix_fmt,
        options=options,
        container_options=container_options,
        bit_rate=2_000_000,
        **settings,
    )


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def read_to_the_end(path: Path) -> tuple[list[Frame | BadFrame], dict[str, int], str]:
    """(frames, missing frames, sentence). The sentence is empty if the file is complete."""
    source = VideoFileSource(path)
    frames: list[Frame | BadFrame] = []
    sentence = ""
    assert source.missing() == {}
    try:
        while (frame := source.read()) is not None:
            frames.append(frame)
    except SourceEndedEarly as exc:
        sentence = str(exc)
        assert exc.exit_code == 7
    source.close()
    return frames, source.missing(), sentence


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("name", "codec", "container_options"), EXACT)
def test_the_frames_after_a_cut_are_missing(
    tmp_path: Path, pictures, name, codec, container_options, share
):
    path = tmp_path / name
    write(path, pictures, codec, container_options)
    cut(path, share)
    frames, missing, sentence = read_to_the_end(path)
    assert 10 < len(frames) < COUNT
    assert missing == {"truncated": COUNT - len(frames)}
    assert f"{path} ends early" in sentence
    assert "bytes" in sentence
    assert str(COUNT - len(frames)) in sentence
    for frame in frames:
        if isinstance(frame, Frame):
            assert min(difference(frame.image, image) for image in pictures) < CODED


@pytest.mark.parametrize(
    ("name", "codec", "container_options"),
    [*EXACT, ("clip.mp4", "libx264", FRAGMENTS), ("clip.ts", "mpeg2video", {})],
)
def test_a_complete_file_ends_without_a_claim(
    tmp_path: Path, pictures, name, codec, container_options
):
    path = tmp_path / name
    ticks = [i + 40 * (i > 20) for i in range(COUNT)]
    for pts in (None, [90 + i for i in range(COUNT)], *([ticks] if name != "clip.avi" else [])):
        write(path, pictures, codec, container_options, pts=pts)
        frames, missing, sentence = read_to_the_end(path)
        assert (missing, sentence) == ({}, "")
        assert len(frames) in (COUNT, COUNT + 40 + 90)


def test_sound_that_is_longer_than_the_video_is_no_missing_frame(tmp_path: Path, pictures):
    sound, path = tmp_path / "sound.mp4", tmp_path / "clip.mkv"
    write_sound(sound)
    write_clip(tmp_path / "video.mkv", pictures[:10])
    with (
        av.open(str(tmp_path / "video.mkv")) as video,
        av.open(str(sound)) as audio,
        av.open(str(path), "w") as output,
    ):
        streams = [
            output.add_stream_from_template(video.streams.video[0]),
            output.add_stream_from_template(audio.streams.audio[0]),
        ]
        for stream, packets in zip(streams, (video.demux(), audio.demux()), strict=True):
            for packet in packets:
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    assert read_to_the_end(path)[1:] == ({}, "")
    cut(path, 0.95)
    frames, missing, sentence = read_to_the_end(path)
    assert (len(frames), missing, sentence) == (10, {}, "")


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_cut_recording_in_fragments_counts_the_frames_of_its_last_fragment(
    tmp_path: Path, pictures, share
):
    path = tmp_path / "clip.mp4"
    write(path, pictures, "libx264", FRAGMENTS, gop=10)
    cut(path, share)
    frames, missing, sentence = read_to_the_end(path)
    assert "ends early" in sentence
    assert (len(frames) + sum(missing.values())) % 10 == 0


def test_a_recording_that_ends_with_a_whole_fragment_is_complete(tmp_path: Path, pictures):
    path = tmp_path / "clip.mp4"
    write(path, pictures, "libx264", FRAGMENTS, gop=10)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") - 4])
    frames, missing, sentence = read_to_the_end(path)
    assert (len(frames) % 10, missing, sentence) == (0, {}, "")


def test_a_recording_of_unknown_length_makes_no_claim(tmp_path: Path, pictures):
    path = tmp_path / "live.mkv"
    write(path, pictures, "libx264", {"live": "1"})
    cut(path, 0.6)
    frames, missing, sentence = read_to_the_end(path)
    assert 20 < len(frames) < 50
    assert (missing, sentence) == ({}, "")


def test_a_transport_stream_that_ends_within_a_packet_was_cut(tmp_path: Path, pictures):
    path = tmp_path / "clip.ts"
    for codec in ("libx264", "mpeg2video"):
        write(path, pictures, codec, {})
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 188 // 2 * 188 + 100])
        frames, missing, sentence = read_to_the_end(path)
        assert missing == {}
        assert "in the middle of a packet; an unknown number of frames are missing" in sentence
        # The last packet may hold a B picture, which is not the last in time.
        assert any(isinstance(f, BadFrame) for f in frames[-4:])
        good = [f for f in frames if isinstance(f, Frame)]
        assert len(good) > 15
        for frame in good:
            assert difference(frame.image, pictures[frame.frame_id]) < CODED


def test_a_movie_without_its_index_is_refused_and_says_why(tmp_path: Path, pictures):
    path = tmp_path / "clip.mov"
    write_clip(path, pictures[:20])
    cut(path, 0.6)
    with pytest.raises(SourceError, match="its index") as caught:
        VideoFileSource(path)
    assert caught.value.exit_code == 2


def test_a_source_that_is_closed_has_no_missing_frames(tmp_path: Path, pictures):
    path = tmp_path / "clip.mkv"
    write_clip(path, pictures)
    cut(path, 0.6)
    source = VideoFileSource(path)
    for _ in range(5):
        source.read()
    source.close()
    assert source.read() is None
    assert source.missing() == {}


def test_a_large_avi_file_has_several_riff_chunks(tmp_path: Path):
    path = tmp_path / "large.avi"
    first, second = b"AVI " + bytes(100), b"AVIX" + bytes(60)
    parts = [b"RIFF" + len(p).to_bytes(4, "little") + p for p in (first, second)]
    path.write_bytes(b"".join(parts))
    assert measure_file(path).explain() is None
    path.write_bytes(b"".join(parts)[:-1])
    assert "183 of 184 bytes" in (measure_file(path).explain() or "")


def test_the_end_of_other_files_is_unknown(tmp_path: Path, pictures):
    for name, form in (("clip.h264", "h264"), ("clip.mpg", None)):
        path = tmp_path / name
        write_clip(path, pictures[:20], form=form, codec="libx264" if form else "mpeg2video")
        cut(path, 0.7)
        assert measure_file(path).explain() is None
        assert len(read_all(path)) > 5
