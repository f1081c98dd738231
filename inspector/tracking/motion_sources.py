"""The table of sources of the motion of a web."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError
from inspector.tracking.feed_motion import FeedMotion
from inspector.tracking.motion import MotionSource, SpeedMotion, read_encoder
from inspector.tracking.options import TrackingOptions


def _make_speed(options: TrackingOptions, live: bool) -> MotionSource:
    assert options.speed_m_per_min is not None  # check_options
    return SpeedMotion(options.speed_m_per_min * 1000 / 60, live=live)


def _make_encoder(options: TrackingOptions, live: bool) -> MotionSource:
    assert options.encoder is not None  # check_options
    return read_encoder(Path(options.encoder), live=live)


def _make_mqtt(options: TrackingOptions, live: bool) -> MotionSource:
    from inspector.tracking.mqtt_feed import MqttFeed

    _refuse_file(options, live)
    return FeedMotion(MqttFeed(options.mqtt))


def _make_modbus(options: TrackingOptions, live: bool) -> MotionSource:
    from inspector.tracking.modbus_feed import ModbusFeed

    _refuse_file(options, live)
    return FeedMotion(ModbusFeed(options.modbus))


def _refuse_file(options: TrackingOptions, live: bool) -> None:
    """The line does not move now as it moved when a file was recorded."""
    if not live:
        raise ConfigError(
            f"tracking.motion {options.motion} needs a live source; for a file use "
            "tracking.motion encoder with encoder.csv of the run that recorded it"
        )


MOTIONS: Final[dict[str, Callable[[TrackingOptions, bool], MotionSource]]] = {
    "speed": _make_speed,
    "encoder": _make_encoder,
    "mqtt": _make_mqtt,
    "modbus": _make_modbus,
}
"""Value of tracking.motion -> function that makes the source. The motion from pictures needs the
size of the frames, so the tracking stage makes it."""


def make_motion(options: TrackingOptions, *, live: bool) -> MotionSource | None:
    """The source of the motion; None if it is measured from the pictures. Raises ConfigError."""
    make = MOTIONS.get(options.motion)
    return None if make is None else make(options, live)
