"""Tests which sources mean several recordings, and the names of their result folders."""

from pathlib import Path

import pytest

from inspector.config import load_config
from inspector.core.errors import ConfigError
from inspector.recordings import find_recordings


def names(uri: Path | str) -> list[str]:
    config = load_config(None, {"source.uri": str(uri)})
    return [recording.name for recording in find_recordings(config)]


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def test_a_folder_or_glob_of_videos_means_recordings_in_natural_order(tmp_path):
    touch(tmp_path, "b10.mp4", "b2.MKV", "notes.txt", "._b2.mp4", "more/c.avi", "more/deep/d.mov")
    assert names(tmp_path) == ["b2", "b10"]
    assert names(tmp_path / "*.mp4") == ["b10"]
    assert names(f"file://{tmp_path}/b*") == ["b2", "b10"]
    assert names(tmp_path / "*" / "*.avi") == ["more_c"]
    assert names(tmp_path / "**") == ["b2", "b10", "more_c", "more_deep_d"]


def test_pictures_and_single_files_are_one_source(tmp_path):
    touch(tmp_path, "a.png", "b.mp4", "only/c.mp4", "empty/x.txt")
    for uri in (tmp_path, tmp_path / "*", tmp_path / "b.mp4", tmp_path / "empty", "0", "synthetic"):
        assert names(uri) == []
    assert names(tmp_path / "no" / "*.mp4") == []


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (("a.mp4", "a.avi"), "would have the same result folder a"),
        (("a/b.mp4", "a_b.mp4"), "would have the same result folder a_b"),
        (("A.mp4", "a.mkv"), "would have the same result folder"),
        (("defects.mp4",), "defects is the name of a result"),
    ],
)
def test_names_that_would_mix_results_are_refused(tmp_path, paths, text):
    touch(tmp_path, *paths)
    with pytest.raises(ConfigError, match=text):
        names(tmp_path / "**")
