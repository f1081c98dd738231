"""Refuses unsafe requests before any page sees them, and adds the headers that protect pages."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_HEAD: Final = 16 * 1024
"""Bytes of the address and the headers of a request."""

MOST_BODY: Final = 64 * 1024
"""Bytes of the body of a request."""

BODY_S: Final = 10.0
"""A client has this long to send the body of a request."""

SAFE_METHODS: Final = ("GET", "HEAD")

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Checks the Host header, the origin and the size of every request.

    hosts: names of this machine beside those that it knows itself. A page of another site can make
    its name point to this machine (DNS rebinding), but then the browser sends that name.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        names = ("localhost", socket.gethostname(), socket.getfqdn(), *hosts)
        self._hosts = {name.casefold().rstrip(".") for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refuse(scope)
        sender = _add_headers(send)
        if refusal is not None:
            await refusal(scope, receive, sender)
            return
        try:
            body = b"" if scope["method"] in SAFE_METHODS else await _read_body(receive)
        except _TooLarge:
            await _answer(413, "The request is too large.")(scope, receive, sender)
            return
        except TimeoutError:
            await _answer(408, "The request took too long.")(scope, receive, sender)
            return
        await self._app(scope, _replay(body, receive), sender)

    def _refuse(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            return _answer(
                421,
                "This name of the machine is not known. Add it to web.hosts, or use its address.",
            )
        sizes = [len(name) + len(value) for name, value in headers.raw]
        if sum(sizes) + len(scope["raw_path"]) + len(scope["query_string"]) > MOST_HEAD:
            return _answer(431, "The head of the request is too large.")
        if scope["method"] not in (*SAFE_METHODS, "POST"):
            return _answer(405, "Only GET, HEAD and POST are allowed.")
        if scope["method"] == "POST" and not _is_same_origin(headers, hosts[0]):
            return _answer(403, "Changes are only accepted from pages of this view.")
        if not _is_from_here(headers) and headers.get("sec-fetch-mode") != "navigate":
            return _answer(403, "Pages of other sites can only link to this view.")
        return None

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.casefold().rstrip(".") in self._hosts
        return True  # an address cannot point elsewhere


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Browsers send at least one of both headers with every POST. Programs may send none."""
    origin = headers.get("origin")
    return _is_from_here(headers) and (origin is None or _host_of(origin) == host)


def _is_from_here(headers: Headers) -> bool:
    """none: the visitor typed the address."""
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


class _TooLarge(Exception):
    pass


async def _read_body(receive: Receive) -> bytes:
    """Raises _TooLarge or TimeoutError."""
    body = bytearray()
    async with asyncio.timeout(BODY_S):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message.get("body", b"")
            if len(body) > MOST_BODY:
                raise _TooLarge
            if not message.get("more_body", False):
                break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, and then waits for the end."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        if messages:
            return messages.pop()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return message

    return replay


def _add_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sender


def _answer(status: int, sentence: str) -> PlainTextResponse:
    headers = {"connection": "close"} if status in (408, 413) else None
    return PlainTextResponse(f"{sentence}\n", status, headers)
