"""Tests of the output `webhook` with a real web server on loopback."""

import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from log_lines import warnings_of
from mqtt_consumer import make_certificate
from output_parts import run_info
from record_server import RecordServer, Reply

from inspector.core.schema import build
from inspector.core.secrets import insert_secrets
from inspector.outputs.kinds import make_outputs
from inspector.outputs.outbox import QueuedRecord
from inspector.outputs.queued import QueuedOutput
from inspector.outputs.sender import BusyError, RefusedError
from inspector.outputs.webhook import MOST_BYTES, WebhookOptions, WebhookSender


@pytest.fixture
def server() -> Iterator[RecordServer]:
    server = RecordServer()
    yield server
    server.stop()


@contextlib.contextmanager
def output_of(folder: Path, server: RecordServer, **keys: Any) -> Iterator[QueuedOutput]:
    queue = {"dir": str(folder / "outbox"), "timeout_s": 2, "drain_s": 6}
    queue |= {"retry_first_s": 0.01, "retry_max_s": 0.02} | keys.pop("queue", {})
    entry = {"kind": "webhook", "url": f"http://127.0.0.1:{server.port}/in?line=3", "queue": queue}
    (output,) = make_outputs(insert_secrets([entry | keys], "outputs"))
    output.open(run_info())
    try:
        yield output
    finally:
        output.close()


def put(output: QueuedOutput, first: int, end: int) -> list[str]:
    event_ids = [f"run/left/{number}" for number in range(first, end)]
    for event_id in event_ids:
        output.put({"type": "verdict", "source": "left", "event_id": event_id, "text": "Größe\n"})
    return event_ids


def make_sender(server: RecordServer, scheme: str = "http", **keys: Any) -> WebhookSender:
    raw = {"kind": "webhook", "url": f"{scheme}://127.0.0.1:{server.port}/"} | keys
    return WebhookSender(build(WebhookOptions, raw, ValueError), "outputs[0]")


RECORD = [QueuedRecord(1, b'{"event_id":"run/left/1"}')]


@pytest.mark.parametrize(
    ("form", "kind", "most"),
    [
        ("lines", "application/x-ndjson", 100),
        ("array", "application/json", 100),
        ("single", "application/json", 1),
    ],
)
def test_records_arrive_in_order_in_each_form(
    tmp_path: Path, server: RecordServer, form: str, kind: str, most: int
) -> None:
    with output_of(tmp_path, server, form=form) as output:
        event_ids = put(output, 0, 150)
    assert output.counts()["delivered"] == 150
    assert server.confirmed == event_ids
    assert {record["text"] for each in server.received for record in each.records} == {"Größe\n"}
    assert max(len(each.records) for each in server.received) <= most
    for each in server.received:
        assert each.path == "/in?line=3"
        assert each.headers["Content-Type"] == kind
        key = each.records[0]["event_id"] if form == "single" else None
        assert each.headers.get("Idempotency-Key") == key
    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503, {"Retry-After": "7200"}),
        Reply(429, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}),
        Reply(401),
        Reply(404),
        Reply(302, {"Location": "/elsewhere"}),
        Reply(resets=True, body_bytes=100),
        Reply(body_bytes=20, closes=True),
    ],
)
def test_a_server_that_fails_for_a_time_gets_every_record_once(
    tmp_path: Path, server: RecordServer, reply: Reply
) -> None:
    server.replies = [reply] * 3
    with output_of(tmp_path, server) as output:
        event_ids = put(output, 0, 150)
    assert output.counts()["delivered"] == 150
    assert server.confirmed == event_ids
    seen = [record["event_id"] for each in server.received for record in each.records]
    assert list(dict.fromkeys(seen)) == event_ids
    assert {each.path for each in server.received} == {"/in?line=3"}


