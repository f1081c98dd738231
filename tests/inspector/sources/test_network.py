import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from loguru import logger
from source_clips import moving, transport_stream, write_clip
from stream_servers import HttpServer, RtspServer, StreamServer

from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Frame
from inspector.sources.network import NetworkSource
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


def opened(url: str, *, backoff: Backoff = FAST, wait: bool = False, **more) -> NetworkSource:
    backoff = replace(backoff, wait_for_source=wait)
    options = {"open_timeout_s": 2.0, "read_timeout_s": 0.4, "reconnect": backoff, **more}
    return NetworkSource(url, NetworkOptions(**options))


def frames_of(source: NetworkSource, count: int) -> list[Frame | BadFrame]:
    frames = [source.read() for _ in range(count)]
    assert None not in frames
    return frames


@pytest.mark.parametrize("server_type", SERVERS)
def test_a_live_stream_gives_numbered_frames_without_time(server_type, media):
    with server_type(media) as server:
        source = opened(server.url)
        frames = frames_of(source, 20)
        source.close()
    assert [f.frame_id for f in frames] == list(range(20))
    assert all(isinstance(f, Frame) for f in frames)
    assert all(f.pts_s is None and f.image.shape == (48, 64, 3) for f in frames)
    assert (source.info.live, source.info.frame_hw, source.info.path) == (True, (48, 64), None)


@pytest.mark.parametrize("server_type", SERVERS)
def test_a_killed_and_restarted_server_is_reached_again(server_type, media, logged):
    server: StreamServer = server_type(media)
    source = opened(server.url)
    before = frames_of(source, 10)
    server.kill()
    # What was under way when it was killed; then the source waits for the server.
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
    tries = [line for line in logged if "; try " in line]
    assert len(tries) == source.reconnects >= 2
    assert "try 1 in 0.02 s" in tries[0]
    assert "try 2 in 0.04 s" in tries[1]
    assert all(line.count("\n") == 1 for line in tries)


@pytest.mark.parametrize("server_type", SERVERS)
def test_a_silent_server_is_left_after_the_read_timeout(server_type, media, logged):
    with server_type(media, silent_after=60_000) as server:
        source = opened(server.url)
        while server.connections < 2:
            source.read()
        source.close()
    assert any("no answer in 0.4 s" in line for line in logged)


def test_a_server_that_accepts_and_says_nothing_hits_the_open_timeout(media):
    with HttpServer(media, silent_after=0) as server:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"cannot be opened: no answer in 0\.3 s"):
            opened(server.url, open_timeout_s=0.3)
        assert time.monotonic() - started < 1.5


def test_a_stream_that_the_server_ends_is_reached_again(logged):
    with HttpServer(transport_stream(30), pause_s=0) as server:
        source = opened(server.url)
        frames = frames_of(source, 70)
        source.close()
        assert server.connections >= 3
    assert [f.frame_id for f in frames] == list(range(70))
    assert sum("live.ts broke" in line or "ended by the server" in line for line in logged) >= 2


def test_a_file_of_known_length_over_http_ends_the_source(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    write_clip(path, moving(40), container_options={"movflags": "faststart"})
    with HttpServer(path.read_bytes(), pause_s=0) as server:
        server.tells_length = True
        source = opened(server.url)
        frames = frames_of(source, 40)
        assert source.read() is None
        source.close()
    assert all(isinstance(f, Frame) for f in frames)
    assert source.reconnects == 0


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_is_not_there_is_refused_at_once(scheme):
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        opened(f"{scheme}://127.0.0.1:9/live")
    assert caught.value.exit_code == 2


def test_wait_for_source_goes_on_trying_from_the_start(media):
    with HttpServer(media) as first:
        port = first.port
    source = opened(first.url, wait=True)
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
        source = opened(server.url, backoff=Backoff(first_s=0.02, max_s=0.05, give_up_s=0.2))
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
        source = opened(server.url, read_timeout_s=30)
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


def test_close_ends_the_waiting_between_two_tries(media):
    with HttpServer(media) as server:
        source = opened(server.url, backoff=Backoff(first_s=30, max_s=30, give_up_s=None))
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
        source = opened(url)
        frames = frames_of(source, 2)
        source.close()
        wrong = server.url.replace("://", "://admin:Wrong%40pass@") + "?token=Tok-en"
        with pytest.raises(SourceError, match="401") as caught:
            opened(wrong)
    # And one that breaks, so that tries are logged.
    gone = opened(url, wait=True, backoff=Backoff(first_s=0.02, max_s=0.02, give_up_s=0.1))
    with pytest.raises(SourceLost) as lost:
        gone.read()
    shown = [*logged, str(caught.value), str(lost.value), source.info.source_id]
    shown += [frames[0].source_id, repr(caught.value), repr(gone.info)]
    assert any("; try " in line for line in logged)
    for secret in ("Right-pass", "Wrong", "Tok-en", "admin"):
        assert not any(secret in text for text in shown)


def test_damage_is_bad_up_to_the_next_key_frame(media):
    damaged = bytearray(media)
    # Five transport packets in the middle are gone: a decoder can't know what was in them.
    at = len(media) // 2 // 188 * 188
    del damaged[at : at + 5 * 188]
    with HttpServer(bytes(damaged), pause_s=0) as server:
        source = opened(server.url)
        frames = frames_of(source, 380)
        source.close()
    bad = [f.frame_id for f in frames if isinstance(f, BadFrame)]
    assert 1 <= len(bad) <= 12
    assert bad == list(range(bad[0], bad[0] + len(bad)))
