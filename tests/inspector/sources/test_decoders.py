"""Tests which decoder reads a video, and what happens if its hardware is missing or fails."""

from pathlib import Path

import av
import numpy as np
import pytest
from source_clips import moving, read_all, write_clip

from inspector.core.errors import ConfigError, SourceError
from inspector.core.types import BadFrame, Frame
from inspector.sources import decoders
from inspector.sources.network import open_network
from inspector.sources.options import NetworkOptions, VideoFileOptions
from inspector.sources.pictures import PictureConverter
from inspector.sources.reconnect import Backoff
from inspector.sources.video_file import VideoFileSource


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", moving(20), gop=10)
    return tmp_path / "clip.mp4"


class FailingDecoder:
    """A decoder that fails from a packet on, like hardware that is lost during a run."""

    def __init__(self, context: av.VideoCodecContext, good: int) -> None:
        self._context, self._good = context, good

    def __getattr__(self, name: str) -> object:
        return getattr(self._context, name)

    def decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        self._good -= 1
        if self._good < 0:
            raise av.error.ExternalError(1, "the device is gone")
        return self._context.decode(packet)


def test_hardware_that_the_machine_lacks_is_refused_with_the_remedy(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "hwdevices_available", lambda: ["drm"])
    with pytest.raises(ConfigError) as caught:
        VideoFileSource(clip, VideoFileOptions(decoder="cuda"))
    assert str(caught.value) == (
        "source.decoder: cuda does not start on this machine (this build of FFmpeg does not have "
        "it): install the driver of its hardware, or set it to software"
    )


def test_hardware_without_a_driver_is_refused() -> None:
    try:
        av.CodecContext.create("h264", "r", av.codec.hwaccel.HWAccel("cuda"))
    except av.FFmpegError as exc:
        with pytest.raises(ConfigError, match=f"cuda does not start .*{exc.strerror}"):
            decoders.check_decoder("cuda")
    else:
        pytest.skip("this machine has a card")


def test_a_live_source_that_may_be_missing_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "hwdevices_available", list)
    options = NetworkOptions(decoder="vaapi", reconnect=Backoff(wait_for_source=True))
    with pytest.raises(ConfigError, match=r"source\.decoder: vaapi"):
        open_network("rtsp://127.0.0.1:1/line", options)


def test_a_format_that_the_hardware_cannot_decode_is_refused(clip: Path) -> None:
    if "drm" not in av.codec.hwaccel.hwdevices_available():
        pytest.skip("needs a kind of hardware that decodes no H.264")
    with pytest.raises(SourceError, match=r"drm cannot decode .* set it to software"):
        decoders.open_container(str(clip), "drm")


@pytest.mark.parametrize(
    ("codec", "suffix", "expected"),
    [("libx264", "mp4", "h264"), ("libvpx-vp9", "mkv", "libvpx-vp9"), ("mjpeg", "avi", "mjpeg")],
)
def test_the_source_names_its_decoder(
    tmp_path: Path, codec: str, suffix: str, expected: str
) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_clip(path, moving(5), codec=codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p")
    source = VideoFileSource(path)
    source.close()
    assert source.info.decoder == expected


def test_every_picture_after_the_decoder_fails_is_an_error(clip: Path) -> None:
    source = VideoFileSource(clip)
    source._decoder._context = FailingDecoder(source._decoder._context, good=9)  # type: ignore[assignment]
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    assert len(frames) == 20
    bad = [frame for frame in frames if isinstance(frame, BadFrame)]
    assert bad
    assert frames[-len(bad) :] == bad
    assert [round(frame.pts_s * 30) for frame in frames] == list(range(20))  # type: ignore[operator]


def test_a_picture_as_hardware_gives_it_has_the_colours_of_the_software() -> None:
    (image,) = moving(1)
    planar = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
    converter = PictureConverter()
    expected = converter.bgr(planar)
    np.testing.assert_array_equal(converter.bgr(planar.reformat(format="nv12")), expected)


@pytest.mark.gpu
def test_cuda_decodes_the_pictures_of_the_software(clip: Path) -> None:
    source = VideoFileSource(clip, VideoFileOptions(decoder="cuda"))
    assert source.info.decoder == "h264 (hardware)"
    for expected in read_all(clip):
        frame = source.read()
        assert isinstance(frame, Frame)
        assert frame.pts_s == expected.pts_s
        np.testing.assert_array_equal(frame.image, expected.image)
    assert source.read() is None


@pytest.mark.gpu
def test_cuda_refuses_a_format_that_the_card_cannot_decode(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, moving(5), pix_fmt="yuv444p10le")
    with pytest.raises(SourceError, match=r"can be decoded by h264 \(hardware\)"):
        VideoFileSource(path, VideoFileOptions(decoder="cuda"))
