"""Tests that originals are the exact frames, that they are bounded, and which frames have one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.core.arrays import Image, freeze
from inspector.core.errors import SinkError
from inspector.core.types import BadFrame, Cause, Frame, Inspection, RunInfo, SourceInfo, Verdict
from inspector.outputs.options import OriginalsOptions
from inspector.outputs.originals import OriginalsSink
from inspector.render.side_by_side import SideBySide

UTC = "2026-01-31T12:00:00.000Z"
RENDER = SideBySide(display_range=(0, 3), unit="mm")


def noise(seed: int, hw: tuple[int, int] = (37, 51)) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3)).astype(np.uint8)


def inspection(frame_id: int, image: Image, verdict: Verdict = Verdict.PASS) -> Inspection:
    frame = Frame(frame_id, "cam", freeze(image), 1, None, UTC)
    cause = Cause.NOT_FINITE if verdict is Verdict.ERROR else None
    return Inspection(frame, verdict, 1.0, 1.0, score=0.5, cause=cause)


def write_all(folder: Path, options: OriginalsOptions, items: list[Inspection]) -> None:
    sink = OriginalsSink(folder, options)
    sink.open(RunInfo(SourceInfo("cam", True), folder, UTC, {}, {}, "c", "e", None, 1.0, 1.0))
    for item in items:
        sink.write(item, RENDER(item))
    sink.close()


def saved_frames(folder: Path) -> list[int]:
    return sorted(int(path.stem[-8:]) for path in folder.iterdir())


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_originals_hold_the_exact_pixels(tmp_path: Path, form: str) -> None:
    images = {3: noise(1), 7: noise(2, (1, 5)), 8: noise(3, (64, 33)), 12: np.zeros_like(noise(1))}
    items = [inspection(k, image) for k, image in images.items()]
    write_all(tmp_path / "o", OriginalsOptions(format=form), items)
    files = sorted((tmp_path / "o").iterdir())
    assert [path.name for path in files] == [f"frame_{k:08d}.{form}" for k in images]
    for path, image in zip(files, images.values(), strict=True):
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_COLOR), image)


def test_the_oldest_originals_make_room(tmp_path: Path) -> None:
    items = [inspection(k, noise(k)) for k in range(10)]
    options = OriginalsOptions(format="bmp", max_mb=0.02)
    write_all(tmp_path / "o", options, items)
    files = sorted((tmp_path / "o").iterdir())
    assert [path.name for path in files] == [f"frame_{k:08d}.bmp" for k in (7, 8, 9)]
    assert sum(path.stat().st_size for path in files) <= 20_000


def test_failures_stay_longer_than_good_frames(tmp_path: Path) -> None:
    verdicts = {1: Verdict.FAIL, 4: Verdict.ERROR}
    items = [inspection(k, noise(k), verdicts.get(k, Verdict.PASS)) for k in range(10)]
    write_all(tmp_path / "o", OriginalsOptions(format="bmp", max_mb=0.025), items)
    assert saved_frames(tmp_path / "o") == [1, 4, 8, 9]
    failures = [inspection(k, noise(k), Verdict.FAIL) for k in range(6)]
    write_all(tmp_path / "p", OriginalsOptions(format="bmp", max_mb=0.025), failures)
    assert saved_frames(tmp_path / "p") == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("share", "passed"),
    [(0.0, []), (0.25, [4, 9, 13, 17]), (0.4, [3, 5, 9, 11, 14, 16, 19]), (1.0, None)],
)
def test_failures_and_an_even_share_of_the_good_frames(
    tmp_path: Path, share: float, passed: list[int] | None
) -> None:
    """Frames 2 and 7 are no PASS frames, so they do not count for the share."""
    verdicts = {2: Verdict.FAIL, 7: Verdict.ERROR}
    items = [inspection(k, noise(k), verdicts.get(k, Verdict.PASS)) for k in range(20)]
    write_all(tmp_path / "o", OriginalsOptions(when="failures", pass_share=share), items)
    expected = range(20) if passed is None else sorted([2, 7, *passed])
    assert saved_frames(tmp_path / "o") == list(expected)


def test_a_share_is_exact_after_many_frames(tmp_path: Path) -> None:
    small = noise(0, (1, 1))
    items = [inspection(k, small) for k in range(3000)]
    write_all(tmp_path / "o", OriginalsOptions(when="failures", pass_share=0.07), items)
    assert len(saved_frames(tmp_path / "o")) == 210


def test_a_frame_without_a_picture_has_no_original(tmp_path: Path) -> None:
    bad = BadFrame(4, "cam", "damaged", 1, None, UTC, image=noise(1))
    error = Inspection(bad, Verdict.ERROR, 1.0, 1.0, error="damaged", cause=Cause.DECODE)
    write_all(tmp_path / "o", OriginalsOptions(), [error, inspection(5, noise(2))])
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["frame_00000005.png"]


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    sink = OriginalsSink(tmp_path / "o", OriginalsOptions())
    item = inspection(0, noise(1))
    with pytest.raises(SinkError, match="its folder is gone"):
        sink.write(item, RENDER(item))