def test_a_record_that_is_refused_is_left_out_and_counted(
    tmp_path: Path, server: RecordServer
) -> None:
    server.refused = {"run/left/7", "run/left/120"}
    with output_of(tmp_path, server) as output:
        event_ids = put(output, 0, 150)
    assert server.confirmed == [name for name in event_ids if name not in server.refused]
    counts = output.counts()
    assert (counts["delivered"], counts["refused"], counts["waiting"]) == (148, 2, 0)


def test_a_huge_answer_confirms_and_is_not_read(server: RecordServer) -> None:
    server.replies = [Reply(body_bytes=50 * MOST_BYTES)]
    sender = make_sender(server)
    sender.send(RECORD, 5)
    sender.send(RECORD, 5)
    sender.close()
    assert server.connections == 2


def test_a_server_that_does_not_answer_is_left_after_the_time(server: RecordServer) -> None:
    server.replies = [Reply(stalls=True)]
    sender = make_sender(server)
    with pytest.raises(TimeoutError, match=r"no complete answer within 0\.2 s"):
        sender.send(RECORD, 0.2)
    sender.send(RECORD, 5)
    sender.close()
    assert len(server.confirmed) == 1


def test_a_connection_that_the_server_has_closed_meanwhile_is_no_failure(
    server: RecordServer,
) -> None:
    server.replies = [Reply(closes=True)] * 3
    sender = make_sender(server)
    for _ in range(4):
        sender.send(RECORD, 5)
    sender.close()
    assert len(server.received) == server.connections == 4


def test_secrets_are_sent_and_never_written(
    tmp_path: Path, server: RecordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("tok-4711\n")
    monkeypatch.setenv("OFFICE_KEY", "key-4712")
    server.replies = [Reply(403)]
    keys = {"token": f"${{file:{tmp_path / 'token'}}}", "headers": {"X-Api-Key": "${OFFICE_KEY}"}}
    with warnings_of() as lines, output_of(tmp_path, server, **keys) as output:
        put(output, 0, 1)
    assert any("HTTP 403" in line for line in lines)
    for each in server.received:
        assert each.headers["Authorization"] == "Bearer tok-4711"
        assert each.headers["X-Api-Key"] == "key-4712"
    (tmp_path / "token").unlink()
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(secret in text for secret in ("4711", "4712") for text in lines)
    assert not any(secret in text for secret in (b"4711", b"4712") for text in files)


def test_https_needs_a_trusted_certificate_on_both_sides(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "server")
    camera, camera_key = make_certificate(tmp_path, "camera")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(camera)
    context.verify_mode = ssl.CERT_REQUIRED
    server = RecordServer(context)
    trusted = {"ca_file": certificate}
    named = trusted | {"cert_file": camera, "key_file": camera_key}
    sender = make_sender(server, "https", **named)
    sender.send(RECORD, 5)
    sender.close()
    assert len(server.confirmed) == 1
    for keys in ({}, trusted, named | {"ca_file": camera}):
        with pytest.raises(ConnectionError, match=r"127\.0\.0\.1 cannot be asked"):
            make_sender(server, "https", **keys).send(RECORD, 2)
    server.stop()
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (None, 0, 0),
        ("12", 12, 12),
        ("9" * 400, 1e9, float("inf")),
        ("soon", 0, 0),
        ("-3", 0, 0),
        ("²", 0, 0),
        ("IN AN HOUR", 3000, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 -0000", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 +99999999999999", 0, 0),
    ],
)
def test_the_pause_of_a_busy_server_is_read(
    server: RecordServer, text: str | None, least: float, most: float
) -> None:
    if text == "IN AN HOUR":  # a parameter must be the same in each process of the tests
        text = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.replies = [Reply(503, {} if text is None else {"Retry-After": text})]
    sender = make_sender(server)
    with pytest.raises(BusyError, match="HTTP 503") as caught:
        sender.send(RECORD, 5)
    sender.close()
    assert least <= caught.value.retry_after_s <= most


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_status_that_refuses_for_good(server: RecordServer, status: int) -> None:
    server.replies = [Reply(status)]
    sender = make_sender(server)
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        sender.send(RECORD, 5)
    sender.close()
