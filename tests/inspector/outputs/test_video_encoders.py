"""Tests which encoder writes the annotated video, and what happens without it."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from loguru import logger
from output_parts import FlatPicture, inspection, run_info, times

from inspector.build import build_run
from inspector.config import load_config
from inspector.core.errors import ConfigError, SinkError
from inspector.core.types import Frame
from inspector.outputs import video_encoders, video_file
from inspector.outputs.options import VideoOptions
from inspector.outputs.video_encoders import choose_encoder
from inspector.outputs.video_file import VideoFileSink
from inspector.render.side_by_side import SideBySide
from inspector.render.size_limit import HARDWARE_SIDE
from inspector.sources.video_file import VideoFileSource

NVENC = "h264_nvenc"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Encoder -> why it does not start. Changes what the machine has."""
    names = ("h264_nvenc", "h264_vaapi", "h264_qsv")
    reasons: dict[str, str | None] = dict.fromkeys(names, "no such device")
    monkeypatch.setattr(video_encoders, "_find_fault", reasons.__getitem__)
    video_encoders._find_encoder.cache_clear()
    yield reasons
    video_encoders._find_encoder.cache_clear()


class FailingEncoder:
    """An encoder that fails at a picture, like hardware that stops during a run."""

    def __init__(self, encoder: av.VideoCodecContext, good: int) -> None:
        self._encoder, self._good = encoder, good
        self.name = NVENC

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)

    def encode(self, frame: av.VideoFrame | None) -> list[av.Packet]:
        self._good -= 1
        if self._good < 0:
            raise av.error.ExternalError(1, "the device is gone")
        return self._encoder.encode(frame)


def test_auto_uses_x264_without_hardware_and_says_so_once(faults: dict[str, str | None]) -> None:
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(line.record["message"]), level="INFO")
    assert [choose_encoder("auto"), choose_encoder("auto")] == ["libx264", "libx264"]
    logger.remove(handler)
    assert lines == ["no hardware encoder for H.264 starts on this machine: libx264 is used"]


def test_auto_uses_the_first_hardware_that_starts(faults: dict[str, str | None]) -> None:
    faults["h264_vaapi"] = faults["h264_qsv"] = None
    assert choose_encoder("auto") == "h264_vaapi"


def test_an_encoder_that_the_machine_lacks_is_refused_with_the_remedy(
    faults: dict[str, str | None],
) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_encoder(NVENC)
    assert str(caught.value) == (
        "output.video.encoder: h264_nvenc does not start on this machine (no such device): install "
        "the driver of its hardware, or set libx264 or auto"
    )


def test_an_encoder_that_ffmpeg_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_encoders, "_HARDWARE", ("h264_imaginary",))
    with pytest.raises(ConfigError, match="this build of FFmpeg does not have it"):
        choose_encoder("h264_imaginary")


def test_a_run_whose_encoder_is_missing_is_refused_before_it_writes_anything(
    tmp_path: Path, faults: dict[str, str | None]
) -> None:
    values = {
        "source.uri": "synthetic",
        "engine.backend": "fake",
        "output.dir": str(tmp_path / "out"),
        "output.video.encoder": NVENC,
    }
    with pytest.raises(ConfigError, match=NVENC):
        build_run(load_config(None, values))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("enabled", "expected"), [(True, "libx264"), (False, None)])
def test_the_run_names_the_encoder_that_auto_chose(
    tmp_path: Path, faults: dict[str, str | None], enabled: bool, expected: str | None
) -> None:
    values = {
        "source.uri": "synthetic",
        "engine.backend": "fake",
        "output.dir": str(tmp_path / "out"),
        "output.video.encoder": "auto",
        "output.video.enabled": enabled,
    }
    run = build_run(load_config(None, values))
    run.source.close()
    assert run.info.video_encoder == expected
    assert run.info.config["output"]["video"]["encoder"] == "auto"


def test_an_encoder_that_fails_during_a_run_ends_the_video_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = video_file.open_encoder
    monkeypatch.setattr(
        video_file,
        "open_encoder",
        lambda name, **options: FailingEncoder(opened("libx264", **options), good=20),
    )
    path = tmp_path / "out.mp4"
    sink = VideoFileSink(path, VideoOptions(encoder=NVENC))
    sink.open(run_info(time_base=Fraction(1, 10)))
    for number in range(20):
        sink.write(inspection(number, pts_s=number / 10), FlatPicture(number))
    with pytest.raises(SinkError) as caught:
        sink.write(inspection(20, pts_s=2.0), FlatPicture(20))
    sink.close()
    assert str(caught.value) == (
        f"the video {path} cannot be written: the device is gone; h264_nvenc encodes it: set "
        "output.video.encoder to libx264"
    )
    # The complete fragments stay, so at most the last second is missing.
    assert len(times(path)) >= 10


def test_pictures_for_hardware_are_scaled_to_its_limit() -> None:
    render = SideBySide(
        display_range=(0, 1), unit="mm", frame_hw=(1080, 2560), max_side=HARDWARE_SIDE
    )
    (warning,) = render.warnings
    assert "too large for the video encoder" in warning


@pytest.mark.parametrize(
    ("preset", "setting"), [("ultrafast", b"subme=1"), ("veryfast", b"subme=2")]
)
def test_every_preset_follows_motion_by_parts_of_a_pixel(
    tmp_path: Path, preset: str, setting: bytes
) -> None:
    sink = VideoFileSink(tmp_path / "out.mp4", VideoOptions(preset=preset))
    sink.open(run_info())
    sink.write(inspection(0, pts_s=0.0), FlatPicture())
    sink.close()
    # x264 writes its settings into its first picture.
    assert setting in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.gpu
def test_nvenc_writes_a_video_with_the_pictures_and_times_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    sink = VideoFileSink(path, VideoOptions(encoder=choose_encoder(NVENC)))
    sink.open(run_info(time_base=Fraction(1, 25), frame_hw=(288, 384)))
    for number in range(60):
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(60 + number, hw=(288, 768)))
    sink.close()
    assert [float(time) for time in times(path)] == pytest.approx([n / 25 for n in range(60)])
    source = VideoFileSource(path)
    means = []
    while isinstance(frame := source.read(), Frame):
        means.append(frame.image.mean())
    assert means == pytest.approx([(60 + n - 16) * 255 / 219 for n in range(60)], abs=3)
