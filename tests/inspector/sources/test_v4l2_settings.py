"""Settings of a V4L2 camera, on a camera whose properties a test sets. A real one was not there."""

import cv2
import pytest
from scripted_camera import ScriptedCapture

from inspector.core.errors import ConfigError, SourceError
from inspector.sources.camera import CameraSource
from inspector.sources.options import CameraOptions, CameraSettings
from inspector.sources.v4l2_settings import write_format, write_settings

MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class ScriptedProperties:
    """Takes values of the properties that it has, at most `largest`. A property that it lacks is
    -1, as in OpenCV."""

    def __init__(self, *props: int, largest: float = 2.0**32) -> None:
        self.values = dict.fromkeys(props, 3.0)
        self.largest = largest

    def get(self, prop: int) -> float:
        return self.values.get(prop, -1.0)

    def set(self, prop: int, value: float) -> bool:
        if prop not in self.values:
            return False
        self.values[prop] = min(value, self.largest)
        return True


def write(properties: ScriptedProperties, **settings: object) -> dict[str, object] | None:
    chosen = CameraSettings(**settings)
    write_format(properties, chosen)
    return write_settings(properties, chosen, "camera 0")


def test_exposure_is_written_in_steps_of_100_us_and_read_back() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE)
    actual = write(properties, exposure_us=5030.0)
    assert actual == {"features.AUTO_EXPOSURE": 1.0, "exposure_us": 5000.0}
    assert properties.get(cv2.CAP_PROP_EXPOSURE) == 50


def test_the_other_settings_are_read_back() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_GAIN, cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_BRIGHTNESS)
    actual = write(properties, gain=7, pixel_format="MJPG", features={"BRIGHTNESS": 10})
    assert actual == {"gain": 7.0, "features.BRIGHTNESS": 10.0, "pixel_format": "MJPG"}
    assert properties.get(cv2.CAP_PROP_FOURCC) == MJPG


def test_manual_switches_off_the_automatic_modes_that_the_camera_has() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_AUTO_WB, cv2.CAP_PROP_AUTO_EXPOSURE)
    actual = write(properties, manual=True)
    assert actual == {"features.AUTO_EXPOSURE": 1.0, "features.AUTO_WB": 0.0}


def test_without_settings_nothing_is_written() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_GAIN)
    assert write(properties) is None
    assert properties.get(cv2.CAP_PROP_GAIN) == 3.0


def test_a_value_that_the_camera_did_not_take_is_an_error() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_GAIN, largest=255)
    message = "camera 0: source.camera.gain: the camera did not take 300.0?; it has 255"
    with pytest.raises(SourceError, match=message):
        write(properties, gain=300.0)


def test_a_setting_that_the_camera_lacks_is_an_error() -> None:
    properties = ScriptedProperties(cv2.CAP_PROP_AUTO_EXPOSURE)
    with pytest.raises(SourceError, match="exposure_us: the camera has no such setting"):
        write(properties, exposure_us=100.0)
    with pytest.raises(SourceError, match="pixel_format: the camera has no such setting"):
        write(properties, pixel_format="MJPG")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trigger": "software"}, "source.camera.trigger: only GenICam cameras"),
        ({"offset": (0, 8)}, "source.camera.offset: only GenICam cameras"),
        ({"packet_bytes": 1500}, "source.camera.packet_bytes: only GenICam cameras"),
        ({"pixel_format": "Mono8"}, "needs a code of four characters, such as MJPG"),
        ({"features": {"BRIGHTNES": 1}}, "no property CAP_PROP_BRIGHTNES; did you mean BRIGHTNESS"),
        ({"features": {"BRIGHTNESS": "high"}}, "features.BRIGHTNESS must be a number"),
    ],
)
def test_settings_that_no_v4l2_camera_has_are_refused(settings, message) -> None:
    options = CameraOptions(camera=CameraSettings(**settings))
    with pytest.raises(ConfigError, match=message):
        CameraSource(0, options, open_capture=ScriptedCapture)


def test_the_source_states_the_settings_that_were_read_back() -> None:
    capture = ScriptedCapture(1)
    capture.settings = {"gain": 7.0}
    source = CameraSource(0, CameraOptions(), open_capture=lambda: capture)
    source.close()
    assert source.info.settings == {"gain": 7.0}
