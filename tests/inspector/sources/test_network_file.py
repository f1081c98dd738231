"""Files over HTTP: nothing is dropped, and an early end is continued or counted."""

import ssl
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import pytest
from network_rig import good, open_url, read_to_end
from pipeline_rig import ListSink, RigEngine, make_pipeline, run
from source_clips import moving, transport_stream, write_clip
from web_server import Page, WebServer

from inspector.core.errors import SourceError
from inspector.core.types import Frame

COUNT = 60


def clip(form: str, **options: str) -> bytes:
    # An MP4 with its index at the start needs a file that can be read again.
    with TemporaryDirectory() as folder:
        path = Path(folder, "clip")
        write_clip(path, moving(COUNT), form=form, container_options=options)
        return path.read_bytes()


@pytest.fixture(scope="module")
def start() -> bytes:
    """An MP4 with its index at the start."""
    return clip("mp4", movflags="faststart")


@pytest.fixture
def serve() -> Iterator:
    servers: list[WebServer] = []

    def start_server(page: Page) -> str:
        servers.append(WebServer({"/v": page}))
        return servers[-1].url("/v")

    yield start_server
    for server in servers:
        server.__exit__(None, None, None)


FORMS = {
    "index at the start": ("mp4", {"movflags": "faststart"}),
    "index at the end": ("mp4", {}),
    "fragments": ("mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "matroska": ("matroska", {}),
    "transport stream": ("mpegts", {}),
}


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_frame_of_a_file_comes_with_its_time(serve, form, ranges):
    name, options = FORMS[form]
    source = open_url(serve(Page(clip(name, **options), ranges=ranges)))
    info = source.info
    # A transport stream states its duration only at its end.
    count = None if form == "transport stream" and not ranges else COUNT
    assert (info.live, info.frame_count, info.path) == (False, count, None)
    frames = read_to_end(source)
    assert good(frames) == COUNT
    assert all(b.pts_s - a.pts_s == pytest.approx(1 / 30, abs=1e-3) for a, b in pairwise(frames))
    assert source.missing() == {}


@pytest.mark.parametrize("how", ["chunked", "no length", "compressed", "wrong text"])
def test_a_file_without_a_stated_length_is_read_to_its_end(serve, start, how):
    pages = {
        "chunked": Page(start, chunked=True),
        "no length": Page(start, declared=None),
        "compressed": Page(start, compressed=True),
        "wrong text": Page(start, declared="many"),
    }
    source = open_url(serve(pages[how]))
    assert not source.info.live
    assert good(read_to_end(source)) == COUNT
    assert source.missing() == {}


def test_a_slow_pipeline_drops_nothing_and_may_use_batches(serve, start):
    source = open_url(serve(Page(start)))
    sink, engine = ListSink(), RigEngine(delay_s=0.005)
    sink.open = lambda _: None
    pipeline = make_pipeline(source, [sink], engine, batch=4)
    run(pipeline)
    assert sink.frame_ids == list(range(COUNT))
    assert pipeline.stats.dropped == 0
    assert max(engine.sizes) == 4


@pytest.mark.parametrize("ranges", [False, True])
def test_a_broken_connection_is_continued_where_it_stopped(serve, start, ranges):
    page = Page(start, ranges=ranges, cut_after=len(start) // 2, cuts=1)
    source = open_url(serve(page))
    assert good(read_to_end(source)) == COUNT
    assert source.missing() == {}
    assert page.requests[1] == f"bytes={len(start) // 2}-"


def test_a_server_that_cuts_every_answer_still_delivers_with_ranges(serve, start):
    source = open_url(serve(Page(start, ranges=True, cut_after=len(start) // 5)))
    assert good(read_to_end(source)) == COUNT


@pytest.mark.parametrize("form", ["index at the start", "matroska", "transport stream"])
@pytest.mark.parametrize("fault", ["cut", "silent", "long"])
def test_frames_that_stay_away_are_missing(serve, form, fault):
    name, options = FORMS[form]
    body = clip(name, **options)
    half = len(body) // 2
    pages = {
        "cut": Page(body, cut_after=half),
        "silent": Page(body, silent_after=half),
        "long": Page(body[:half], declared=len(body)),
    }
    source = open_url(serve(pages[fault]), read_timeout_s=0.2)
    frames = read_to_end(source, early=True)
    assert 0 < len(frames) < COUNT
    missing = source.missing()
    assert set(missing) == {"truncated"}
    assert missing["truncated"] + len(frames) == pytest.approx(COUNT, abs=15)
    if form == "index at the start":
        assert missing["truncated"] + len(frames) == COUNT


def test_a_file_that_is_complete_in_spite_of_a_longer_length_misses_nothing(serve, start):
    source = open_url(serve(Page(start, declared=len(start) + 5000)))
    assert good(read_to_end(source)) == COUNT
    assert source.missing() == {}


def test_a_stated_length_that_is_too_short_is_not_a_normal_end(serve, start):
    source = open_url(serve(Page(start, declared=len(start) // 2)))
    frames = read_to_end(source, early=True)
    assert source.missing() == {"truncated": COUNT - len(frames)}


def test_a_file_that_ends_in_zeros_is_not_complete(serve):
    """The server sends as many bytes as it states, but the file was damaged there."""
    whole = clip("matroska")
    half = len(whole) // 2
    source = open_url(serve(Page(whole[:half] + bytes(len(whole) - half))))
    frames = read_to_end(source, early=True)
    assert len(frames) < COUNT
    assert sum(source.missing().values()) == pytest.approx(COUNT - len(frames), abs=2)


def test_a_broken_chunk_is_not_a_normal_end(serve, start):
    source = open_url(serve(Page(start, chunked=True, cut_after=len(start) // 2)))
    frames = read_to_end(source, early=True)
    assert source.missing() == {"truncated": COUNT - len(frames)}


def test_a_file_that_changes_on_the_server_is_not_mixed(serve, start):
    page = Page(start, ranges=True, cut_after=len(start) // 2, cuts=1, headers={"ETag": '"1"'})
    source = open_url(serve(page))
    page.headers["ETag"] = '"2"'
    frames = read_to_end(source, early=True)
    assert source.missing() == {"truncated": COUNT - len(frames)}


def test_a_picture_is_a_file_with_a_single_frame(serve):
    jpeg = cv2.imencode(".jpg", moving(1)[0])[1].tobytes()
    source = open_url(serve(Page(jpeg, type="image/jpeg")))
    assert not source.info.live
    assert good(read_to_end(source)) == 1


def test_close_ends_a_read_of_a_silent_server(serve, start):
    source = open_url(serve(Page(start, silent_after=len(start) // 2)), read_timeout_s=30.0)
    frames = []
    while len(frames) < COUNT // 3:
        frames.append(source.read())
    source.close()
    assert source.read() is None
    assert source.missing() == {}


def test_a_transport_stream_without_length_is_live(serve):
    source = open_url(serve(Page(transport_stream(60), declared=None)))
    assert source.info.live
    assert isinstance(source.read(), Frame)
    source.close()


def test_an_https_server_without_a_trusted_certificate_is_refused(tmp_path: Path, start):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = Path(__file__).with_name("self_signed.pem")
    context.load_cert_chain(certificate)
    with WebServer({"/v": Page(start)}, context=context) as server:
        with pytest.raises(SourceError, match=r"certificate.*source\.tls_verify") as caught:
            open_url(server.url("/v"))
        assert caught.value.exit_code == 2
        source = open_url(server.url("/v"), tls_verify=False)
        assert good(read_to_end(source)) == COUNT
