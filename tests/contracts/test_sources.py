"""Tests what every source in SOURCES must do."""

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_gige import FakeGige, fake_gige
from scripted_camera import ScriptedCapture
from source_clips import moving, transport_stream, write_clip
from stream_servers import HttpServer

from inspector.core.errors import SourceError
from inspector.core.types import Frame
from inspector.sources import SOURCES
from inspector.sources.options import (
    CameraOptions,
    GenicamOptions,
    ImageFolderOptions,
    NetworkOptions,
    SourceOptions,
    SyntheticOptions,
    WebOptions,
)
from inspector.sources.reconnect import Backoff

BACKOFF = Backoff(first_s=0.02, max_s=0.05, give_up_s=None)


def source_class(name: str) -> Any:
    module, _, attribute = SOURCES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """A function that opens the source of this name with at least 30 frames."""
    servers: list[HttpServer] = []
    cameras = ExitStack()

    def open_source(name: str) -> Any:
        kind = source_class(name)
        if name == "video_file":
            write_clip(tmp_path / "clip.mp4", moving(40))
            return kind(tmp_path / "clip.mp4")
        if name == "image_folder":
            for index, image in enumerate(moving(40)):
                assert cv2.imwrite(str(tmp_path / f"{index}.png"), image)
            return kind(str(tmp_path), ImageFolderOptions(fps=25, max_unreadable=0))
        if name == "network":
            servers.append(HttpServer(transport_stream(200)))
            waiting = NetworkOptions(open_timeout_s=2, read_timeout_s=2, reconnect=BACKOFF)
            return kind(servers[-1].url, waiting)
        if name == "camera":
            capture = ScriptedCapture(*range(200))
            asked = CameraOptions(read_timeout_s=2.0, reconnect=BACKOFF)
            return kind(0, asked, open_capture=lambda: capture)
        if name == "genicam":
            camera = FakeGige()
            cameras.enter_context(fake_gige(camera))
            return kind(camera.uri, GenicamOptions(fps=50.0, reconnect=BACKOFF))
        assert name == "synthetic", f"add how to open a source of the kind {name}"
        web = WebOptions(frames=40, defect_rate=0.5)
        return kind(name, SyntheticOptions(frame_size="96x64", fps=25.0, synthetic=web))

    yield open_source
    for server in servers:
        server.kill()
    cameras.close()


NAMES = [
    pytest.param(name, marks=[pytest.mark.services] if name == "genicam" else [])
    for name in sorted(SOURCES)
]
"""A GenICam camera needs Aravis."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_numbers_rise_by_one_and_time_rises(name, make):
    source = make(name)
    frames = [source.read() for _ in range(30)]
    source.close()
    assert all(isinstance(frame, Frame) for frame in frames)
    assert [frame.frame_id for frame in frames] == list(range(30))
    for before, after in pairwise(frames):
        assert after.captured_ns >= before.captured_ns
        if source.info.live:
            assert after.pts_s is None
        else:
            assert after.pts_s > before.pts_s
    assert {frame.source_id for frame in frames} == {source.info.source_id}


def test_arrays_are_frozen_contiguous_bgr_and_stay_as_they_are(name, make):
    source = make(name)
    frames = [source.read() for _ in range(5)]
    copies = [frame.image.copy() for frame in frames]
    for _ in range(20):
        source.read()
    source.close()
    for frame, copy in zip(frames, copies, strict=True):
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (*source.info.frame_hw, 3)
        assert frame.image.flags.c_contiguous
        assert not frame.image.flags.writeable
        assert np.array_equal(frame.image, copy)


def test_a_source_of_known_length_gives_that_many_frames(name, make):
    source = make(name)
    if source.info.live:
        assert source.info.frame_count is None
    else:
        count = 0
        while source.read() is not None:
            count += 1
        assert count == source.info.frame_count == 40
        assert source.read() is None
    source.close()


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("video_file", "/nowhere/a.mp4"),
        ("image_folder", "/nowhere/*.png"),
        ("network", "http://127.0.0.1:9/live"),
        ("camera", "97"),
        pytest.param("genicam", "genicam:nobody", marks=pytest.mark.services),
    ],
)
def test_a_missing_source_is_a_source_error(name, uri):
    with pytest.raises(SourceError) as caught:
        source_class(name)(uri, SourceOptions(open_timeout_s=1))
    assert "\n" not in str(caught.value)


def test_close_while_reading_returns_in_time(name, make):
    source = make(name)
    seen = threading.Event()

    def drain() -> None:
        while source.read() is not None:
            seen.set()

    reader = threading.Thread(target=drain)
    reader.start()
    assert seen.wait(5)
    start = time.monotonic()
    source.close()
    reader.join(2)
    assert not reader.is_alive()
    assert time.monotonic() - start < 2
    assert source.read() is None
    source.close()
