"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from inspector.core.errors import ConfigError, EngineError, SinkError
from inspector.core.files import sole_writer, write_whole


def test_a_file_and_its_folder_are_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["a.json"]


def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"split .*a\.json cannot be written"):
        write_whole(tmp_path / "file" / "a.json", b"one", "split ")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in").mkdir()
    with pytest.raises(EngineError):
        write_whole(tmp_path / "folder", b"one", error=EngineError)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("sync", [True, False])
def test_only_what_must_survive_a_power_cut_waits_for_the_disk(
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


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "in", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="cannot use the output"), sole_writer(folder):
            pass
