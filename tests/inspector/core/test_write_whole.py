"""Tests of complete file writes and of folder locks."""

import os
from pathlib import Path

import pytest

from inspector.core.errors import ConfigError, EngineError, SinkError
from inspector.core.files import append_line, sole_writer, write_whole


def test_it_creates_the_folder_and_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_failed_write_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"split .*a\.json cannot be written"):
        write_whole(tmp_path / "file" / "a.json", b"one", "split ")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in").mkdir()
    with pytest.raises(EngineError):
        write_whole(tmp_path / "folder", b"one", error=EngineError)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("sync", [True, False])
def test_only_a_synced_write_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_whole(tmp_path / "a.jpg", b"one", sync=sync)
    assert len(synced) == sync
    assert (tmp_path / "a.jpg").read_bytes() == b"one"


def test_a_folder_is_written_by_one_run_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    second = sole_writer(folder)
    with sole_writer(folder), pytest.raises(ConfigError, match="another run is writing"), second:
        pass
    with sole_writer(folder):
        assert list(folder.iterdir()) == []


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "in", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="cannot use the output"), sole_writer(folder):
            pass


def test_an_appended_line_replaces_an_incomplete_one(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, b"one\n")
    path.write_bytes(path.read_bytes() + b"torn")
    append_line(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
