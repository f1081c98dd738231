"""Tests that only plain files below one folder come out of an archive."""

import errno
import shutil
import tarfile
from pathlib import Path

import pytest
from public_archives import tar_of

from inspector.core.errors import DataError, SinkError
from learning.downloads.unpacking import UnpackLimits, unpack


def header(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "set.tar"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("mode", ["w", "w:xz", "w:gz", "w:bz2"])
def test_files_come_out_and_folders_are_made(tmp_path: Path, mode: str) -> None:
    members = {"bottle": header("bottle", tarfile.DIRTYPE), "./bottle/a b.png": b"1", "x.txt": b""}
    unpack(write(tmp_path, tar_of(members, mode)), tmp_path / "out")
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert files == {"bottle/a b.png", "x.txt"}
    assert (tmp_path / "out/bottle/a b.png").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../out.png": b"1"}, "leads out of the folder"),
        ({"a/../../out.png": b"1"}, "leads out of the folder"),
        ({"/tmp/out.png": b"1"}, "leads out of the folder"),
        ({"..\\out.png": b"1"}, "leads out of the folder"),
        ({"C:/out.png": b"1"}, "leads out of the folder"),
        ({"l": header("l", tarfile.SYMTYPE, "/etc")}, "l is a link or a device"),
        ({"a": b"1", "l": header("l", tarfile.LNKTYPE, "a")}, "l is a link or a device"),
        ({"d": header("d", tarfile.CHRTYPE)}, "d is a link or a device"),
        ({"p": header("p", tarfile.FIFOTYPE)}, "p is a link or a device"),
        ({"a": b"1", "./a": b"2"}, "twice"),
        ({"a": b"1", "b": b"2", "c": b"3"}, "more than 2 files"),
        ({"a": b"1" * 101}, "a file above 0.0001 MB"),
        ({"a": b"1" * 90, "b": b"1" * 90}, "more than 1.5e-07 GB"),
    ],
)
def test_an_archive_that_does_more_is_refused(tmp_path: Path, members, message: str) -> None:
    limits = UnpackLimits(files=2, file_bytes=100, bytes=150)
    with pytest.raises(DataError, match=message):
        unpack(write(tmp_path, tar_of(members)), tmp_path / "in/out", limits=limits)
    outside = {p.name for p in tmp_path.rglob("*") if p.is_file()} - {"set.tar", "a", "b"}
    assert outside == set()


@pytest.mark.parametrize(
    "content",
    [
        b"<html>This link has expired</html>" * 100,
        b"",
        tar_of({"a": b"1" * 100_000}, "w")[:50_000],
        tar_of({"a": bytes(range(256)) * 400})[:-40],
    ],
)
def test_a_damaged_archive_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"set.tar is not a whole tar archive"):
        unpack(write(tmp_path, content), tmp_path / "out")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(SinkError, match=r"cannot be unpacked to .*: No space left on device"):
        unpack(write(tmp_path, tar_of({"a": b"1"})), tmp_path / "out")
