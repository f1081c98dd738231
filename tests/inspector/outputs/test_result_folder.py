"""Tests which files of the output folder are removed before a run, and that lost ones are said."""

import threading
from pathlib import Path

import pytest
from output_parts import inspection, run_info

from inspector.core.errors import SinkError
from inspector.outputs.folder import DEFECTS, LOG, SIGHTINGS, ResultFolder


def test_overwriting_keeps_pictures_that_no_run_wrote(tmp_path: Path) -> None:
    snapshots = tmp_path / "snapshots"
    snapshots.mkdir()
    for name in ("frame_00000003_FAIL.jpg", "frame_00000004_ERROR.jpg.part", "holiday.jpg"):
        (snapshots / name).write_bytes(b"picture")
    ResultFolder(tmp_path, overwrite=True).clear()
    assert [path.name for path in snapshots.iterdir()] == ["holiday.jpg"]
    (snapshots / "holiday.jpg").rename(snapshots / "frame_00000001_FAIL.jpg")
    ResultFolder(tmp_path, overwrite=True).clear()
    assert not snapshots.exists()


def test_a_loss_after_the_last_frame_is_reported_at_the_end(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out", overwrite=False)
    folder.open(run_info())
    for name in (LOG, SIGHTINGS, DEFECTS):
        (tmp_path / "out" / name).touch()
    folder.write(inspection(), None)
    (tmp_path / "out" / SIGHTINGS).unlink()
    # The watch finds it before anybody asks.
    watches = [thread for thread in threading.enumerate() if thread.name == "folder watch"]
    for thread in watches:
        thread.join(10)
    folder.begin_close()
    with pytest.raises(SinkError, match="was removed or moved"):
        folder.close()


def test_pictures_of_defects_are_removed_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "defects"
    folder.mkdir()
    names = ("d1.jpg", "d12.jpg.part", "20260131T120000Z-5d1f03a2_main_d3.jpg")
    for name in (*names, "frame_00000007_defect_2.jpg", "scratch.jpg", "d1.png"):
        (folder / name).write_bytes(b"picture")
    ResultFolder(tmp_path, overwrite=True).clear()
    assert sorted(path.name for path in folder.iterdir()) == ["d1.png", "scratch.jpg"]
