"""Tests a run whose video is in segments: evidence, recovery, report, overwriting."""

import shutil
import struct
from pathlib import Path

import av
import pytest
from flow_rig import Inspect
from output_parts import times

import run_inspector
from inspector.outputs.folder import find_segments
from inspector.outputs.mp4_file import HEADER_AT
from inspector.report.pictures import find_pictures
from inspector.report.reading import read_run
from tools.recover import main as recover
from tools.verify import main as verify

ARGUMENTS = ("--set", "engine.backend=fake", "--set", "output.video.segment_minutes=0.05")
ARGUMENTS += ("--set", "source.fps=10")
ARGUMENTS += ("--set", "source.frame_size=64x48", "--set", "output.snapshots.max_count=0")
ARGUMENTS += ("--set", "output.defect_pictures.max_count=0")
LONG = ("--set", "source.synthetic.frames=80")
SHORT = ("--set", "source.synthetic.frames=3")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segments") / "out"
    argv = ["--source", "synthetic", "--output", str(folder), "--set", "log.path=null"]
    assert run_inspector.main([*argv, *ARGUMENTS, *LONG]) == 0
    return folder


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    """A copy, which the test may change, at the place where `inspect` writes."""
    return shutil.copytree(original, tmp_path / "out")


def test_each_segment_is_in_the_evidence(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = find_segments(out)
    assert [len(times(path)) for path in files] == [30, 30, 20]
    assert len(times(out / "annotated.m3u8")) == 80
    assert not (out / "annotated.mp4").exists()
    assert verify([str(out)]) == 0
    shutil.copy(files[0], out / "annotated_0004.mp4")
    with files[1].open("r+b") as file:
        file.seek(3000)
        file.write(b"\xff\x00\xff")
    files[2].unlink()
    (out / "annotated.m3u8").unlink()
    capsys.readouterr()
    assert verify([str(out)]) == 8
    text = capsys.readouterr().out
    assert "annotated_0004.mp4: added" in text
    assert "annotated_0002.mp4, bytes " in text
    assert "annotated_0003.mp4: missing" in text
    assert "annotated_0001.mp4" not in text
    assert "CHANGED: 3 findings" in text


def test_the_list_of_a_killed_run_is_completed(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last segment has no index, as after a kill."""
    (out / "summary.json").unlink()
    (out / "annotated.m3u8").unlink()
    last = find_segments(out)[-1]
    data = bytearray(last.read_bytes())
    at = data.index(b"mdat") - 4
    data[at : at + 8] = struct.pack(">I4s", HEADER_AT - at, b"free")
    data = data[: data.rindex(b"moov") - 4]
    last.write_bytes(data)
    with av.open(str(last)) as container:
        assert container.streams.video[0].frames == 0
    assert recover([str(out)]) == 0
    assert "annotated_0003.mp4 may lack the last second" in capsys.readouterr().out
    assert len(times(out / "annotated.m3u8")) == 80
    assert verify([str(out)]) == 0


def test_the_report_takes_pictures_from_the_segments(out: Path) -> None:
    log = read_run(out)
    defects = log.defects
    assert {d.index // 30 for d in defects if d.index is not None} == {0, 1, 2}
    pictures = find_pictures(log, defects, "px")
    assert {d.number for d in defects} == set(pictures)
    assert {picture.origin for picture in pictures.values()} == {"video"}
    find_segments(out)[0].unlink()
    left = find_pictures(log, defects, "px")
    rest = [d for d in defects if d.index is not None and d.index >= 30]
    assert {d.number for d in rest} == set(left)
    assert all(left[d.number] == pictures[d.number] for d in rest)


def test_segments_are_results_that_overwrite_replaces(out: Path, inspect: Inspect) -> None:
    assert inspect("synthetic", None, *ARGUMENTS).code == 2
    again = inspect("synthetic", None, "--overwrite", "--no-video", *ARGUMENTS, *SHORT)
    assert again.code == 0
    assert find_segments(out) == []
    assert not (out / "annotated.m3u8").exists()


def test_a_segment_cannot_be_the_input_that_it_replaces(out: Path, inspect: Inspect) -> None:
    source = find_segments(out)[0]
    again = inspect(source, None, "--overwrite", *ARGUMENTS)
    assert again.code == 2
    assert "which this run would replace" in again.stderr
    assert source.exists()
