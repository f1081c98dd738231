"""Sends records to a web server by HTTP POST, which confirms them with a status from 200 to 299."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, ClassVar, Final

from inspector.connections.tls import make_tls_context
from inspector.core.errors import ConfigError
from inspector.core.schema import OneOf
from inspector.outputs.http_post import HttpPoster, check_header, split_url
from inspector.outputs.outbox import BATCH, QueuedRecord
from inspector.outputs.sender import BusyError, RefusedError, RemoteOptions

LINES: Final = "lines"
ARRAY: Final = "array"
SINGLE: Final = "single"

MOST_BYTES: Final = 64 * 1024
"""The rest of an answer is not read. Only its status matters."""

REFUSED: Final = (400, 413, 422)
"""States of HTTP for which a server will never take a record: it is malformed for this server, or
too large."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SET_HERE: Final = ("content-type", "content-length", "host", "transfer-encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions(RemoteOptions):
    """form: of the content of a request: lines (JSON, one record a line), array (JSON), or single
    (JSON, one record). token: sent as Authorization: Bearer. headers: name -> value of further
    headers. ca_file: certificates that are trusted, instead of those of the system. cert_file,
    key_file: certificate and private key by which the server knows this machine; PEM files."""

    url: str
    form: Annotated[str, OneOf(LINES, ARRAY, SINGLE)] = LINES
    token: str | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class WebhookSender:
    """Each batch is one request. A server that gets records again should confirm them again."""

    Options: ClassVar[type[RemoteOptions]] = WebhookOptions

    def __init__(self, options: WebhookOptions, key: str) -> None:
        try:
            url = split_url(options.url)
        except ValueError as exc:
            raise ConfigError(
                f"{key}.url must look like https://office.example/records: {exc}"
            ) from exc
        files = options.ca_file, options.cert_file, options.key_file
        if url.scheme == "http" and any(files):
            raise ConfigError(f"{key}: certificates are used only with a url of https")
        context = make_tls_context(*files, key) if url.scheme == "https" else None
        self._poster = HttpPoster(url, MOST_BYTES, context)
        self._headers = _make_headers(options, key)
        self._options = options
        self.batch = 1 if options.form == SINGLE else BATCH

    def wants(self, record: Mapping[str, Any]) -> bool:
        return self._options.includes(record)

    def send(self, records: Sequence[QueuedRecord], timeout_s: float) -> None:
        bodies = [record.body for record in records]
        headers = dict(self._headers)
        if self._options.form == LINES:
            body = b"".join(body + b"\n" for body in bodies)
        elif self._options.form == ARRAY:
            body = b"[" + b",".join(bodies) + b"]"
        else:
            (body,) = bodies
            headers["Idempotency-Key"] = json.loads(body)["event_id"]
        answer = self._poster.post(body, headers, timeout_s)
        if 200 <= answer.status < 300:
            return
        reason = f"the server answers with HTTP {answer.status}"
        if 300 <= answer.status < 400:
            reason += ", a redirect, which is not followed; set url to the new address"
        if answer.status in REFUSED:
            raise RefusedError(reason)
        raise BusyError(reason, _read_pause(answer.headers.get("Retry-After")))

    def close(self) -> None:
        self._poster.close()


def _make_headers(options: WebhookOptions, key: str) -> dict[str, str]:
    kind = "application/x-ndjson" if options.form == LINES else "application/json"
    headers = {"Content-Type": kind}
    values = dict(options.headers)
    if options.token is not None:
        values["Authorization"] = f"Bearer {options.token}"
    for name, value in values.items():
        place = f"{key}.headers.{name}"
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            raise ConfigError(f"{key}.headers: {name!r} is no name of a header")
        if name.lower() in _SET_HERE:
            raise ConfigError(f"{place} cannot be set, because the output sets it")
        if not isinstance(value, str):
            raise ConfigError(f"{place} must be text")
        try:
            check_header(value)
        except ValueError as exc:
            raise ConfigError(f"{place}: {exc}") from exc
        headers[name] = value
    return headers


def _read_pause(text: str | None) -> float:
    """Seconds of a header Retry-After, a number or a date (RFC 9110, section 10.2.3); 0 if it is
    missing or cannot be read."""
    if text is None:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else 0.0
