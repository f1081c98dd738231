"""GenICam cameras: Aravis against its simulated GigE Vision camera, over the loopback."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from fake_gige import FakeGige, fake_gige, other_address
from waiting import wait_for

from inspector.core.clock import now_ns
from inspector.core.errors import SourceError
from inspector.core.types import BadFrame, Cause, Frame
from inspector.sources.genicam.source import GenicamSource, open_genicam
from inspector.sources.options import CameraSettings, GenicamOptions
from inspector.sources.reconnect import Backoff

pytestmark = pytest.mark.services

SMALL = "64x48"
FAST = Backoff(first_s=0.05, max_s=0.2)

Open = Callable[..., contextlib.AbstractContextManager[GenicamSource]]


@contextlib.contextmanager
def opened(uri: str, settings: CameraSettings | None = None, **keys) -> Iterator[GenicamSource]:
    options = {"fps": 100.0, "frame_size": SMALL, "read_timeout_s": 1.0, "reconnect": FAST}
    source = open_genicam(
        uri, GenicamOptions(**(options | keys), camera=settings or CameraSettings())
    )
    try:
        yield source
    finally:
        source.close()


@pytest.fixture
def camera() -> Iterator[FakeGige]:
    simulated = FakeGige()
    with fake_gige(simulated):
        yield simulated


def read(source: GenicamSource, count: int) -> list[Frame | BadFrame]:
    frames = [source.read() for _ in range(count)]
    assert None not in frames
    return frames


def test_50_frames_at_25_hz_come_whole_with_times_of_the_camera(camera):
    with opened(camera.uri, CameraSettings(packet_bytes=8000), fps=25.0, frame_size=None) as source:
        frames = read(source, 50)
        assert 0 <= now_ns() - frames[-1].captured_ns < 1e9
        assert source.info.fps == 25.0
    assert [frame.frame_id for frame in frames] == list(range(50))
    assert {type(frame) for frame in frames} == {Frame}
    assert {frame.image.shape for frame in frames} == {(512, 512, 3)}
    periods_ms = [(b.captured_ns - a.captured_ns) / 1e6 for a, b in pairwise(frames)]
    assert statistics.median(periods_ms) == pytest.approx(40, rel=0.05)
    # The picture is a diagonal ramp that moves by one grey value per frame.
    assert np.array_equal(frames[1].image[0, 1:9, 0], frames[1].image[1:9, 0, 0])
    assert frames[2].image[0, 0, 0] != frames[1].image[0, 0, 0]
    assert source.missing() == {}
    assert source.statistics["n_completed_buffers"] >= 50
    assert source.statistics["n_received_packets"] >= 50 * 33
    assert source.statistics["n_missing_packets"] == 0


def test_settings_are_written_and_read_back(camera):
    settings = CameraSettings(
        exposure_us=5000.0,
        gain=3.0,
        manual=True,
        pixel_format="Mono8",
        offset=(16, 8),
        packet_bytes=1000,
        packet_delay_ns=2000,
        buffers=4,
        features={"BinningHorizontal": 2, "GainAuto": False, "TestBoolean": True},
    )
    with opened(camera.uri, settings, fps=50.0, frame_size="128x64") as source:
        actual = source.info.settings
        assert read(source, 1)[0].image.shape == (64, 128, 3)
    assert source.info.frame_hw == (64, 128)
    assert actual == {
        "vendor": "Aravis",
        "model": "Fake",
        "serial": "GV01",
        "region": [16, 8, 128, 64],
        "pixel_format": "Mono8",
        "exposure_us": 5000.0,
        "gain": 3.0,
        "fps": 50.0,
        "trigger": None,
        "clock": "camera",
        "buffers": 4,
        "packet_bytes": 1000,
        "packet_delay_ns": 2000,
        "features.BinningHorizontal": 2,
        "features.GainAuto": "Off",
        "features.TestBoolean": True,
    }


def test_a_value_that_the_camera_rounds_is_stated_as_it_is(camera):
    """The simulated camera has whole microseconds between frames."""
    with opened(camera.uri, fps=333.0) as source:
        assert source.info.fps == source.info.settings["fps"] == 1e6 / 3003


@pytest.mark.parametrize(
    ("settings", "keys", "message"),
    [
        (
            {"features": {"ExposureTimeAbz": 1}},
            {},
            "no feature ExposureTimeAbz; did you mean Expos",
        ),
        (
            {"features": {"BinningHorizontal": 99}},
            {},
            "BinningHorizontal must lie between 1 and 16",
        ),
        ({"features": {"BinningHorizontal": 1.5}}, {}, "must be a whole number, not 1.5"),
        ({"features": {"TestBoolean": 1}}, {}, "TestBoolean must be true or false"),
        ({"features": {"GainAuto": "Sometimes"}}, {}, "GainAuto must be one of .*, not Sometimes"),
        ({"features": {"AcquisitionStart": 1}}, {}, "AcquisitionStart is not a setting"),
        ({"exposure_us": 1e9}, {}, "source.camera.exposure_us: .* between 10 and 1e.07"),
        ({"gain": 99.0}, {}, "source.camera.gain: .* between 0 and 10"),
        ({"pixel_format": "Mono12"}, {}, "PixelFormat must be one of .*Mono8.*, not Mono12"),
        ({"trigger": "Line7"}, {}, "source.camera.trigger"),
        ({}, {"frame_size": "9000x64"}, "source.frame_size: Width must lie between 1 and 2048"),
        ({"offset": (9000, 0)}, {}, "source.frame_size: OffsetX must lie between"),
        ({}, {"fps": 0.05}, "source.fps: the camera did not take 0.05; it has 0.1"),
        ({}, {"max_pixels": 1000}, "more than source.max_pixels"),
    ],
)
def test_a_setting_that_the_camera_does_not_take_is_an_error(camera, settings, keys, message):
    with pytest.raises(SourceError, match=message) as caught:
        GenicamSource(
            camera.uri,
            GenicamOptions(**({"frame_size": SMALL} | keys), camera=CameraSettings(**settings)),
        )
    assert str(caught.value).startswith("GenICam camera 127.0.0.1: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pixel_format", "keys"),
    [("Mono8", {}), ("Mono16", {"bit_depth": 16}), ("RGB8", {})]
    + [(f"Bayer{two}8", {}) for two in ("RG", "GR", "GB", "BG")],
)
def test_the_formats_of_the_simulated_camera(camera, pixel_format, keys):
    with opened(camera.uri, CameraSettings(pixel_format=pixel_format), **keys) as source:
        assert source.info.settings["pixel_format"] == pixel_format
        for frame in read(source, 3):
            assert isinstance(frame, Frame)
            assert frame.image.shape == (48, 64, 3)


def test_a_software_trigger_takes_one_picture(camera):
    with opened(camera.uri, CameraSettings(trigger="software"), read_timeout_s=0.3) as source:
        assert source.info.fps is None
        assert source.info.settings["trigger"] == "Software"
        for number in range(5):
            before_ns = now_ns()
            source.fire()
            frame = source.read()
            assert frame.frame_id == number
            assert frame.captured_ns >= before_ns - 1e6
        time.sleep(0.5)  # longer than read_timeout_s: silence is no loss
        assert source.reconnects == 0
    with pytest.raises(SourceError, match="was not triggered"):
        source.fire()


def _fire(source, times: int) -> None:
    for _ in range(times):
        source.fire()


def test_a_trigger_returns_at_once_also_while_the_camera_is_away(camera):
    with opened(camera.uri, CameraSettings(trigger="software")) as source:
        source.fire()
        read(source, 1)
        camera.kill()
        started_s = time.monotonic()
        with pytest.raises(SourceError, match="was not triggered"):
            _fire(source, 20)
        assert time.monotonic() - started_s < 2


def test_a_camera_that_runs_freely_or_has_another_trigger_has_no_software_trigger(camera):
    for trigger in (None, "Line0"):
        with opened(camera.uri, CameraSettings(trigger=trigger)) as source:
            assert not hasattr(source, "fire")
            assert source.info.settings["trigger"] == trigger


def test_two_cameras_work_at_the_same_time():
    left, right = FakeGige(serial="L1"), FakeGige(other_address(), serial="R1")
    settings = CameraSettings(buffers=500)  # a busy machine reads late
    with (
        fake_gige(left, right),
        opened("genicam:L1", settings) as first,
        opened("genicam:R1", settings) as second,
    ):
        for _ in range(50):
            assert {type(frame) for frame in (*read(first, 1), *read(second, 1))} == {Frame}
        assert [source.info.settings["serial"] for source in (first, second)] == ["L1", "R1"]
        with pytest.raises(SourceError, match="several cameras answer; use genicam:SERIAL with"):
            GenicamSource("genicam:", GenicamOptions())
    for source in (first, second):
        assert source.missing() == {}


def test_lost_packets_are_bad_frames_and_lost_frames_are_missing():
    """Half of the packets are lost, and a frame has three: its parts, or all of it, are lost."""
    simulated = FakeGige(lost=500)
    settings = CameraSettings(buffers=200)  # incomplete frames wait for their packets for long
    with fake_gige(simulated), opened(simulated.uri, settings, frame_size="32x32") as source:
        frames = read(source, 100)
    bad = [frame for frame in frames if isinstance(frame, BadFrame)]
    assert 50 < len(bad) < 100
    assert {frame.cause for frame in bad} == {Cause.DECODE}
    assert all(frame.error.startswith("the picture is incomplete: ") for frame in bad)
    assert all(frame.image is None for frame in bad)
    # An eighth of all frames; Aravis counts the gaps.
    assert 2 <= source.missing()["wire"] <= 40
    assert list(source.missing()) == ["wire"]
    assert source.statistics["n_missing_frames"] >= 2
    assert source.statistics["n_missing_packets"] >= len(bad)


def test_frames_for_which_there_was_no_memory_are_missing_with_this_cause(camera):
    with opened(camera.uri, CameraSettings(buffers=2), read_timeout_s=30.0) as source:
        read(source, 2)
        time.sleep(0.5)  # 50 frames; the reader holds one, and two wait
        read(source, 10)
    assert 20 < source.missing()["no_buffer"] < 100
    assert list(source.missing()) == ["no_buffer"]


def test_the_numbers_of_the_camera_may_start_again_at_65535(camera):
    """The simulated camera begins at 65000. A wrong step would be thousands of frames."""
    with opened(camera.uri, fps=500.0) as source:
        frames = read(source, 700)
    assert frames[-1].frame_id == 699
    assert sum(source.missing().values()) < 500


def test_a_camera_that_was_restarted_is_opened_again(camera):
    settings = CameraSettings(exposure_us=4000.0)
    with opened(camera.uri, settings) as source:
        before = read(source, 20)
        camera.kill()
        wait_for(lambda: source.reconnects > 0, 60.0)
        camera.start()
        after = read(source, 40)
        assert source.connected
    assert [frame.frame_id for frame in (*before, *after)] == list(range(60))
    assert source.reconnects >= 1
    assert source.missing() == {}


def test_a_camera_that_is_missing_at_the_start_is_awaited():
    simulated = FakeGige()
    with fake_gige(simulated):
        simulated.kill()
        with pytest.raises(SourceError, match="cannot be opened"):
            GenicamSource(simulated.uri, GenicamOptions())
        waiting = Backoff(first_s=0.05, max_s=0.1, wait_for_source=True)
        with opened(simulated.uri, reconnect=waiting) as source:
            assert source.info.settings is None
            simulated.start()
            assert read(source, 3)[-1].frame_id == 2


def test_another_program_cannot_take_the_camera(camera):
    """A real camera refuses; the simulated one does not answer."""
    with opened(camera.uri), pytest.raises(SourceError, match="cannot be opened"):
        GenicamSource(camera.uri, GenicamOptions())


def test_a_name_that_no_camera_has_names_those_that_answer(camera):
    with pytest.raises(SourceError, match=r"has the name X9; .*Fake, serial GV01"):
        GenicamSource("genicam:X9", GenicamOptions())


def test_the_only_camera_needs_no_name_and_its_clock_may_be_ignored(camera):
    with opened("genicam:", CameraSettings(clock="arrival")) as source:
        frames = read(source, 5)
    assert all(b.captured_ns > a.captured_ns for a, b in pairwise(frames))
    assert source.info.source_id == "GenICam camera"
