"""A network source that gives no picture is an error at the start, in one sentence."""

import time
from urllib.parse import quote

import pytest
from network_rig import JPEG_STREAM, open_url
from source_clips import transport_stream
from web_server import Page, WebServer

from inspector.core.errors import SourceError, SourceLost

TS = transport_stream(20)
HTML = b"<html><body>Not a video</body></html>" * 200

PAGES = {
    "a web page": (Page(HTML, type="text/html"), "the server sends text/html"),
    "an empty file": (Page(b""), "Invalid data"),
    "noise without end": (Page(b"\0\1\2noise" * 10**6, declared=None, piece=65536), "Invalid data"),
    "not there": (Page(b"", status=404), "status 404"),
    "login needed": (Page(b"", status=401, headers={"WWW-Authenticate": "Basic"}), "status 401"),
    "broken server": (Page(b"", status=500), "status 500"),
    "a loop": (Page(b"", status=302, headers={"Location": "/v"}), "redirects in a loop"),
    "a local file": (Page(b"", status=302, headers={"Location": "file:///etc/passwd"}), "not HTTP"),
    "silence": (Page(TS, silent_after=0), "no answer in 0.3 s"),
    "silence in the middle": (Page(TS, silent_after=1000), "no answer in 0.3 s"),
    "a few bytes per s": (Page(TS, declared=None, piece=1, pause_s=0.05), "no answer in 0.3 s"),
    "too many headers": (
        Page(TS, headers={f"X-{number}": "x" for number in range(300)}),
        "more than 100 headers",
    ),
    "a long header": (Page(TS, headers={"X": "x" * 100_000}), "header line"),
    "unknown compression": (Page(TS, headers={"Content-Encoding": "br"}), r"compresses.*\(br\)"),
    "MJPEG without pictures": (Page(b"--b\r\n" * 2000, type=JPEG_STREAM), "Invalid data"),
}


@pytest.mark.parametrize("name", PAGES)
def test_no_picture_is_an_error_at_the_start(name):
    page, reason = PAGES[name]
    with WebServer({"/v": page}) as server:
        started = time.monotonic()
        with pytest.raises(SourceError, match=reason) as caught:
            open_url(server.url("/v"), open_timeout_s=0.3)
        assert time.monotonic() - started < 3
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_attempts_without_a_picture_count_until_the_source_is_given_up():
    page = Page(TS, declared=None)
    with WebServer({"/v": page}) as server:
        source = open_url(server.url("/v"), give_up_s=0.4)
        page.body, page.type = HTML, "text/html"
        with pytest.raises(SourceLost, match=r"text/html.*given up after"):
            list(iter(source.read, None))
        source.close()


def test_a_source_that_may_be_missing_waits_for_a_picture():
    page = Page(TS, declared=None, status=404)
    with WebServer({"/v": page}) as server:
        source = open_url(server.url("/v"), wait=True)
        page.status = 200
        assert source.read().frame_id == 0
        source.close()


@pytest.mark.parametrize("url", ["http://[::1/v", "http://127.0.0.1:abc/v", "http://", "http:///v"])
def test_a_wrong_address_is_an_error(url):
    with pytest.raises(SourceError, match=r"cannot be opened|not a valid address") as caught:
        open_url(url)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", ["/a b.ts", "/ä.ts", "/a%20b.ts?x=1&y=ü"])
def test_an_address_may_have_spaces_and_other_letters(path):
    with WebServer({quote(path, safe="/%?=&"): Page(TS)}) as server:
        source = open_url(server.url(path))
        assert source.read().frame_id == 0
        source.close()


def test_an_endless_stream_with_a_length_does_not_delay_the_start():
    with WebServer({"/v": Page(TS * 20, declared=10**15, pause_s=0.01)}) as server:
        started = time.monotonic()
        source = open_url(server.url("/v"))
        assert time.monotonic() - started < 2
        source.close()
