"""HLS: complete playlists lose nothing, live ones wait on the server up to a limit."""

import threading
import time
from collections.abc import Iterator

import pytest
from hls_server import PER_SEGMENT, complete_playlist, live_playlist
from network_rig import good, open_url, read_to_end
from pipeline_rig import ListSink, RigEngine, make_pipeline, run
from web_server import Page, WebServer

from inspector.core.errors import SourceError, SourceLost
from inspector.core.types import BadFrame, Cause


@pytest.fixture
def serve() -> Iterator:
    servers: list[WebServer] = []

    def start_server(pages: dict[str, Page]) -> str:
        servers.append(WebServer(pages))
        return servers[-1].url("/p.m3u8")

    yield start_server
    for server in servers:
        server.__exit__(None, None, None)


@pytest.mark.parametrize("kind", ["ts", "fmp4", "single"])
def test_a_complete_playlist_is_a_file(serve, kind):
    source = open_url(serve(complete_playlist(4, kind)))
    assert (source.info.live, source.info.frame_count) == (False, 4 * PER_SEGMENT)
    assert good(read_to_end(source)) == 4 * PER_SEGMENT
    assert source.missing() == {}


def test_a_playlist_of_playlists_and_a_redirected_one_are_read(serve):
    pages = complete_playlist(3)
    pages["/sub/q.m3u8"] = pages.pop("/p.m3u8")
    pages.update({f"/sub{path}": page for path, page in list(pages.items())})
    pages["/p.m3u8"] = Page(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsub/q.m3u8\n")
    assert good(read_to_end(open_url(serve(pages)))) == 3 * PER_SEGMENT
    moved = Page(b"", status=302, headers={"Location": "/sub/q.m3u8"})
    assert good(read_to_end(open_url(serve({**pages, "/p.m3u8": moved})))) == 3 * PER_SEGMENT


@pytest.mark.parametrize("fault", ["404", "cut", "html"])
def test_a_segment_that_cannot_be_read_is_missing(serve, fault):
    pages = complete_playlist(4)
    if fault == "404":
        del pages["/s002"]
    elif fault == "cut":
        pages["/s002"].cut_after = 400
    else:
        pages["/s002"].body = b"<html>gone</html>"
    source = open_url(serve(pages))
    frames = read_to_end(source, early=True)
    missing = source.missing()
    assert set(missing) == {"truncated"}
    assert missing["truncated"] + len(frames) == pytest.approx(4 * PER_SEGMENT, abs=1)
    assert missing["truncated"] >= PER_SEGMENT - 2


@pytest.mark.parametrize("fault", ["cut once", "503 once"])
def test_a_segment_is_tried_again(serve, fault):
    pages = complete_playlist(4)
    page = pages["/s002"]
    if fault == "cut once":
        page.cut_after, page.cuts = 400, 1
    else:
        page.away = 1
    assert good(read_to_end(open_url(serve(pages)))) == 4 * PER_SEGMENT


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"#EXTM3U\n", "names no segments"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nnone.ts\n#EXT-X-ENDLIST\n", "404"),
        (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            "only http and https",
        ),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-ENDLIST\n", "no video stream"),
    ],
)
def test_a_playlist_without_video_is_an_error_at_the_start(serve, body, reason):
    with pytest.raises(SourceError, match=reason) as caught:
        open_url(serve({"/p.m3u8": Page(body)}))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("event", [False, True])
def test_a_live_playlist_in_bursts_loses_nothing_and_ends_with_the_playlist(serve, event):
    source = open_url(serve(live_playlist(6, event=event)))
    sink = ListSink()
    sink.open = lambda _: None
    pipeline = make_pipeline(source, [sink], RigEngine(delay_s=0.02))
    assert source.info.live
    run(pipeline)
    assert sink.frame_ids == list(range(6 * PER_SEGMENT))
    assert pipeline.stats.dropped == 0
    assert all(i.frame.pts_s is None for i in sink.inspections)


def test_frames_are_dropped_and_counted_when_the_playlist_is_too_far_ahead(serve):
    pages = live_playlist(12, window=12, at_start=2, pace_s=0.1)
    source = open_url(serve(pages), buffer_s=1.5)
    sink = ListSink()
    sink.open = lambda _: None
    pipeline = make_pipeline(source, [sink], RigEngine(delay_s=0.03))
    run(pipeline)
    stats = pipeline.stats
    assert stats.captured == 12 * PER_SEGMENT
    assert 0 < stats.dropped_by_cause["overrun"] < stats.captured
    assert stats.balanced
    (warning,) = pipeline.drops.warnings
    assert f"{stats.dropped} frames were dropped of {stats.captured} captured" in warning


def test_a_playlist_that_does_not_change_is_lost_and_gives_no_frame_twice(serve):
    source = open_url(serve(live_playlist(4, grows_to=2, ends=False)), give_up_s=1.0)
    frames: list[object] = []
    with pytest.raises(SourceLost, match="given up"):
        frames.extend(iter(source.read, None))
    source.close()
    stale = [f for f in frames if isinstance(f, BadFrame)]
    assert all(frame.cause is Cause.STALE for frame in stale)
    assert 2 * PER_SEGMENT - 2 <= len(frames) <= 2 * PER_SEGMENT


def test_a_live_playlist_continues_after_its_server_was_away(serve):
    pages = live_playlist(8, window=8)
    source = open_url(serve(pages))
    first = [source.read() for _ in range(PER_SEGMENT)]
    pages["/p.m3u8"].away = 3
    rest = read_to_end(source)
    assert [f.frame_id for f in first + rest] == list(range(len(first) + len(rest)))
    assert good(first + rest) >= 8 * PER_SEGMENT - 2
    assert len(first) + len(rest) <= 8 * PER_SEGMENT


def test_close_ends_a_read_that_waits_for_the_next_segment(serve):
    source = open_url(serve(live_playlist(4, grows_to=2, ends=False)), read_timeout_s=30.0)
    reader = threading.Thread(target=lambda: read_to_end(source))
    reader.start()
    time.sleep(0.5)
    started = time.monotonic()
    source.close()
    reader.join(2)
    assert not reader.is_alive()
    assert time.monotonic() - started < 2
