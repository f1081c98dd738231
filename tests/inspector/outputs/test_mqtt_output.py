"""Tests of the output `mqtt` with a real broker: Mosquitto on this machine."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_records import durable_broker, kill_inspections
from log_lines import warnings_of
from motion_services import Broker
from mqtt_consumer import Consumer, make_certificate
from output_parts import run_info
from waiting import wait_for

from inspector.core.schema import build
from inspector.outputs.kinds import make_outputs
from inspector.outputs.mqtt import MqttOptions, MqttSender
from inspector.outputs.outbox import QueuedRecord
from inspector.outputs.queued import QueuedOutput

pytestmark = pytest.mark.services

PROTOCOLS = ("v3.1.1", "v5")
TOPIC = "hall/{source}/{type}"


@contextlib.contextmanager
def broker_of(folder: Path, *settings: str) -> Iterator[Broker]:
    broker = Broker(folder, "user root", *settings) if settings else durable_broker(folder)
    try:
        yield broker
    finally:
        broker.kill()


@contextlib.contextmanager
def consumer_of(port: int, **login: str) -> Iterator[Consumer]:
    consumer = Consumer(port, **login)
    try:
        yield consumer
    finally:
        consumer.close()


@contextlib.contextmanager
def output_of(folder: Path, port: int, drain_s: float = 6, **keys: Any) -> Iterator[QueuedOutput]:
    queue = {"dir": str(folder / "outbox"), "timeout_s": 2, "drain_s": drain_s}
    queue |= {"retry_first_s": 0.02, "retry_max_s": 0.1}
    address = {"host": "127.0.0.1", "port": port, "topic": TOPIC}
    (output,) = make_outputs([{"kind": "mqtt", "queue": queue} | address | keys])
    output.open(run_info())
    try:
        yield output
    finally:
        output.close()


def put(output: QueuedOutput, first: int, end: int, **fields: Any) -> list[str]:
    event_ids = [f"run/left/{number}" for number in range(first, end)]
    for event_id in event_ids:
        record = {"type": "verdict", "source": "left", "event_id": event_id}
        output.put(record | fields)
    return event_ids


def make_sender(port: int, **keys: Any) -> MqttSender:
    raw = {"kind": "mqtt", "host": "127.0.0.1", "port": port, "topic": TOPIC} | keys
    return MqttSender(build(MqttOptions, raw, ValueError), "outputs[0]")


def make_records(count: int) -> list[QueuedRecord]:
    body = b'{"type":"part","source":"left","event_id":"run/left/%d"}'
    return [QueuedRecord(number, body % number) for number in range(1, count + 1)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_records_arrive_in_order_and_are_the_lines_of_the_log(
    tmp_path: Path, protocol: str
) -> None:
    with broker_of(tmp_path) as broker, consumer_of(broker.port) as consumer:
        with output_of(tmp_path, broker.port, protocol=protocol, types=["verdict"]) as output:
            event_ids = put(output, 0, 250, text="Größe")
            put(output, 250, 260, type="measured")
        assert output.counts()["delivered"] == 250
        assert consumer.wait_for(250)
        assert consumer.event_ids == event_ids
        topic, record = consumer.messages[0]
        assert topic == "hall/left/verdict"
        assert record == {
            "type": "verdict",
            "source": "left",
            "event_id": event_ids[0],
            "text": "Größe",
        }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_broker_that_stalls_confirms_nothing_and_gets_the_records_later(
    tmp_path: Path, protocol: str
) -> None:
    with broker_of(tmp_path) as broker, consumer_of(broker.port) as consumer:
        sender, records = make_sender(broker.port, protocol=protocol), make_records(60)
        sender.send(records[:1], 5)
        with broker.stalled(), pytest.raises(TimeoutError, match="does not answer in time"):
            sender.send(records[1:], 0.3)
        sender.send(records[1:], 5)
        sender.close()
        assert consumer.wait_for(60)
        assert consumer.event_ids == [f"run/left/{number}" for number in range(1, 61)]


def test_send_returns_only_after_the_confirmation_of_each_record(tmp_path: Path) -> None:
    """A consumer that the broker serves before it confirms has them all when send() returns."""
    settings = ("allow_anonymous true", "max_inflight_messages 3")
    with broker_of(tmp_path, *settings) as broker:
        sender = make_sender(broker.port, protocol="v5")
        sender.send(make_records(100), 5)
        assert sender._client._out_messages == {}
        sender.close()


def test_a_broker_that_is_killed_every_few_records_loses_and_reorders_none(
    tmp_path: Path,
) -> None:
    with broker_of(tmp_path) as broker, consumer_of(broker.port) as consumer:
        broker.save(tmp_path)
        with output_of(tmp_path, broker.port) as output:
            event_ids: list[str] = []
            for kill in range(8):
                event_ids += put(output, 50 * kill, 50 * kill + 50)
                assert consumer.wait_for(50 * kill + 1 + 7 * kill % 50)
                assert consumer.wait_for_start(kill + 1)
                broker.kill()
                broker.start()
            assert consumer.wait_for(len(event_ids))
        assert output.counts()["delivered"] == 400
        assert consumer.event_ids == event_ids


def test_a_broker_that_restarts_between_two_deliveries_is_no_failure(tmp_path: Path) -> None:
    with broker_of(tmp_path) as broker:
        sender = make_sender(broker.port)
        sender.send(make_records(1), 5)
        broker.kill()
        broker.start()
        sender.send(make_records(1), 5)
        sender.close()


def test_an_encrypted_connection_with_a_certificate_of_this_machine(tmp_path: Path) -> None:
    server, server_key = make_certificate(tmp_path, "server")
    camera, camera_key = make_certificate(tmp_path, "camera")
    stranger, stranger_key = make_certificate(tmp_path, "stranger")
    settings = (f"certfile {server}", f"keyfile {server_key}", f"cafile {camera}")
    with broker_of(
        tmp_path, *settings, "require_certificate true", "allow_anonymous true"
    ) as broker:
        secure = {"tls": True, "ca_file": server}
        named = secure | {"cert_file": camera, "key_file": camera_key}
        sender = make_sender(broker.port, **named)
        sender.send(make_records(3), 5)
        sender.close()
        wrong = {"cert_file": stranger, "key_file": stranger_key}
        for keys in (secure, secure | wrong, named | {"ca_file": stranger}):
            with pytest.raises(OSError, match=r"reached|broke"):
                make_sender(broker.port, **keys).send(make_records(1), 2)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_password_is_a_warning_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    users, secret = tmp_path / "users", "opensesame-4711"
    users.touch()
    subprocess.run(["mosquitto_passwd", "-b", str(users), "camera", secret], check=True)
    monkeypatch.setenv("RECORDS_PASSWORD", "wrong-4712")
    login = {"user": "camera", "protocol": protocol}
    with broker_of(tmp_path, f"password_file {users}") as broker:
        with (
            warnings_of() as lines,
            output_of(tmp_path, broker.port, 0, **login, password="wrong-4712") as output,
        ):
            put(output, 0, 3)
            wait_for(lambda: any("refuses the connection" in line for line in lines))
        assert output.counts()["waiting"] == 3
        assert not any("4712" in line for line in lines)
        with output_of(tmp_path, broker.port, **login, password=secret) as output:
            wait_for(lambda: output.counts()["delivered"] == 3)


def test_a_topic_that_the_broker_forbids_keeps_the_records(tmp_path: Path) -> None:
    """With MQTT 3.1.1 a broker cannot say it. Mosquitto confirms such a record and drops it."""
    access = tmp_path / "access"
    access.write_text("topic write hall/left/verdict\n")
    settings = ("allow_anonymous true", f"acl_file {access}")
    with broker_of(tmp_path, *settings) as broker:
        with warnings_of() as lines, output_of(tmp_path, broker.port, 0, protocol="v5") as output:
            put(output, 0, 2)
            wait_for(lambda: output.counts()["delivered"] == 2)
            put(output, 2, 3, type="part")
            wait_for(lambda: any("Not authorized" in line for line in lines))
        assert (output.counts()["waiting"], output.counts()["refused"]) == (1, 0)


@pytest.mark.parametrize("keys", [{"protocol": "v5"}, {"protocol": "v3.1.1", "max_kb": 2}])
def test_a_record_that_is_too_large_for_the_broker_is_left_out_and_counted(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    with broker_of(tmp_path, "allow_anonymous true", "max_packet_size 2000") as broker:
        with (
            consumer_of(broker.port) as consumer,
            output_of(tmp_path, broker.port, **keys) as output,
        ):
            event_ids = put(output, 0, 10)
            put(output, 10, 11, pad="x" * 2000)
            event_ids += put(output, 11, 20)
            assert consumer.wait_for(19)
        assert consumer.event_ids == event_ids
        counts = output.counts()
        assert (counts["delivered"], counts["refused"], counts["waiting"]) == (19, 1, 0)


def test_inspections_that_are_killed_lose_and_reorder_no_record(tmp_path: Path) -> None:
    result = kill_inspections(tmp_path, kills=3, seed=3)
    assert (result.missing, result.changed, result.out_of_order) == (0, 0, 0)
    assert result.more <= 2 * result.runs
    assert result.logged > 20
    assert result.most_waiting > 0
