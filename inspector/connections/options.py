"""The addresses of brokers and devices, as the configuration gives them."""

from dataclasses import dataclass
from typing import Annotated

from inspector.core.errors import ConfigError
from inspector.core.schema import Between, OneOf, Seconds


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """topic: of the values. user, password: may be ${NAME} or ${file:PATH}. ca_file: certificates
    that are trusted, instead of those of the system. cert_file, key_file: certificate and private
    key by which the broker knows this machine; both are PEM files. protocol: version of MQTT."""

    host: str | None = None
    port: Annotated[int, Between(1, 65535)] = 1883
    topic: str | None = None
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    protocol: Annotated[str, OneOf("v3.1.1", "v5")] = "v3.1.1"


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """table: kind of the register. register: address from 0, of the first word. interval_s: time
    between two polls. timeout_s: without an answer."""

    host: str | None = None
    port: Annotated[int, Between(1, 65535)] = 502
    unit: Annotated[int, Between(0, 255)] = 1
    table: Annotated[str, OneOf("holding", "input")] = "holding"
    register: Annotated[int, Between(0, 65535)] | None = None
    interval_s: Seconds = 0.02
    timeout_s: Seconds = 1.0


@dataclass(frozen=True, slots=True)
class OpcUaAddress:
    """url: such as opc.tcp://plc:4840. node: id of the node, such as ns=2;s=Line.Recipe. user,
    password: may be ${NAME} or ${file:PATH}. interval_s: of the subscription. timeout_s: without an
    answer."""

    url: str | None = None
    node: str | None = None
    user: str | None = None
    password: str | None = None
    interval_s: Seconds = 0.2
    timeout_s: Seconds = 4.0


def check_mqtt_address(address: MqttAddress, key: str) -> None:
    """Raises ConfigError for keys that are missing or do not fit together. key: of the section."""
    require(key, host=address.host, topic=address.topic)
    check_topic(address.topic, f"{key}.topic")
    for name in ("ca_file", "cert_file", "key_file"):
        if getattr(address, name) is not None and not address.tls:
            raise ConfigError(f"{key}.{name} is used only with {key}.tls: true")
    if address.key_file is not None and address.cert_file is None:
        raise ConfigError(f"{key}.cert_file is missing; a private key needs its certificate")
    if address.password is not None and address.user is None:
        raise ConfigError(f"{key}.user is missing; a password needs a user")


def check_modbus_address(address: ModbusAddress, key: str) -> None:
    """Raises ConfigError for keys that are missing. key: of the section."""
    require(key, host=address.host, register=address.register)


def check_opcua_address(address: OpcUaAddress, key: str) -> None:
    """Raises ConfigError for keys that are missing or do not fit together. key: of the section."""
    require(key, url=address.url, node=address.node)
    if not str(address.url).startswith("opc.tcp://"):
        raise ConfigError(f"{key}.url must begin with opc.tcp://, not {address.url!r}")
    if address.password is not None and address.user is None:
        raise ConfigError(f"{key}.user is missing; a password needs a user")


def check_topic(topic: str | None, key: str) -> None:
    """Raises ConfigError if the text is no name of a topic."""
    if topic is not None and (not topic or set("+#\0") & set(topic)):
        raise ConfigError(
            f"{key} must name one topic, without the wildcards + and #, not {topic!r}"
        )


def require(key: str, **values: object) -> None:
    """Raises ConfigError if a value is None. key: of the section. values: by the names of keys."""
    for name, value in values.items():
        if value is None:
            raise ConfigError(f"{key}.{name} is missing")
