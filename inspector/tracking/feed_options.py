"""The options of positions that arrive over the network: MQTT and Modbus."""

from dataclasses import dataclass
from typing import Annotated, Final

from inspector.connections.options import (
    ModbusAddress,
    MqttAddress,
    check_modbus_address,
    check_mqtt_address,
)
from inspector.core.errors import ConfigError
from inspector.core.schema import OneOf, Positive, Seconds

POSITION: Final = "position"
MQTT: Final = "tracking.mqtt"
MODBUS: Final = "tracking.modbus"


@dataclass(frozen=True)
class FeedOptions:
    """What the values of a receiver mean. It has no slots, because a class cannot inherit slots
    from two classes.

    quantity: position (mm) or speed (m/min) of the line. scale: mm, or m/min, for one unit of the
    value; negative if the value falls while the line runs forward. max_age_s: the motion is unknown
    without a value for longer than this. max_m_per_min: no line is faster, so a larger jump is no
    motion.
    """

    quantity: Annotated[str, OneOf(POSITION, "speed")] = POSITION
    scale: float = 1.0
    max_age_s: Seconds = 0.5
    max_m_per_min: Positive = 1000.0

    @property
    def max_speed(self) -> float:
        """mm/s."""
        return self.max_m_per_min * 1000 / 60


@dataclass(frozen=True, slots=True)
class MqttOptions(FeedOptions, MqttAddress):
    """field: key in a JSON object, with dots for nested objects; None if the message is a plain
    number."""

    field: str | None = None


@dataclass(frozen=True, slots=True)
class ModbusOptions(FeedOptions, ModbusAddress):
    """bits: the register is the first word if bits is 32. word_order: which of two words is the
    first. signed: of a speed; a position may wrap around in any way."""

    bits: Annotated[int, OneOf(16, 32)] = 32
    word_order: Annotated[str, OneOf("high_first", "low_first")] = "high_first"
    signed: bool = True


def check_mqtt(options: MqttOptions) -> None:
    """Raises ConfigError for keys that are missing or do not fit together."""
    check_mqtt_address(options, MQTT)
    _check_scale(options, MQTT)


def check_modbus(options: ModbusOptions) -> None:
    """Raises ConfigError for keys that are missing or do not fit together."""
    check_modbus_address(options, MODBUS)
    _check_scale(options, MODBUS)
    half_mm = abs(options.scale) * 2 ** (options.bits - 1)
    way_mm = options.max_speed * 2 * options.interval_s
    if options.quantity == POSITION and way_mm >= half_mm:
        raise ConfigError(
            f"tracking.modbus: in two polls the line can move by {way_mm:.4g} mm "
            f"(max_m_per_min, interval_s), which is more than half the range of the counter, "
            f"{half_mm:.4g} mm (bits, scale), so its wraps cannot be counted"
        )


def _check_scale(options: FeedOptions, key: str) -> None:
    if options.scale == 0:
        raise ConfigError(f"{key}.scale must not be 0")
