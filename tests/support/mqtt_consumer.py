"""A consumer of records with an MQTT session that the broker remembers, and certificates."""

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from motion_services import Broker

DURABLE = ("persistence true", "queue_qos0_messages true", "max_queued_messages 0")
"""Settings of a broker that remembers a consumer which is away."""


class Consumer:
    """Receives every message of a broker.

    It confirms none (QoS 0). Mosquitto forgets what it has confirmed to a publisher but not yet
    delivered when it is killed. A client that writes a confirmation to a killed broker loses what
    it has not read yet. Without both, it gets everything that a broker with the settings DURABLE
    has confirmed, if the broker is killed only after wait_for_start().

    messages: topic and record of each. starts: number of connections to a broker on which it has
    received everything that waited for it.
    """

    def __init__(self, port: int, name: str = "consumer", **login: str) -> None:
        from paho.mqtt import client

        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.changed = threading.Condition()
        self.starts = 0
        self.client = client.Client(
            client.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False
        )
        if login:
            self.client.username_pw_set(login["user"], login["password"])
        self.client.on_connect = lambda link, *_: link.subscribe("#")
        self.client.on_subscribe = self._start
        self.client.on_message = self._receive
        self.client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]
        self.client.connect_async("127.0.0.1", port, keepalive=5)
        self.client.loop_start()
        assert self.wait_for_start(1), "the broker does not take the subscription"

    @property
    def event_ids(self) -> list[str]:
        """Each received event_id once, in the order of arrival."""
        return list(dict.fromkeys(record["event_id"] for _, record in list(self.messages)))

    def wait_for(self, count: int, timeout_s: float = 30.0) -> bool:
        """Whether so many different records arrive in time."""
        with self.changed:
            return self.changed.wait_for(lambda: self._count() >= count, timeout_s)

    def wait_for_start(self, count: int, timeout_s: float = 30.0) -> bool:
        """Whether `starts` reaches the count in time."""
        with self.changed:
            return self.changed.wait_for(lambda: self.starts >= count, timeout_s)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _count(self) -> int:
        return len({record["event_id"] for _, record in self.messages})

    def _start(self, *_: Any) -> None:
        """The broker confirms the subscription after it has sent what waited."""
        with self.changed:
            self.starts += 1
            self.changed.notify_all()

    def _receive(self, _: Any, __: Any, message: Any) -> None:
        with self.changed:
            self.messages.append((message.topic, json.loads(message.payload)))
            self.changed.notify_all()


def restart_broker(broker: Broker, consumer: Consumer, away_s: float) -> None:
    """Kills the broker, and starts it again after away_s. It returns when the consumer is there:
    Mosquitto confirms before it stores, so a kill before that would lose records."""
    starts = consumer.starts
    broker.kill()
    time.sleep(away_s)
    broker.start()
    assert consumer.wait_for_start(starts + 1), "the consumer does not reach the broker"


def make_certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate for this machine that signs itself, and its private key: two PEM files."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return str(certificate), str(key)
