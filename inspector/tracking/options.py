"""The options of the section `tracking` of the configuration."""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.errors import ConfigError
from inspector.core.schema import OneOf, Positive
from inspector.tracking.feed_options import ModbusOptions, MqttOptions, check_modbus, check_mqtt

DIRECTIONS = ("down", "up", "left", "right")

FEEDS = ("mqtt", "modbus")
"""Values of tracking.motion for positions that arrive over the network."""


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """How a run follows defects over frames.

    direction: in which the product moves in the frame while the line runs forward. motion: where
    the motion comes from: picture, speed, encoder, mqtt or modbus. speed_m_per_min: for motion
    speed. encoder: CSV file with times and positions, for motion encoder. reverse_mm: length of web
    by which the line may run back; a defect that is farther outside the frame is closed. None: one
    length of the frame. web_width_mm: None if the frame shows the full width. continue_last_run:
    continue the web of the last run with the same output.dir. Its open defects keep their ids.
    """

    enabled: bool = False
    direction: Annotated[str, OneOf(*DIRECTIONS)] = "down"
    motion: Annotated[str, OneOf("picture", "speed", "encoder", "mqtt", "modbus")] = "picture"
    speed_m_per_min: float | None = None
    encoder: str | None = None
    reverse_mm: Positive | None = None
    web_width_mm: Positive | None = None
    continue_last_run: bool = False
    mqtt: MqttOptions = field(default_factory=MqttOptions)
    modbus: ModbusOptions = field(default_factory=ModbusOptions)


def check_options(options: TrackingOptions, *, calibrated: bool) -> None:
    """Raises ConfigError for keys that need a calibration or another key."""
    in_mm = (
        ("tracking.reverse_mm", options.reverse_mm),
        ("tracking.web_width_mm", options.web_width_mm),
        ("tracking.speed_m_per_min", options.speed_m_per_min),
        ("tracking.encoder", options.encoder),
    )
    for key, value in in_mm:
        if value is not None and not calibrated:
            raise ConfigError(f"{key}: millimetres need a calibration; use --calibration")
    if options.motion == "speed" and options.speed_m_per_min is None:
        raise ConfigError("tracking.speed_m_per_min is missing; tracking.motion speed needs it")
    if options.motion == "encoder" and options.encoder is None:
        raise ConfigError("tracking.encoder is missing; tracking.motion encoder needs its file")
    if options.motion in FEEDS and not calibrated:
        raise ConfigError(
            f"tracking.motion {options.motion}: millimetres need a calibration; use --calibration"
        )
    if options.motion == "mqtt":
        check_mqtt(options.mqtt)
    if options.motion == "modbus":
        check_modbus(options.modbus)
