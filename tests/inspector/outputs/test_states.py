"""Tests that the sinks know the hash of each file without reading it, at any time."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
from output_parts import FlatPicture, defect, inspection, make_clip, run_info, uneven_ticks

from inspector.core.errors import SinkError
from inspector.core.file_hash import FileState
from inspector.core.protocols import HashedSink
from inspector.core.types import Verdict
from inspector.outputs import mp4_file
from inspector.outputs.csv_log import CsvLogSink
from inspector.outputs.options import SnapshotOptions, VideoOptions
from inspector.outputs.snapshots import SnapshotSink
from inspector.outputs.video_file import VideoFileSink

PICTURE = FlatPicture(90)


def agrees(path: Path, state: FileState | None, *, growing: bool = False) -> bool:
    """Whether the state is that of the file. growing: more may follow, from another thread."""
    assert state is not None
    data = path.read_bytes()
    head = bytes.fromhex(state.head or "")
    assert growing or len(data) == state.bytes
    digest = hashlib.sha256(data[len(head) : state.bytes]).hexdigest()
    return (digest, data[: len(head)]) == (state.sha256, head)


def begin(path: Path, sound: Path | None = None) -> VideoFileSink:
    sink = VideoFileSink(path, VideoOptions())
    sink.open(run_info(time_base=Fraction(1, 90_000), path=sound))
    return sink


def put(sink: VideoFileSink, numbers: range) -> None:
    for number in numbers:
        sink.write(inspection(number, pts_s=number / 25), FlatPicture(number % 200))


@pytest.mark.parametrize("sound", [False, True])
def test_the_state_of_a_video_fits_while_it_grows_and_at_its_end(
    tmp_path: Path, sound: bool
) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    make_clip(clip, uneven_ticks(100))
    sink = begin(out, clip if sound else None)
    assert isinstance(sink, HashedSink)
    states = []
    for first in range(0, 80, 20):
        states.append(sink.take_states()[out])
        assert agrees(out, states[-1], growing=True)
        put(sink, range(first, first + 20))
    sink.close()
    assert agrees(out, sink.take_states()[out])
    data = out.read_bytes()
    for state in states:
        assert state is not None
        assert state.head is not None
        part = data[len(state.head) // 2 : state.bytes]
        assert hashlib.sha256(part).hexdigest() == state.sha256


def test_the_state_of_a_video_without_an_index_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mp4_file, "MOST_SAMPLES", 10)
    out = tmp_path / "out.mp4"
    sink = begin(out)
    put(sink, range(30))
    sink.close()
    assert agrees(out, sink.take_states()[out])


def test_the_state_of_a_video_after_a_failed_write_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    sink = begin(out)
    put(sink, range(30))
    write_all = mp4_file._write_all

    def fill_disk(descriptor: int, data: bytes) -> None:
        write_all(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mp4_file, "_write_all", fill_disk)
    with pytest.raises(SinkError, match="No space left"):
        put(sink, range(30, 100))
    monkeypatch.undo()
    sink.close()
    assert agrees(out, sink.take_states()[out])


def test_a_video_without_pictures_was_removed_by_the_run(tmp_path: Path) -> None:
    sink = begin(tmp_path / "out.mp4")
    sink.close()
    assert sink.take_states() == {tmp_path / "out.mp4": None}


def test_the_states_of_tables_fit_after_each_row(tmp_path: Path) -> None:
    paths = [tmp_path / "sightings.csv", tmp_path / "defects.csv"]
    sink = CsvLogSink(paths[0], defects=paths[1])
    sink.open(run_info())
    for number in range(3):
        assert all(agrees(path, sink.take_states()[path]) for path in paths)
        sink.write(inspection(number, verdict=Verdict.FAIL, defects=(defect(),)), PICTURE)
    sink.close()
    assert all(agrees(path, sink.take_states()[path]) for path in paths)


def test_snapshots_have_states_once_and_removed_ones_none(tmp_path: Path) -> None:
    sink = SnapshotSink(tmp_path, SnapshotOptions(max_count=2))
    sink.open(run_info())
    for number in range(2):
        sink.write(inspection(number, verdict=Verdict.FAIL), PICTURE)
    first, second = (tmp_path / f"frame_0000000{n}_FAIL.jpg" for n in range(2))
    states = sink.take_states()
    assert list(states) == [first, second]
    assert all(agrees(path, state) for path, state in states.items())
    assert sink.take_states() == {}
    sink.write(inspection(2, verdict=Verdict.FAIL), PICTURE)
    states = dict(sink.take_states())
    assert states.pop(first) is None
    assert [path.name for path in states] == ["frame_00000002_FAIL.jpg"]
