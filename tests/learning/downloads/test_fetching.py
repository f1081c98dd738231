"""Tests of downloading a file from a server on loopback."""

import errno
import hashlib
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from web_server import Page, WebServer

from inspector.core.errors import DataError, SinkError, SourceError
from inspector.sources.http_body import Retry
from learning.downloads.fetching import fetch_file

BODY = bytes(range(256)) * 8000
SHA256 = hashlib.sha256(BODY).hexdigest()
FAST = Retry(give_up_s=0.05, first_delay_s=0.01)
Usage = namedtuple("Usage", "total used free")


def serve(**options) -> WebServer:
    return WebServer({"/file.tar": Page(BODY, ranges=True, **options)})


def fetch(server: WebServer, path: Path, **options):
    return fetch_file(server.url("/file.tar"), path, retry=FAST, **options)


def test_a_file_is_downloaded_with_progress(tmp_path: Path) -> None:
    path, steps = tmp_path / "new" / "file.tar", []
    with serve() as server:
        state = fetch(
            server, path, sha256=SHA256[:8].upper(), progress=lambda *step: steps.append(step)
        )
    assert path.read_bytes() == BODY
    assert (state.sha256, state.bytes) == (SHA256, len(BODY))
    assert steps == [("download", 0, 2), ("download", 1, 2), ("download", 1, 2)]
    assert [each.name for each in path.parent.iterdir()] == ["file.tar"]


def test_a_torn_connection_is_continued_at_once(tmp_path: Path) -> None:
    with serve(cut_after=700_000, cuts=2) as server:
        fetch(server, tmp_path / "file.tar", sha256=SHA256)
        assert server.pages["/file.tar"].requests == ["bytes=0-", "bytes=700000-", "bytes=1400000-"]
    assert (tmp_path / "file.tar").read_bytes() == BODY


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_failed_is_continued_by_the_next_call(tmp_path: Path, ranges: bool) -> None:
    path = tmp_path / "file.tar"
    with serve(cut_after=1_500_000) as server:
        page = server.pages["/file.tar"]

        def go_away(step: str, done: int, total: int) -> None:
            page.cut_after = 0 if done else page.cut_after

        with pytest.raises(SourceError, match=r"1500000 of 2048000 bytes are in .*; the same"):
            fetch(server, path, sha256=SHA256, progress=go_away)
        server.pages["/file.tar"] = Page(BODY, ranges=ranges)
        assert fetch(server, path, sha256=SHA256).bytes == len(BODY)
        assert set(server.pages["/file.tar"].requests) == {"bytes=1499999-"}
    assert path.read_bytes() == BODY


def test_a_complete_beginning_is_only_checked(tmp_path: Path) -> None:
    """The process was killed after the last byte."""
    (tmp_path / "file.tar.part").write_bytes(BODY)
    with serve() as server:
        assert fetch(server, tmp_path / "file.tar", sha256=SHA256).sha256 == SHA256
        assert server.pages["/file.tar"].requests == [f"bytes={len(BODY) - 1}-"]


def test_a_beginning_that_is_longer_than_the_file_is_downloaded_anew(tmp_path: Path) -> None:
    (tmp_path / "file.tar.part").write_bytes(BODY + b"rest")
    with serve() as server:
        assert fetch(server, tmp_path / "file.tar", sha256=SHA256).bytes == len(BODY)


def test_another_hash_is_refused_and_the_file_deleted(tmp_path: Path) -> None:
    with serve() as server, pytest.raises(DataError, match=f"sha256 {SHA256}, not 00"):
        fetch(server, tmp_path / "file.tar", sha256="00" * 32)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_checked_and_not_downloaded_again(tmp_path: Path) -> None:
    path = tmp_path / "file.tar"
    with serve() as server:
        path.write_bytes(BODY)
        assert fetch(server, path, sha256=SHA256).sha256 == SHA256
        assert server.pages["/file.tar"].requests == []
        path.write_bytes(b"another")
        fetch(server, path, sha256=SHA256)
    assert path.read_bytes() == BODY


def test_redirects_are_followed(tmp_path: Path) -> None:
    with serve() as server:
        server.pages["/old"] = Page(b"", status=302, headers={"Location": "/file.tar"})
        fetch_file(server.url("/old"), tmp_path / "file.tar", sha256=SHA256)
    assert (tmp_path / "file.tar").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("http://127.0.0.1:{port}/none", r"none cannot be downloaded: .* status 404"),
        ("file:///etc/passwd", "must begin with http"),
        ("ftp://127.0.0.1/x", "must begin with http"),
    ],
)
def test_a_wrong_address_is_named(tmp_path: Path, path: str, message: str) -> None:
    with serve() as server:
        url = path.format(port=server.url("").rpartition(":")[2])
        with pytest.raises(SourceError, match=message):
            fetch_file(url, tmp_path / "file.tar", retry=FAST)
    assert not (tmp_path / "file.tar").exists()


def test_a_disk_without_room_is_named_before_the_download(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 0, 3 * 10**6))
    with serve() as server:
        with pytest.raises(SinkError, match=r"has 0\.0 GB free, and the download needs 0\.0 GB"):
            fetch(server, tmp_path / "file.tar", room=2)
        assert (tmp_path / "file.tar.part").stat().st_size == 0
        fetch(server, tmp_path / "file.tar", room=1)


def test_a_disk_that_becomes_full_is_named_and_the_beginning_stays(
    tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "file.tar"
    opened = Path.open

    class Full:
        """A file on a disk with room for 300,000 bytes."""

        def __init__(self, file) -> None:
            self._file = file

        def __getattr__(self, name: str):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, data: bytes) -> int:
            if self._file.tell() + len(data) > 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._file.write(data)

    monkeypatch.setattr(Path, "open", lambda self, *args: Full(opened(self, *args)))
    with serve() as server:
        with pytest.raises(SinkError, match=r"file.tar.part cannot be written: No space left"):
            fetch(server, path, sha256=SHA256)
        monkeypatch.undo()
        assert 0 < path.with_name("file.tar.part").stat().st_size <= 300_000
        fetch(server, path, sha256=SHA256)
    assert path.read_bytes() == BODY
