"""The options of positions that arrive over the network: MQTT and Modbus."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.errors import ConfigError
from inspector.core.schema import Between, OneOf, Positive, Seconds

POSITION = "position"


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What the values of a receiver mean.

    quantity: position (mm) or speed (m/min) of the line. scale: mm, or m/min, for one unit of the
    value; negative if the value falls while the line runs forward. max_age_s: the motion is unknown
    without a value for longer than this. max_m_per_min: no line is faster, so a larger jump is no
    motion.
    """

    host: str | None = None
    quantity: Annotated[str, OneOf(POSITION, "speed")] = POSITION
    scale: float = 1.0
    max_age_s: Seconds = 0.5
    max_m_per_min: Positive = 1000.0

    @property
    def max_speed(self) -> float:
        """mm/s."""
        return self.max_m_per_min * 1000 / 60


@dataclass(frozen=True, slots=True)
class MqttOptions(FeedOptions):
    """topic: of the values. field: key in a JSON object, with dots for nested objects; None if the
    message is a plain number. user, password: may be ${NAME} or ${file:PATH}. ca_file: certificates
    that are trusted, instead of those of the system."""

    port: Annotated[int, Between(1, 65535)] = 1883
    topic: str | None = None
    field: str | None = None
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class ModbusOptions(FeedOptions):
    """table: kind of the register. register: address from 0, of the first word if bits is 32.
    word_order: which of two words is the first. signed: of a speed; a position may wrap around in
    any way. interval_s: time between two polls. timeout_s: without an answer."""

    port: Annotated[int, Between(1, 65535)] = 502
    unit: Annotated[int, Between(0, 255)] = 1
    table: Annotated[str, OneOf("holding", "input")] = "holding"
    register: Annotated[int, Between(0, 65535)] | None = None
    bits: Annotated[int, OneOf(16, 32)] = 32
    word_order: Annotated[str, OneOf("high_first", "low_first")] = "high_first"
    signed: bool = True
    interval_s: Seconds = 0.02
    timeout_s: Seconds = 1.0


def check_mqtt(options: MqttOptions) -> None:
    """Raises ConfigError for keys that are missing or do not fit together."""
    _check(options, "mqtt", {"host": options.host, "topic": options.topic})
    if options.topic is not None and (not options.topic or set("+#") & set(options.topic)):
        raise ConfigError(
            "tracking.mqtt.topic must name one topic, without the wildcards + and #, not "
            f"{options.topic!r}"
        )
    if options.ca_file is not None and not options.tls:
        raise ConfigError("tracking.mqtt.ca_file is used only with tracking.mqtt.tls: true")
    if options.password is not None and options.user is None:
        raise ConfigError("tracking.mqtt.user is missing; a password needs a user")


def check_modbus(options: ModbusOptions) -> None:
    """Raises ConfigError for keys that are missing or do not fit together."""
    _check(options, "modbus", {"host": options.host, "register": options.register})
    half_mm = abs(options.scale) * 2 ** (options.bits - 1)
    way_mm = options.max_speed * 2 * options.interval_s
    if options.quantity == POSITION and way_mm >= half_mm:
        raise ConfigError(
            f"tracking.modbus: in two polls the line can move by {way_mm:.4g} mm "
            f"(max_m_per_min, interval_s), which is more than half the range of the counter, "
            f"{half_mm:.4g} mm (bits, scale), so its wraps cannot be counted"
        )


def _check(options: FeedOptions, kind: str, needed: dict[str, object]) -> None:
    for key, value in needed.items():
        if value is None:
            raise ConfigError(f"tracking.{kind}.{key} is missing; tracking.motion {kind} needs it")
    if options.scale == 0:
        raise ConfigError(f"tracking.{kind}.scale must not be 0")
