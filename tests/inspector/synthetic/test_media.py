"""Tests the writer of test videos and the reading of their pictures."""

from pathlib import Path

import av
import numpy as np
import pytest

from inspector.core.errors import DataError, SinkError
from inspector.synthetic.media import H264Writer, split_readable, write_picture

HW = (32, 48)


def test_a_video_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.mp4"
    with H264Writer(path, HW, 25.0) as video:
        for level in (50, 100, 150):
            video.write(np.full((*HW, 3), level, np.uint8))
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["a.mp4"]
    assert video.frames == 3
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 25
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"must be \(32, 48, 3\), not \(10, 10, 3\)"),
        H264Writer(tmp_path / "a.mp4", HW, 25.0) as video,
    ):
        video.write(np.zeros((10, 10, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_an_odd_size_and_a_bad_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even height and width"):
        H264Writer(tmp_path / "a.mp4", (31, 48), 25.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"a\.mp4 cannot be written"):
        H264Writer(tmp_path / "file" / "a.mp4", HW, 25.0)


def test_unreadable_pictures_are_reported_and_separated(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    write_picture(good, np.zeros((*HW, 3), np.uint8))
    bad.write_bytes(b"no picture")
    lines: list[str] = []
    assert split_readable([bad, good], lines.append) == ([good], [bad])
    assert len(lines) == 1
    assert "bad.png" in lines[0]
    with pytest.raises(DataError, match="none of the 1 pictures"):
        split_readable([bad], lines.append)
