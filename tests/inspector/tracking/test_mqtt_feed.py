"""Tests of the motion from a real MQTT broker: Mosquitto on this machine."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_lines import warnings_of
from motion_services import (
    SPEED,
    TOPIC,
    Broker,
    is_known,
    is_unknown,
    latest,
    now_s,
    publishing,
    wait_for,
)

from inspector.core.errors import ConfigError
from inspector.tracking.feed_options import MqttOptions
from inspector.tracking.mqtt_feed import MqttFeed

pytestmark = pytest.mark.services


@contextlib.contextmanager
def receiving(port: int, **changes: object) -> Iterator[MqttFeed]:
    options = MqttOptions(
        **({"host": "127.0.0.1", "port": port, "topic": TOPIC} | changes)  # type: ignore[arg-type]
    )
    feed = MqttFeed(options)
    try:
        yield feed
    finally:
        feed.stop()
        feed.connection.thread.join(10)
        assert not feed.connection.thread.is_alive()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.kill()


def test_positions_are_those_of_the_line(broker: Broker) -> None:
    with publishing(broker.port) as line, receiving(broker.port) as feed:
        wait_for(is_known(feed.positions))
        for _ in range(10):
            time.sleep(0.05)
            at_s = now_s() - 0.15
            place = feed.positions.at(at_s)
            assert place is not None
            assert place.position == pytest.approx((at_s - line.start_s) * SPEED, abs=15)


def test_a_speed_in_a_json_object_is_summed_up(broker: Broker) -> None:
    options = {"field": "drive.v", "quantity": "speed", "scale": 0.06}  # mm/s -> m/min
    with publishing(broker.port) as line, receiving(broker.port, **options) as feed:
        line.position = lambda: {"drive": {"v": SPEED}, "ok": True}
        wait_for(is_known(feed.positions))
        first_s, first = now_s(), latest(feed.positions)
        time.sleep(1)
        last_s, last = now_s(), latest(feed.positions)
        assert first is not None
        assert last is not None
        assert last.segment == first.segment
        way = last.position - first.position
        assert way == pytest.approx((last_s - first_s) * SPEED, abs=15)


def test_a_publisher_that_falls_silent_makes_the_motion_unknown(broker: Broker) -> None:
    with publishing(broker.port) as line, receiving(broker.port, max_age_s=0.3) as feed:
        wait_for(is_known(feed.positions))
        line.talks = False
        silent_s = now_s()
        wait_for(is_unknown(feed.positions))
        assert now_s() - silent_s < 2
        assert feed.positions.at(silent_s + 0.5) is None
        line.talks = True
        wait_for(is_known(feed.positions))
        assert feed.positions.at(silent_s + 0.5) is None


def test_a_broker_that_is_killed_and_starts_again(broker: Broker) -> None:
    with publishing(broker.port), receiving(broker.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        with warnings_of() as lines:
            broker.kill()
            wait_for(is_unknown(feed.positions))
            time.sleep(1)
            broker.start()
            wait_for(is_known(feed.positions))
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment == before.segment
        assert after.position > before.position + SPEED
        assert any("the connection broke" in line for line in lines)


def test_a_broker_that_stalls_makes_the_motion_unknown(broker: Broker) -> None:
    with publishing(broker.port), receiving(broker.port) as feed:
        wait_for(is_known(feed.positions))
        with broker.stalled():
            wait_for(is_unknown(feed.positions))
            time.sleep(2)
            middle_s = now_s()
        wait_for(is_known(feed.positions))
        assert feed.positions.at(middle_s) is None
        place = latest(feed.positions)
        assert place is not None
        assert place.speed == pytest.approx(SPEED, rel=0.3)


def test_a_broker_that_is_missing_at_the_start_is_found_later(broker: Broker) -> None:
    broker.kill()
    with warnings_of() as lines, receiving(broker.port) as feed:
        time.sleep(2.5)
        assert feed.positions.newest_s is None
        assert len([line for line in lines if "cannot be reached" in line]) == 1
        broker.start()
        with publishing(broker.port):
            wait_for(is_known(feed.positions))


def test_rubbish_between_values_changes_nothing(broker: Broker) -> None:
    with publishing(broker.port) as line, receiving(broker.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        with warnings_of() as lines:
            for payload in (
                b"",
                b"\xff\x00",
                b"NaN",
                b"[" * 60_000,
                b"9" * 5000,
                b"{}",
                b"x" * 10**6,
            ):
                line.send(payload)
                time.sleep(0.03)
            time.sleep(0.5)
        assert is_known(feed.positions)()
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment == before.segment
        assert len([line for line in lines if "could not be used" in line]) == 1


def test_an_impossible_value_makes_the_motion_unknown_for_a_moment(broker: Broker) -> None:
    with publishing(broker.port) as line, receiving(broker.port) as feed:
        wait_for(is_known(feed.positions))
        before = latest(feed.positions)
        line.send(b"1e12")
        time.sleep(1)
        after = latest(feed.positions)
        assert before is not None
        assert after is not None
        assert after.segment > before.segment
        assert after.position < 1e6


def test_a_stored_value_is_ignored(broker: Broker) -> None:
    with publishing(broker.port) as line:
        line.talks = False
        wait_for(line.client.is_connected)
        line.send(b"5", retain=True)
        time.sleep(0.3)
        with receiving(broker.port) as feed:
            time.sleep(1)
            assert feed.positions.newest_s is None
            line.send(b"6")
            wait_for(lambda: feed.positions.newest_s is not None)


def test_a_password_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users").touch()
    secret = "opensesame-4711"
    command = ["mosquitto_passwd", "-b", str(tmp_path / "users"), "camera", secret]
    subprocess.run(command, check=True)
    (tmp_path / "secret").write_text(f"{secret}\n")
    monkeypatch.setenv("MQTT_USER", "camera")
    broker = Broker(tmp_path, f"password_file {tmp_path / 'users'}", "user root")
    login = {"user": "${MQTT_USER}", "password": f"${{file:{tmp_path / 'secret'}}}"}
    try:
        with (
            publishing(broker.port, user="camera", password=secret),
            receiving(broker.port, **login) as feed,
        ):
            wait_for(is_known(feed.positions))
        with warnings_of() as lines, receiving(broker.port, **login | {"password": "no"}) as feed:
            wait_for(lambda: any("refuses the connection" in line for line in lines))
            assert feed.positions.newest_s is None
        assert not any(secret in line for line in lines)
    finally:
        broker.kill()


def test_an_encrypted_connection_needs_a_trusted_certificate(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    keys = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    out = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", *keys, *out, *names], check=True, capture_output=True)
    plain = Broker(tmp_path, "allow_anonymous true")
    plain.kill()
    lines = (f"certfile {certificate}", f"keyfile {key}", "user root", "allow_anonymous true")
    broker = Broker(tmp_path, *lines)
    try:
        with receiving(broker.port, tls=True, ca_file=str(certificate)) as feed:
            wait_for(feed.connection.client.is_connected)
        with receiving(broker.port, tls=True) as feed:
            time.sleep(1.5)
            assert not feed.connection.client.is_connected()
    finally:
        broker.kill()


def test_a_missing_certificate_is_refused() -> None:
    options = MqttOptions(host="127.0.0.1", topic="t", tls=True, ca_file="none.pem")
    with pytest.raises(ConfigError, match=r"tracking\.mqtt\.ca_file: none\.pem"):
        MqttFeed(options)
