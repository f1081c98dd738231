"""Tests which files of the output folder are removed before a run."""

from pathlib import Path

from inspector.outputs.folder import ResultFolder


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
