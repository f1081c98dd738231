import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from loguru import logger
from scripted_camera import ScriptedCapture

from inspector.core.clock import now_ns
from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Cause, Frame
from inspector.sources.camera import CameraSource
from inspector.sources.opening import open_source
from inspector.sources.options import CameraOptions, SourceOptions
from inspector.sources.reconnect import Backoff
from inspector.sources.v4l2 import check_time

FAST = Backoff(first_s=0.01, max_s=0.02, give_up_s=None)


def open_camera(
    *captures: ScriptedCapture | SourceError, backoff: Backoff = FAST, **requested
) -> CameraSource:
    """Each attempt opens the next capture; after the last one, the last one again."""
    left = list(captures)

    def open_capture() -> ScriptedCapture:
        capture = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(capture, SourceError):
            raise capture
        return capture

    options = CameraOptions(**{"read_timeout_s": 0.1, "reconnect": backoff, **requested})
    return CameraSource(0, options, open_capture=open_capture)


def test_frames_are_numbered_live_and_frozen():
    source = open_camera(ScriptedCapture(1, 2, 3))
    frames = [source.read() for _ in range(3)]
    source.close()
    assert [f.frame_id for f in frames] == [0, 1, 2]
    assert [f.image[0, 0, 0] for f in frames] == [1, 2, 3]
    assert all(f.pts_s is None and not f.image.flags.writeable for f in frames)
    assert (source.info.live, source.info.frame_hw, source.info.fps) == (True, (4, 6), 30.0)
    assert source.info.source_id == "camera 0"


def test_a_frame_that_cannot_be_decoded_is_bad_and_the_next_one_good():
    source = open_camera(ScriptedCapture(1, None, 3))
    kinds = [type(source.read()) for _ in range(3)]
    source.close()
    assert kinds == [Frame, BadFrame, Frame]


def test_an_unplugged_camera_is_opened_again_and_numbers_continue():
    first, second = ScriptedCapture(1, 2, "gone"), ScriptedCapture(7, 8)
    missing = SourceError("the camera /dev/video0 does not exist")
    source = open_camera(first, missing, missing, second)
    frames = [source.read() for _ in range(4)]
    source.close()
    assert [(f.frame_id, f.image[0, 0, 0]) for f in frames] == [(0, 1), (1, 2), (2, 7), (3, 8)]
    assert source.reconnects == 3
    assert first.released.wait(5)
    assert second.released.wait(5)


def test_a_silent_camera_is_opened_again_after_the_read_timeout():
    source = open_camera(ScriptedCapture(1, "silent"), ScriptedCapture(2))
    assert [source.read().image[0, 0, 0] for _ in range(2)] == [1, 2]
    source.close()


def test_a_camera_that_stays_away_is_given_up():
    away = SourceError("the camera /dev/video0 does not exist")
    backoff = Backoff(first_s=0.01, max_s=0.02, give_up_s=0.05)
    source = open_camera(ScriptedCapture(1, "gone"), away, backoff=backoff)
    assert source.read().frame_id == 0
    with pytest.raises(SourceLost, match="does not exist; given up after"):
        source.read()
    source.close()


def test_close_ends_a_read_of_a_silent_camera():
    capture = ScriptedCapture("silent")
    source = open_camera(capture, read_timeout_s=60)
    got: list[object] = ["nothing yet"]
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    started = time.monotonic()
    source.close()
    reader.join(2)
    assert time.monotonic() - started < 2
    assert got[-1] is None
    assert capture.released.wait(5)


def test_close_releases_a_camera_that_was_never_read():
    capture = ScriptedCapture(1)
    source = open_camera(capture)
    source.close()
    source.close()
    assert capture.released.wait(5)
    assert source.read() is None


def test_the_source_waits_for_a_camera_that_is_missing_at_the_start():
    missing = SourceError("the camera /dev/video0 does not exist")
    source = open_camera(
        missing, missing, ScriptedCapture(5, 6), backoff=replace(FAST, wait_for_source=True)
    )
    assert (source.info.frame_hw, source.info.fps) == (None, None)
    frames = [source.read() for _ in range(2)]
    source.close()
    assert [(f.frame_id, f.image[0, 0, 0]) for f in frames] == [(0, 5), (1, 6)]
    assert source.reconnects == 2


