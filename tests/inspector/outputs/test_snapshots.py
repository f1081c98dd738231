"""Tests of the snapshots of failing frames."""

from pathlib import Path

import cv2
import pytest
from output_parts import FlatPicture, inspection, run_info

from inspector.core.errors import ConfigError, SinkError
from inspector.core.types import Verdict
from inspector.outputs.options import SnapshotOptions
from inspector.outputs.snapshots import SnapshotSink


def take(folder: Path, verdicts: list[Verdict], **changes: object) -> list[str]:
    options = SnapshotOptions(**({"max_count": 10} | changes))  # type: ignore[arg-type]
    sink = SnapshotSink(folder, options)
    sink.open(run_info())
    for number, verdict in enumerate(verdicts):
        sink.write(inspection(number, verdict=verdict), FlatPicture(100 + number))
    sink.close()
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("when", "names"),
    [
        ("fail", ["frame_00000001_FAIL.jpg"]),
        ("error", ["frame_00000002_ERROR.jpg"]),
        ("both", ["frame_00000001_FAIL.jpg", "frame_00000002_ERROR.jpg"]),
    ],
)
def test_only_configured_verdicts_are_saved(tmp_path: Path, when: str, names: list[str]) -> None:
    verdicts = [Verdict.PASS, Verdict.FAIL, Verdict.ERROR]
    assert take(tmp_path / "s", verdicts, when=when) == names


def test_a_snapshot_shows_its_picture(tmp_path: Path) -> None:
    take(tmp_path / "s", [Verdict.FAIL])
    image = cv2.imread(str(tmp_path / "s" / "frame_00000000_FAIL.jpg"))
    assert image.shape == (48, 64, 3)
    assert abs(float(image.mean()) - 100) < 1


def test_the_newest_snapshots_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "other.jpg").write_bytes(b"x")
    names = take(folder, [Verdict.FAIL] * 5, max_count=2)
    assert names == ["frame_00000003_FAIL.jpg", "frame_00000004_FAIL.jpg", "other.jpg"]


def test_a_limit_of_zero_saves_nothing(tmp_path: Path) -> None:
    assert take(tmp_path / "s", [Verdict.FAIL], max_count=0) == []


def test_a_snapshot_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    (folder / "frame_00000000_FAIL.jpg.part").mkdir(parents=True)
    with pytest.raises(SinkError, match=r"frame_00000000_FAIL\.jpg cannot be written"):
        take(folder, [Verdict.FAIL])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"when": "never"}, "when"), ({"max_count": -1}, "max_count"), ({"quality": 0}, "quality")],
)
def test_invalid_settings_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        take(tmp_path / "s", [], **changes)


def test_a_folder_that_was_removed_is_not_created_again(tmp_path: Path) -> None:
    sink = SnapshotSink(tmp_path / "s", SnapshotOptions())
    sink.open(run_info())
    (tmp_path / "s").rmdir()
    with pytest.raises(SinkError, match="its folder is gone"):
        sink.write(inspection(verdict=Verdict.FAIL), FlatPicture(100))
    assert list(tmp_path.iterdir()) == []
