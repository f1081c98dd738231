import threading
import time
from dataclasses import replace

import pytest
from loguru import logger
from source_clips import transport_stream
from stream_servers import HttpServer, RtspServer, StreamServer

from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Frame
from inspector.sources.network import NetworkSource, open_network
from inspector.sources.options import NetworkOptions
from inspector.sources.reconnect import Backoff

FAST = Backoff(first_s=0.02, max_s=0.05, give_up_s=None)
SERVERS = [HttpServer, RtspServer]


@pytest.fixture(scope="module")
def media() -> bytes:
    return transport_stream(400)


@pytest.fixture
def logged():
    lines: list[str] = []
    handle = logger.add(
        lambda message: lines.append(str(message)), level="TRACE", format="{message}"
    )
    yield lines
    logger.remove(handle)


def open_stream(url: str, *, backoff: Backoff = FAST, wait: bool = False, **more) -> NetworkSource:
    backoff = replace(backoff, wait_for_source=wait)
    options = {"open_timeout_s": 2.0, "read_timeout_s": 0.4, "reconnect": backoff, **more}
    return open_network(url, NetworkOptions(**options))


def frames_of(source: NetworkSource, count: int) -> list[Frame | BadFrame]:
    frames = [source.read() for _ in range(count)]
    assert None not in frames
    return frames


@pytest.mark.parametrize("server_type", SERVERS)
def test_a_live_stream_gives_numbered_frames_without_time(server_type, media):
    with server_type(media) as server:
        source = open_stream(server.url)
        frames = frames_of(source, 20)
        source.close()
    assert [f.frame_id for f in frames] == list(range(20))
    assert all(isinstance(f, Frame) for f in frames)
    assert all(f.pts_s is None and f.image.shape == (48, 64, 3) for f in frames)
    assert (source.info.live, source.info.frame_hw, source.info.path) == (True, (48, 64), None)


@pytest.mark.parametrize("server_type", SERVERS)
def test_the_source_connects_again_to_a_restarted_server(server_type, media, logged):
    server: StreamServer = server_type(media)
    source = open_stream(server.url)
    before = frames_of(source, 10)
    server.kill()
    # First come the frames from before the kill; then the source waits for the server.
    after: list[Frame | BadFrame] = []
    reader = threading.Thread(target=lambda: after.extend(frames_of(source, 200)))
    reader.start()
    while source.reconnects < 2:
        time.sleep(0.005)
    with server_type(media, port=server.port) as again:
        reader.join(10)
        assert not reader.is_alive()
        assert again.connections >= 1
    source.close()
    assert [f.frame_id for f in before + after] == list(range(210))
    assert isinstance(after[-1], Frame)
    assert sum(isinstance(f, BadFrame) for f in after) < 10
    attempts = [line for line in logged if "; attempt " in line]
    assert len(attempts) == source.reconnects >= 2
    assert "attempt 1 to connect in 0.02 s" in attempts[0]
    assert "attempt 2 to connect in 0.04 s" in attempts[1]
    assert all(line.count("\n") == 1 for line in attempts)


@pytest.mark.parametrize("server_type", SERVERS)
def test_the_source_leaves_a_silent_server_after_the_read_timeout(server_type, media, logged):
    with server_type(media, silent_after=60_000) as server:
        source = open_stream(server.url)
        while server.connections < 2:
            source.read()
        source.close()
    assert any("no answer in 0.4 s" in line for line in logged)


def test_a_server_that_accepts_and_sends_nothing_exceeds_the_open_timeout(media):
    with HttpServer(media, silent_after=0) as server:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"cannot be opened: no answer in 0\.3 s"):
            open_stream(server.url, open_timeout_s=0.3)
        assert time.monotonic() - started < 1.5


