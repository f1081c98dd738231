"""Writes the settings of a V4L2 camera through OpenCV, and reads them back."""

from typing import Any, Final, Protocol

import cv2

from inspector.core.errors import ConfigError, SourceError
from inspector.core.schema import suggest
from inspector.sources.options import CameraSettings

_PREFIX: Final = "CAP_PROP_"
_AUTO_EXPOSURE: Final = "AUTO_EXPOSURE"
_OFF: Final = {_AUTO_EXPOSURE: 1.0, "AUTO_WB": 0.0, "AUTOFOCUS": 0.0}
"""Automatic mode -> its value when it is off; 1 is V4L2_EXPOSURE_MANUAL."""

_EXPOSURE_UNIT_US: Final = 100
"""Of V4L2_CID_EXPOSURE_ABSOLUTE."""

_UNKNOWN: Final = -1.0
"""OpenCV's value of a property that the camera lacks."""

_GENICAM_ONLY: Final = ("offset", "trigger", "packet_bytes", "packet_delay_ns")


class Properties(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def get(self, prop: int, /) -> float: ...

    def set(self, prop: int, value: float, /) -> bool: ...


def check_settings(settings: CameraSettings) -> None:
    """Raises ConfigError for a setting that no V4L2 camera has."""
    for key in _GENICAM_ONLY:
        if getattr(settings, key) is not None:
            raise ConfigError(f"source.camera.{key}: only GenICam cameras have this setting")
    code = settings.pixel_format
    if code is not None and len(code) != 4:
        raise ConfigError(
            f"source.camera.pixel_format: a V4L2 camera needs a code of four characters, such as "
            f"MJPG or YUYV, not {code}"
        )
    known = [name.removeprefix(_PREFIX) for name in dir(cv2) if name.startswith(_PREFIX)]
    for name, value in settings.features.items():
        if name not in known:
            raise ConfigError(
                f"source.camera.features: OpenCV has no property {_PREFIX}{name}"
                f"{suggest(str(name), known)}"
            )
        if not isinstance(value, int | float):
            raise ConfigError(f"source.camera.features.{name} must be a number, not {value!r}")


def write_format(capture: Properties, settings: CameraSettings) -> None:
    """The format comes before the size, because it limits the sizes."""
    if settings.pixel_format is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.pixel_format))


def write_settings(
    capture: Properties, settings: CameraSettings, name: str
) -> dict[str, Any] | None:
    """Returns the values as they were read back, or None if nothing was written.

    settings: checked by check_settings; write_format has written the format. exposure_us is rounded
    to 100 us, the unit of V4L2. name: of the camera, for messages. Raises SourceError for a value
    that the camera did not take.
    """
    values: dict[str, tuple[int, float]] = {}
    modes = [] if settings.exposure_us is None else [_AUTO_EXPOSURE]
    if settings.manual:
        modes = [mode for mode in _OFF if capture.get(getattr(cv2, _PREFIX + mode)) != _UNKNOWN]
    for mode in modes:
        values[f"features.{mode}"] = getattr(cv2, _PREFIX + mode), _OFF[mode]
    if settings.exposure_us is not None:
        steps = max(1, round(settings.exposure_us / _EXPOSURE_UNIT_US))
        values["exposure_us"] = cv2.CAP_PROP_EXPOSURE, steps
    if settings.gain is not None:
        values["gain"] = cv2.CAP_PROP_GAIN, settings.gain
    for key, value in settings.features.items():
        values[f"features.{key}"] = getattr(cv2, _PREFIX + key), float(value)
    for prop, value in values.values():
        capture.set(prop, value)
    actual: dict[str, Any] = {}
    # All are read after the last write, because one setting can change another.
    for key, (prop, value) in values.items():
        actual[key] = capture.get(prop)
        if actual[key] != value:
            _refuse(name, key, value, actual[key])
    if settings.pixel_format is not None:
        code = capture.get(cv2.CAP_PROP_FOURCC)
        text = code if code == _UNKNOWN else int(code).to_bytes(4, "little").decode("latin-1")
        if text != settings.pixel_format:
            _refuse(name, "pixel_format", settings.pixel_format, text)
        actual["pixel_format"] = text
    if "exposure_us" in actual:
        actual["exposure_us"] *= _EXPOSURE_UNIT_US
    return actual or None


def _refuse(name: str, key: str, value: float | str, actual: float | str) -> None:
    if actual == _UNKNOWN:
        raise SourceError(f"{name}: source.camera.{key}: the camera has no such setting")
    unit = f" (in steps of {_EXPOSURE_UNIT_US} us)" if key == "exposure_us" else ""
    raise SourceError(
        f"{name}: source.camera.{key}: the camera did not take {value}{unit}; it has {actual}"
    )
