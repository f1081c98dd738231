import threading
import time

import pytest
from loguru import logger
from scripted_camera import ScriptedCapture

from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Frame
from inspector.sources.camera import CameraSource
from inspector.sources.reconnect import Backoff

FAST = Backoff(first_s=0.01, max_s=0.02, give_up_s=None)


def opened(
    *captures: ScriptedCapture | SourceError, backoff: Backoff = FAST, **more
) -> CameraSource:
    """One after the other for each try; the last one again and again."""
    left = list(captures)

    def open_capture() -> ScriptedCapture:
        capture = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(capture, SourceError):
            raise capture
        return capture

    asked = {"frame_hw": None, "fps": None, "read_timeout_s": 0.1, **more}
    return CameraSource(0, backoff=backoff, open_capture=open_capture, **asked)


def test_frames_are_numbered_live_and_frozen():
    source = opened(ScriptedCapture(1, 2, 3))
    frames = [source.read() for _ in range(3)]
    source.close()
    assert [f.frame_id for f in frames] == [0, 1, 2]
    assert [f.image[0, 0, 0] for f in frames] == [1, 2, 3]
    assert all(f.pts_s is None and not f.image.flags.writeable for f in frames)
    assert (source.info.live, source.info.frame_hw, source.info.fps) == (True, (4, 6), 30.0)
    assert source.info.source_id == "camera 0"


def test_a_frame_that_cannot_be_decoded_is_bad_and_the_next_one_good():
    source = opened(ScriptedCapture(1, None, 3))
    kinds = [type(source.read()) for _ in range(3)]
    source.close()
    assert kinds == [Frame, BadFrame, Frame]


def test_an_unplugged_camera_is_reached_again_and_numbers_go_on():
    first, second = ScriptedCapture(1, 2, "gone"), ScriptedCapture(7, 8)
    missing = SourceError("the camera /dev/video0 does not exist")
    source = opened(first, missing, missing, second)
    frames = [source.read() for _ in range(4)]
    source.close()
    assert [(f.frame_id, f.image[0, 0, 0]) for f in frames] == [(0, 1), (1, 2), (2, 7), (3, 8)]
    assert source.reconnects == 3
    assert first.released.wait(5)
    assert second.released.wait(5)


def test_a_silent_camera_is_opened_again_after_the_read_timeout():
    source = opened(ScriptedCapture(1, "silent"), ScriptedCapture(2))
    assert [source.read().image[0, 0, 0] for _ in range(2)] == [1, 2]
    source.close()


def test_a_camera_that_stays_away_is_given_up():
    away = SourceError("the camera /dev/video0 does not exist")
    backoff = Backoff(first_s=0.01, max_s=0.02, give_up_s=0.05)
    source = opened(ScriptedCapture(1, "gone"), away, backoff=backoff)
    assert source.read().frame_id == 0
    with pytest.raises(SourceLost, match="does not exist; given up after"):
        source.read()
    source.close()


def test_close_ends_a_read_of_a_silent_camera():
    capture = ScriptedCapture("silent")
    source = opened(capture, read_timeout_s=60)
    got: list[object] = ["nothing yet"]
    reader = threading.Thread(target=lambda: got.append(source.read()))
    reader.start()
    started = time.monotonic()
    source.close()
    reader.join(2)
    assert time.monotonic() - started < 2
    assert got[-1] is None
    assert capture.released.wait(5)


def test_a_camera_never_read_is_released_by_close():
    capture = ScriptedCapture(1)
    source = opened(capture)
    source.close()
    source.close()
    assert capture.released.wait(5)
    assert source.read() is None


def test_another_size_than_asked_for_is_said_once():
    lines: list[str] = []
    handle = logger.add(lambda message: lines.append(str(message)), level="WARNING")
    opened(ScriptedCapture(1), frame_hw=(1080, 1920)).close()
    logger.remove(handle)
    assert len(lines) == 1
    assert "gives 4x6" in lines[0]
    assert "1080x1920" in lines[0]


@pytest.mark.parametrize("index", [97, "/dev/video97"])
def test_a_camera_that_does_not_exist_is_one_sentence(index, capfd):
    with pytest.raises(SourceError, match="camera /dev/video97 does not exist") as caught:
        CameraSource(index, frame_hw=None, fps=None, read_timeout_s=1, backoff=FAST)
    assert caught.value.exit_code == 2
    assert capfd.readouterr().err == ""


def test_a_device_that_is_no_camera_is_refused(capfd):
    with pytest.raises(SourceError, match="/dev/null is no camera"):
        CameraSource("/dev/null", frame_hw=None, fps=None, read_timeout_s=1, backoff=FAST)
    assert capfd.readouterr().err == ""