def test_waiting_for_a_camera_ends_after_the_configured_time():
    backoff = Backoff(first_s=0.01, max_s=0.02, give_up_s=0.05, wait_for_source=True)
    missing = SourceError("the camera /dev/video0 does not exist")
    source = open_camera(missing, backoff=backoff)
    with pytest.raises(SourceLost, match="does not exist; given up after"):
        source.read()
    source.close()


def test_the_configuration_can_make_the_source_wait_for_a_camera():
    waiting = Backoff(wait_for_source=True)
    source = open_source(SourceOptions(uri="/dev/video97", reconnect=waiting))
    source.close()
    with pytest.raises(SourceError, match="camera /dev/video97 does not exist"):
        open_source(SourceOptions(uri="/dev/video97"))


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    lines: list[str] = []
    handle = logger.add(
        lambda message: lines.append(str(message)), level="WARNING", format="{message}"
    )
    yield lines
    logger.remove(handle)


def test_another_size_than_requested_gives_one_warning(warnings):
    open_camera(ScriptedCapture(1), frame_size="1920x1080").close()
    (line,) = warnings
    assert "gives frames of 6x4 px (width x height) instead of the requested 1920x1080" in line


def test_another_rate_than_requested_gives_one_warning(warnings):
    first, second = ScriptedCapture(1, "gone"), ScriptedCapture(2)
    source = open_camera(first, second, fps=60.0)
    assert [source.read().image[0, 0, 0] for _ in range(2)] == [1, 2]
    source.close()
    rates = [line for line in warnings if "frames per s" in line]
    assert rates == ["camera 0 gives 30 frames per s instead of the requested 60\n"]


@pytest.mark.parametrize("fps", [None, 30.0, 29.97])
def test_the_requested_rate_gives_no_warning(warnings, fps):
    open_camera(ScriptedCapture(1), fps=fps).close()
    assert warnings == []


def test_a_camera_that_does_not_report_its_rate_gives_one_warning(warnings):
    capture = ScriptedCapture(1)
    capture.fps = None
    open_camera(capture, fps=25.0).close()
    assert warnings == ["camera 0 does not report its frame rate; 25 frames per s were requested\n"]


@pytest.mark.parametrize("index", [97, "/dev/video97"])
def test_a_camera_that_does_not_exist_gives_a_one_sentence_error(index, capfd):
    with pytest.raises(SourceError, match="camera /dev/video97 does not exist") as caught:
        CameraSource(index, CameraOptions())
    assert caught.value.exit_code == 2
    assert capfd.readouterr().err == ""


def test_a_device_that_is_not_a_camera_is_refused(capfd):
    with pytest.raises(SourceError, match="/dev/null is not a camera"):
        CameraSource("/dev/null", CameraOptions())
    assert capfd.readouterr().err == ""


def test_a_frame_has_the_time_at_which_the_driver_got_it():
    capture = ScriptedCapture(1, 2)
    capture.age_s = 0.05
    source = open_camera(capture)
    frame = source.read()
    source.close()
    assert 0.05 <= (now_ns() - frame.captured_ns) / 1e9 < 1
    assert isinstance(frame, Frame)


def test_a_frame_that_waited_too_long_in_the_driver_is_stale():
    capture = ScriptedCapture(1, 2)
    capture.age_s = 3.0
    source = open_camera(capture)
    frame = source.read()
    source.close()
    assert isinstance(frame, BadFrame)
    assert (frame.cause, frame.error) == (Cause.STALE, "the picture is 3.0 s old")
    assert 3.0 <= (now_ns() - frame.captured_ns) / 1e9 < 4


@pytest.mark.parametrize("driver_ns", [0, -5, 10**19])
def test_a_time_of_another_clock_is_not_used(driver_ns):
    assert check_time(driver_ns) is None
    assert check_time(now_ns() - 10**9) is not None