def test_the_source_connects_again_after_the_server_ends_the_stream(logged):
    with HttpServer(transport_stream(30), pause_s=0) as server:
        source = open_stream(server.url)
        frames = frames_of(source, 70)
        source.close()
        assert server.connections >= 3
    assert [f.frame_id for f in frames] == list(range(70))
    assert sum("live.ts broke" in line or "the server ended" in line for line in logged) >= 2


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_missing_server_is_an_error_at_once(scheme):
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        open_stream(f"{scheme}://127.0.0.1:9/live")
    assert caught.value.exit_code == 2


def test_wait_for_source_tries_from_the_start(media):
    with HttpServer(media) as first:
        port = first.port
    source = open_stream(first.url, wait=True)
    assert source.info.frame_hw is None
    frames: list[Frame | BadFrame] = []
    reader = threading.Thread(target=lambda: frames.extend(frames_of(source, 5)))
    reader.start()
    while source.reconnects < 2:
        time.sleep(0.005)
    with HttpServer(media, port=port):
        reader.join(5)
    source.close()
    assert [f.frame_id for f in frames] == list(range(5))


def test_a_source_that_stays_away_is_given_up(media):
    with HttpServer(media) as server:
        source = open_stream(server.url, backoff=Backoff(first_s=0.02, max_s=0.05, give_up_s=0.2))
        frames_of(source, 3)
    with pytest.raises(SourceLost, match=r"given up after 0\.\d s") as caught:
        frames_of(source, 400)
    assert caught.value.exit_code == 4
    with pytest.raises(SourceLost):
        source.read()
    source.close()
    assert source.read() is None


@pytest.mark.parametrize("server_type", SERVERS)
def test_close_ends_a_read_that_waits(server_type, media):
    with server_type(media, silent_after=60_000) as server:
        source = open_stream(server.url, read_timeout_s=30)
        seen: list[object] = []

        def drain() -> None:
            while (frame := source.read()) is not None:
                seen.append(frame)

        reader = threading.Thread(target=drain)
        reader.start()
        while not seen:
            time.sleep(0.005)
        started = time.monotonic()
        source.close()
        reader.join(2)
        assert not reader.is_alive()
        assert time.monotonic() - started < 2
        source.close()


def test_close_ends_the_wait_between_two_attempts(media):
    with HttpServer(media) as server:
        source = open_stream(server.url, backoff=Backoff(first_s=30, max_s=30, give_up_s=None))
        frames_of(source, 3)
    closer = threading.Timer(0.1, source.close)
    closer.start()
    started = time.monotonic()
    while source.read() is not None:
        pass
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("server_type", SERVERS)
def test_the_right_password_opens_and_a_wrong_one_is_shown_nowhere(server_type, media, logged):
    with server_type(media, login="admin:Right-pass") as server:
        url = server.url.replace("://", "://admin:Right-pass@")
        source = open_stream(url)
        frames = frames_of(source, 2)
        source.close()
        wrong = server.url.replace("://", "://admin:Wrong%40pass@") + "?token=Tok-en"
        with pytest.raises(SourceError, match="401") as caught:
            open_stream(wrong)
    # This server breaks, so that the attempts are logged.
    missing = open_stream(url, wait=True, backoff=Backoff(first_s=0.02, max_s=0.02, give_up_s=0.1))
    with pytest.raises(SourceLost) as lost:
        missing.read()
    shown = [*logged, str(caught.value), str(lost.value), source.info.source_id]
    shown += [frames[0].source_id, repr(caught.value), repr(missing.info)]
    assert any("; attempt " in line for line in logged)
    for secret in ("Right-pass", "Wrong", "Tok-en", "admin"):
        assert not any(secret in text for text in shown)


def test_damage_is_bad_up_to_the_next_key_frame(media):
    damaged = bytearray(media)
    # Five transport packets in the middle are missing.
    at = len(media) // 2 // 188 * 188
    del damaged[at : at + 5 * 188]
    with HttpServer(bytes(damaged), pause_s=0) as server:
        source = open_stream(server.url)
        frames = frames_of(source, 380)
        source.close()
    bad = [f.frame_id for f in frames if isinstance(f, BadFrame)]
    assert 1 <= len(bad) <= 12
    assert bad == list(range(bad[0], bad[0] + len(bad)))
